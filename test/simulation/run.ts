/**
 * The simulation: `npm run simulate -- --seed N --orders M`. Real servers, worker processes and the paper exchange as the
 * oracle; a safety phase under faults, then a liveness phase. A seed replays the load and the schedule of faults; how
 * the processes interleave is the machine's. Exits 1 when anything was violated.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { converge } from './liveness.ts';
import { Ledger, type Progress, playLoad } from './load.ts';
import { Nemesis, type Recovery } from './nemesis.ts';
import { type Options, parseInvocation } from './options.ts';
import { planLoad } from './plan.ts';
import { drawSchedule, nameOf } from './schedule.ts';
import { type Sometimes, countRareStates, neverReached } from './sometimes.ts';
import { judge } from './verdict.ts';
import { openAccounts, type Servers, startServers, startWorld } from './world.ts';

/** A set of this many seeds must have met every rare state; a short run may miss some. */
const WHOLE_SET = 5;

interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly orders: number;
  readonly kills: number;
  readonly convergedMs: number;
  readonly recoveries: readonly Recovery[];
  readonly sometimes: Sometimes;
}

async function runSeed(options: Options, servers: Servers): Promise<Outcome> {
  const plan = planLoad(options);
  const schedule = drawSchedule(options, plan.length);
  console.log(`seed ${options.seed}: ${plan.length} operations`);
  for (const { at, fault } of schedule) console.log(`  at ${at}: ${nameOf(fault)} ${JSON.stringify(fault)}`);
  const took = stopwatch();
  const world = await startWorld(options, servers);
  const ledger = new Ledger();
  const progress: Progress = { done: 0 };
  try {
    await world.workers.startAll();
    await openAccounts(world);
    await world.disturbExchange();
    took('to start');
    const nemesis = new Nemesis(world, ledger);
    let isOver = false;
    const load = playLoad(world, plan, ledger, progress).finally(() => (isOver = true));
    await Promise.all([load, nemesis.play(schedule, progress, () => isOver)]);
    took('of load and faults');
    const convergedMs = await converge(world, ledger);
    took('to rest');
    const violations = await judge(world, ledger, nemesis.spans);
    const sometimes = await countRareStates(world, ledger);
    const { kills, failpointKills } = world.workers;
    took('to judge');
    console.log(
      `seed ${options.seed}: ${violations.length === 0 ? 'passed' : 'FAILED'} (${took.seconds()}): ${ledger.accepted.size} orders, ` +
        `${kills} kills and ${failpointKills} at failpoints, at rest ${Math.round(convergedMs)} ms after the last fault`,
    );
    for (const violation of violations) console.log(`  VIOLATION ${violation}`);
    return {
      ...{ seed: options.seed, violations, convergedMs, sometimes, recoveries: nemesis.recoveries },
      ...{ orders: ledger.accepted.size, kills: kills + failpointKills },
    };
  } finally {
    await world.close();
  }
}

/** How long each part of a seed took, in words. */
function stopwatch(): ((part: string) => void) & { seconds(): string } {
  let last = performance.now();
  const parts: string[] = [];
  const note = (part: string): void => {
    const now = performance.now();
    parts.push(`${Math.round((now - last) / 1000)} s ${part}`);
    last = now;
  };
  return Object.assign(note, { seconds: () => parts.join(', ') });
}

async function main(): Promise<number> {
  const invocation = parseInvocation(process.argv.slice(2));
  const { options, forMs } = invocation;
  console.log(JSON.stringify({ ...commitOf(), node: process.version, seeds: invocation.seeds, options }));
  const began = performance.now();
  const outcomes: Outcome[] = [];
  // Told to end, it says what it found so far; its processes and servers end with it (end-with-parent.mjs, reaper.ts).
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      if (outcomes.length > 0) report(outcomes, options);
      process.exit(1);
    });
  }
  const isTimeLeft = () => forMs !== null && performance.now() - began < forMs;
  let count = 0;
  const lane = async (): Promise<void> => {
    const servers = await startServers(options.backend);
    try {
      while (count < invocation.seeds.length || isTimeLeft()) {
        const beyond = Math.max(...invocation.seeds) + 1 + count - invocation.seeds.length;
        const seed = invocation.seeds[count] ?? beyond;
        count += 1;
        const outcome = await outcomeOf({ ...options, seed }, servers);
        if (invocation.againWhenLate && isOnlyLate(outcome)) {
          for (const violation of outcome.violations)
            console.log(`flaky: simulation, seed ${seed}: ${violation}`);
          outcomes.push(await outcomeOf({ ...options, seed }, servers));
        } else outcomes.push(outcome);
      }
    } finally {
      await servers.stop();
    }
  };
  await Promise.all(Array.from({ length: invocation.sideBySide }, lane));
  outcomes.sort((a, b) => a.seed - b.seed);
  return report(outcomes, options);
}

