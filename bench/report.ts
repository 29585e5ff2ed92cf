import type { IdleCost } from './idle.ts';
import type { CpuCost, Round, RoundSettings } from './rounds.ts';
import type { StepTrips } from './round-trips.ts';
import { median, round } from './statistics.ts';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface StepCount {
  readonly step: string;
  readonly roundTrips: number;
  readonly statements: number;
  readonly besidesBeginAndCommit: number;
}

export interface Results {
  readonly date: string;
  /** Of the sources that were measured. */
  readonly commit: string;
  readonly machine: { readonly cores: number; readonly processor: string; readonly memoryGiB: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: RoundSettings & { readonly pairs: number };
  readonly throughput: {
    readonly pipelinePerSecond: Spread;
    readonly floorPerSecond: Spread;
    readonly ratio: Spread;
  };
  readonly acceptToWireMs: {
    readonly pipelineP50: Spread;
    readonly floorP50: Spread;
    readonly ratioP50: Spread;
    readonly pipelineP99: Spread;
    readonly floorP99: Spread;
  };
  readonly steps: readonly StepCount[];
  readonly journalEntriesPerOrder: number;
  readonly redisCommandsPerOrder: { readonly pipeline: number; readonly floor: number };
  readonly cpuMsPerOrder: { readonly pipeline: CpuCost; readonly floor: CpuCost };
  readonly residentMiB: { readonly underLoad: number; readonly idle: number | null };
  readonly idleCpuPercentOfACore: number | null;
}

const MISSED = 'MISSED';
export const TARGETS = {
  throughputRatio: 0.8,
  wireRatio: 1.5,
  roundTripsPerStep: 4,
  residentMiB: 250,
  idleCpuPercent: 5,
} as const;

export function summarize(
  about: Pick<Results, 'date' | 'commit' | 'machine' | 'versions' | 'settings'>,
  rounds: readonly Round[],
  trips: readonly StepTrips[],
  idle: IdleCost | null,
): Results {
  const ours = rounds.filter((one) => one.side === 'pipeline');
  const floor = rounds.filter((one) => one.side === 'floor');
  const pairs = ours.map((one, index) => [one, floor[index] ?? one] as const);
  return {
    ...about,
    throughput: {
      pipelinePerSecond: spread(
        ours.map((one) => one.ordersPerSecond),
        0,
      ),
      floorPerSecond: spread(
        floor.map((one) => one.ordersPerSecond),
        0,
      ),
      ratio: spread(pairs.map(([a, b]) => a.ordersPerSecond / b.ordersPerSecond)),
    },
    acceptToWireMs: {
      pipelineP50: spread(ours.map((one) => one.acceptToWireMs.p50)),
      floorP50: spread(floor.map((one) => one.acceptToWireMs.p50)),
      ratioP50: spread(pairs.map(([a, b]) => a.acceptToWireMs.p50 / b.acceptToWireMs.p50)),
      pipelineP99: spread(ours.map((one) => one.acceptToWireMs.p99)),
      floorP99: spread(floor.map((one) => one.acceptToWireMs.p99)),
    },
    steps: stepCounts(trips),
    journalEntriesPerOrder: round(median(ours.map((one) => one.proof?.journalPerOrder ?? NaN))),
    redisCommandsPerOrder: {
      pipeline: round(median(ours.map((one) => one.redisCommandsPerOrder)), 1),
      floor: round(median(floor.map((one) => one.redisCommandsPerOrder)), 1),
    },
    cpuMsPerOrder: {
      pipeline: medianCost(ours),
      floor: medianCost(floor),
    },
    residentMiB: {
      underLoad: mebibytes(Math.max(...ours.map((one) => one.residentBytes))),
      idle: idle === null ? null : mebibytes(idle.residentBytes),
    },
    idleCpuPercentOfACore: idle === null ? null : round(idle.cpuShare * 100, 1),
  };
}

function spread(values: readonly number[], digits = 2): Spread {
  return {
    median: round(median(values), digits),
    least: round(Math.min(...values), digits),
    most: round(Math.max(...values), digits),
  };
}

function medianCost(rounds: readonly Round[]): CpuCost {
  const of = (key: keyof CpuCost) => round(median(rounds.map((one) => one.cpuMsPerOrder[key])));
  return { own: of('own'), postgres: of('postgres'), redis: of('redis'), broker: of('broker') };
}

export function cpuText({ own, postgres, redis, broker }: CpuCost): string {
  return `${round(own)} ms, Postgres ${round(postgres)}, Redis ${round(redis)}, broker ${round(broker)}`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function stepCounts(trips: readonly StepTrips[]): StepCount[] {
  return [...new Set(trips.map((one) => one.step))].map((step) => {
    const of = trips.filter((one) => one.step === step);
    return {
      step,
      roundTrips: median(of.map((one) => one.roundTrips)),
      statements: median(of.map((one) => one.statements)),
      besidesBeginAndCommit: median(of.map((one) => one.besidesFrame)),
    };
  });
}

/** Whether a target of the table is missed. */
export function missesTargets(results: Results): boolean {
  return table(results).includes(MISSED);
}

/** The results as a table for people; the last column says whether the target is met. */
export function table(results: Results): string {
  const { throughput, acceptToWireMs: wire, residentMiB, redisCommandsPerOrder: redis } = results;
  const range = (of: Spread, unit = '') => `${of.median}${unit}  (${of.least} to ${of.most})`;
  const mostTrips = Math.max(...results.steps.map((step) => step.roundTrips));
  const rows: (readonly [string, string, string])[] = [
    ['accepted to filled, this pipeline', range(throughput.pipelinePerSecond, '/s'), ''],
    ['accepted to filled, floor', range(throughput.floorPerSecond, '/s'), ''],
    [
      'throughput, share of the floor',
      range(throughput.ratio),
      target(throughput.ratio.median >= TARGETS.throughputRatio, `>= ${TARGETS.throughputRatio}`),
    ],
    ['accept to wire p50, this pipeline', range(wire.pipelineP50, ' ms'), ''],
    ['accept to wire p50, floor', range(wire.floorP50, ' ms'), ''],
    [
      'accept to wire p50, times the floor',
      range(wire.ratioP50),
      target(wire.ratioP50.median <= TARGETS.wireRatio, `<= ${TARGETS.wireRatio}`),
    ],
    ['accept to wire p99, this pipeline', range(wire.pipelineP99, ' ms'), ''],
    ['accept to wire p99, floor', range(wire.floorP99, ' ms'), ''],
    ...results.steps.map((step): [string, string, string] => [
      `round trips of "${step.step}", begin and commit in them`,
      `${step.roundTrips}  (${step.besidesBeginAndCommit} statements besides begin and commit)`,
      '',
    ]),
    [
      'most round trips of a step',
      String(mostTrips),
      target(mostTrips <= TARGETS.roundTripsPerStep, `<= ${TARGETS.roundTripsPerStep}`),
    ],
    ['journal entries per order', String(results.journalEntriesPerOrder), ''],
    ['Redis commands per order', `${redis.pipeline}  (floor ${redis.floor})`, ''],
    ['CPU time per order, this pipeline', cpuText(results.cpuMsPerOrder.pipeline), ''],
    ['CPU time per order, floor', cpuText(results.cpuMsPerOrder.floor), ''],
    ['resident under load, whole process', `${residentMiB.underLoad} MiB`, ''],
  ];
  if (residentMiB.idle !== null && results.idleCpuPercentOfACore !== null) {
    const idle = results.idleCpuPercentOfACore;
    rows.push(
      [
        'resident idle, as npm start',
        `${residentMiB.idle} MiB`,
        target(residentMiB.idle <= TARGETS.residentMiB, `<= ${TARGETS.residentMiB}`),
      ],
      [
        'idle CPU, as npm start',
        `${idle}% of a core`,
        target(idle <= TARGETS.idleCpuPercent, `<= ${TARGETS.idleCpuPercent}%`),
      ],
    );
  }
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  return rows
    .map(([what, value, goal]) => `  ${what.padEnd(width(0))}  ${value.padEnd(width(1))}  ${goal}`)
    .join('\n');
}

function target(met: boolean, goal: string): string {
  return `${met ? 'met' : MISSED}, target ${goal}`;
}
