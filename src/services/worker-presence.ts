import os from 'node:os';
import { type WorkerIdentity, beatPresence, endPresence } from '../db/stores/worker-presence-store.ts';
import type { Context } from './context.ts';
import { isSchemaAhead } from './read-database-state.ts';

const BEAT_MS = 5000;

export interface Presence {
  stop(): Promise<void>;
}

/**
 * Says every few seconds that this process lives, with the version of its build. A database that was migrated past what
 * the build knows is another system's by now: `onSchemaAhead` is called once, to stop before harm is done.
 */
export function startPresence(
  { db, log, newId }: Pick<Context, 'db' | 'log' | 'newId'>,
  of: Pick<WorkerIdentity, 'role' | 'version' | 'schemaVersion'>,
  onSchemaAhead: () => void,
): Presence {
  const worker = { ...of, id: newId(), host: os.hostname(), pid: process.pid };
  let told = false;
  let stopped = false;
  const beat = async (): Promise<void> => {
    try {
      await beatPresence(db, worker);
      if (told || stopped || !(await isSchemaAhead(db))) return;
      told = true;
      onSchemaAhead();
    } catch (error) {
      log.debug({ err: error, role: of.role }, 'a sign of life was missed');
    }
  };
  let last = beat();
  const timer = setInterval(() => {
    last = beat();
  }, BEAT_MS);
  timer.unref();
  return {
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await last;
      await endPresence(db, worker.id).catch(() => undefined);
    },
  };
}
