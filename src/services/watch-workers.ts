import {
  type WorkerChange,
  beatWorker,
  endWorker,
  readSilentWorkers,
  readWorkerChanges,
  workerCondition,
} from '../db/stores/worker-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

const BEAT_MS = 5000;
/** Four beats missed: longer than a pause of a busy machine. */
const DOWN_AFTER_MS = 20_000;

/** Says now and then that a process of this role lives. Its end, when it is asked for, is no loss; a kill is. */
export function startWorkerBeat(
  { db, log }: Pick<Context, 'db' | 'log'>,
  role: string,
): { stop(): Promise<void> } {
  const beat = (): void => {
    void beatWorker(db, role).catch((error: unknown) =>
      log.debug({ err: error, role }, 'a heartbeat was missed'),
    );
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await endWorker(db, role);
    },
  };
}

/** Roles that fell silent, as readiness shows them. */
export async function findSilentRoles({ db }: Pick<Context, 'db'>): Promise<string[]> {
  return readSilentWorkers(db, DOWN_AFTER_MS);
}

/**
 * Tells of worker processes that fell silent, and ends the alert of those that are back. The dispatcher calls it, and
 * the alerter too: whichever of them is dead is told by the other. Two at once tell once.
 */
export async function tellWorkersDown(
  context: Pick<Context, 'db' | 'withAccount' | 'newId' | 'processName'>,
): Promise<void> {
  const changes = await readWorkerChanges(context.db, DOWN_AFTER_MS);
  if (changes.length === 0) return;
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      for (const change of changes) {
        if (!change.isDown) view.clearAlert(workerCondition(change.role));
        else view.raiseAlert({ id: context.newId(), ...alertOf(change) });
      }
    },
  });
}

function alertOf({ role, silentMs }: WorkerChange) {
  const seconds = Math.round(silentMs / 1000);
  return {
    severity: 'CRITICAL',
    type: 'worker_down',
    message: `no process of ${role} has been heard of for ${seconds} s (limit ${DOWN_AFTER_MS / 1000} s): start it again; until then ${meanwhile(role)}`,
    details: { role, silentMs: Math.round(silentMs) },
    orderId: null,
    condition: workerCondition(role),
  } as const;
}

function meanwhile(role: string): string {
  if (role === 'all') return 'nothing is checked, sent or followed';
  if (role === 'dispatcher')
    return 'the queues alone bring the work, and a job that is lost is not found again';
  return 'the dispatcher takes due steps itself';
}

const LOOK_MS = 10_000;

/** Looks for roles that fell silent while the dispatcher, whose duty it is, may be one of them. */
export function startWorkerWatch(
  context: Parameters<typeof tellWorkersDown>[0] & Pick<Context, 'log'>,
  lookMs = LOOK_MS,
): { stop(): void } {
  const timer = setInterval(() => {
    void tellWorkersDown(context).catch((error: unknown) =>
      context.log.debug({ err: error }, 'the workers could not be looked at'),
    );
  }, lookMs);
  return { stop: () => clearInterval(timer) };
}
