/** All that `npm start` runs on a fresh machine, with nothing to do: what it costs to leave it on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runAll } from '../src/runtime/all.ts';
import { endPrivatePostgres, findPrivatePostgres } from '../src/runtime/private-postgres.ts';
import { serveCalls } from './child.ts';
import { readTree } from './process-tree.ts';

/** Of our process and of the private Postgres with its sessions, which outweigh it. */
export interface IdleCost {
  readonly processes: number;
  /** Share of one core. */
  readonly cpuShare: number;
  readonly residentBytes: number;
}

const started = runAll({});

serveCalls({
  measure: async (of: { dataDir: string; settleMs: number; forMs: number }): Promise<IdleCost> => {
    await started;
    const postgres = await findPrivatePostgres({ dataDir: of.dataDir });
    const roots = [process.pid, ...(postgres === null ? [] : [postgres.pid])];
    await sleep(of.settleMs);
    const before = await readTree(roots);
    const began = performance.now();
    await sleep(of.forMs);
    const after = await readTree(roots);
    return {
      processes: after.processes,
      residentBytes: after.residentBytes,
      cpuShare: (after.cpuMs - before.cpuMs) / (performance.now() - began),
    };
  },
  end: (dataDir: string) => endPrivatePostgres({ dataDir }),
});
