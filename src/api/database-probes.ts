import type { Database } from '../db/client.ts';
import {
  countPendingMigrations,
  isDatabaseUp,
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
        return pending === 0 ? { ok: true } : { ok: false, detail: `${pending} not applied` };
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
