/** The composed process of `npm start` with nothing to do: what it costs to leave it on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runAll } from '../src/runtime/all.ts';
import { serveCalls } from './child.ts';

export interface IdleCost {
  /** Share of one core. */
  readonly cpuShare: number;
  readonly residentBytes: number;
}

const started = runAll({});

serveCalls({
  measure: async ({ settleMs, forMs }: { settleMs: number; forMs: number }): Promise<IdleCost> => {
    await started;
    await sleep(settleMs);
    const before = process.cpuUsage();
    const began = performance.now();
    await sleep(forMs);
    const { user, system } = process.cpuUsage(before);
    return {
      cpuShare: (user + system) / 1000 / (performance.now() - began),
      residentBytes: process.memoryUsage().rss,
    };
  },
});
