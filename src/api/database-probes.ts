import type { Database } from '../db/client.ts';
import {
  countPendingMigrations,
  isDatabaseUp,
  isSchemaAhead,
  areInstrumentsListed,
} from '../services/read-database-state.ts';
import type { Probe } from './health.ts';

/** The parts of readiness that the database tells: it answers, its schema is this build's, instruments are loaded. */
export function databaseProbes(db: Database): Probe[] {
  return [
    { name: 'postgres', required: true, probe: async () => ({ ok: await isDatabaseUp(db) }) },
    {
      name: 'migrations',
      required: true,
      probe: async () => {
        const pending = await countPendingMigrations(db);
        if (pending > 0) return { ok: false, detail: `${pending} not applied` };
        if (await isSchemaAhead(db)) return { ok: false, detail: 'the database is of a newer version' };
        return { ok: true };
      },
    },
    {
      name: 'instruments',
      required: true,
      probe: async () =>
        (await areInstrumentsListed(db)) ? { ok: true } : { ok: false, detail: "today's list is not loaded" },
    },
  ];
}