/** Bounds in time alone: an order that is lost, doubled or hidden is never a matter of how fast the machine is. */
const LATE =
  /^(trading (took|did not work again)|\d+ orders, \d+ operations and \d+ commands did not end in)/;

function isOnlyLate({ violations }: Outcome): boolean {
  return violations.length > 0 && violations.every((violation) => LATE.test(violation));
}

/** What stops a seed half-way is a violation, too: the others go on. */
async function outcomeOf(options: Options, servers: Servers): Promise<Outcome> {
  try {
    return await runSeed(options, servers);
  } catch (error) {
    const violation = `the run broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    console.log(`seed ${options.seed}: FAILED\n  VIOLATION ${violation}`);
    const nothing = { orders: 0, kills: 0, convergedMs: 0, recoveries: [], sometimes: {} };
    return { seed: options.seed, violations: [violation], ...nothing };
  }
}

function report(outcomes: readonly Outcome[], options: Omit<Options, 'seed'>): number {
  const sometimes: Sometimes = {};
  for (const outcome of outcomes) {
    for (const [name, times] of Object.entries(outcome.sometimes))
      sometimes[name] = (sometimes[name] ?? 0) + times;
  }
  console.log('\nsometimes');
  console.table(sometimes);
  console.log('recovery, ms after a fault ended until an order was filled');
  console.table(recoveryTable(outcomes.flatMap(({ recoveries }) => recoveries)));
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  const unreached = outcomes.length >= WHOLE_SET ? neverReached(sometimes) : [];
  for (const name of unreached) console.log(`VIOLATION never reached: ${name}`);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, one) => total + of(one), 0);
  console.log(
    `${outcomes.length} seeds, ${sum(({ orders }) => orders)} orders, ${sum(({ kills }) => kills)} kills: ` +
      `${outcomes.length - failed.length} passed, ${failed.length + (unreached.length > 0 ? 1 : 0)} failed`,
  );
  for (const { seed } of failed) {
    console.log(
      `again: npm run simulate -- --seed ${seed} --orders ${options.orders} --kills ${options.kills} --faults ${options.faults} ` +
        `--accounts ${options.accounts.length} --backend ${options.backend} --patience ${options.patience} --pace ${options.pace}`,
    );
  }
  return failed.length > 0 || unreached.length > 0 ? 1 : 0;
}

function recoveryTable(recoveries: readonly Recovery[]): Record<string, Record<string, number>> {
  const kinds = new Map<string, number[]>();
  for (const { fault, ms } of recoveries) {
    const kind = fault.startsWith('kill') ? 'kill' : fault;
    kinds.set(kind, [...(kinds.get(kind) ?? []), ms]);
  }
  const all = recoveries.map(({ ms }) => ms);
  const rows = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    [...rows, ['all', all] as const].map(([kind, times]) => [
      kind,
      { samples: times.length, p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
    ]),
  );
}

function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

function commitOf(): { readonly commit: string; readonly dirty: boolean } {
  const git = (...args: readonly string[]): string => {
    try {
      const cwd = fileURLToPath(new URL('.', import.meta.url));
      return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return '';
    }
  };
  return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain') !== '' };
}

// What is waited for when servers stop keeps no process running by itself: without this the report would not be made.
setInterval(() => undefined, 1000);
// What is still open is not ours to wait for.
process.exit(await main());
