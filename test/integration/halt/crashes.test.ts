import { describe, expect, it } from 'vitest';
import { resolveOrder } from '../../../src/services/resolve-order.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import type { Running } from '../../../src/runtime/roles.ts';
import {
  type Backend,
  onEachBackend,
  type Pipeline,
  type RoleName,
  startPipeline,
} from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { MARKET, RESTING, SHARES, shareEntry } from '../../support/pipeline/requests.ts';
import { takingTurns } from '../../support/pipeline/turns.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

interface Crash {
  readonly failpoint: string;
  readonly program: string;
  /** The role that the victim alone has until it is dead; null: it is the one who halts. */
  readonly role: RoleName | null;
  /** Nothing fills before the victim is dead, so that it looks as often as its failpoint counts. */
  readonly unfilled?: true;
}

const CLI = 'src/cli/main.ts';
/** Exits are claimed in groups, so a kill at the call of one leaves others claimed that were never sent. */
const CRASHES: readonly Crash[] = [
  { failpoint: 'halt.afterCommit', program: CLI, role: null },
  { failpoint: 'operation.look', program: 'submitter', role: 'submitter' },
  { failpoint: 'operation.afterLook', program: 'submitter', role: 'submitter' },
  { failpoint: 'operation.afterLook@3', program: 'submitter', role: 'submitter', unfilled: true },
  { failpoint: 'command.afterCall', program: 'submitter', role: 'submitter' },
  { failpoint: 'submit.beforeCall@2', program: 'submitter', role: 'submitter' },
  { failpoint: 'submit.afterCall@2', program: 'submitter', role: 'submitter' },
  { failpoint: 'submit.afterRecord@4', program: 'submitter', role: 'submitter' },
  { failpoint: 'poll.beforeCommit', program: 'fill-poller', role: 'fillPoller' },
  { failpoint: 'dispatch.beat@2', program: 'dispatcher', role: 'dispatcher' },
];
const ROLES: readonly RoleName[] = [
  'validator',
  'submitter',
  'fillPoller',
  'reconciler',
  'marketData',
  'dispatcher',
];
const RECOVERY_MS = 120_000;
const turns = takingTurns();

onEachBackend((backend) => {
  describe.concurrent('during a flatten of five positions', () => {
    it.each(CRASHES.map((crash) => [crash.program, crash.failpoint, crash] as const))(
      'U19 a kill -9 of %s at %s leaves nothing open, nothing reversed, and trading HALTED',
      async (_, __, crash) => turns.take(() => killDuringFlatten(backend, crash)),
      900_000,
    );
  });
});

/** Every kind of worker but the API, which a flatten does not need once it was asked for. */
const KINDS: readonly (readonly [program: string, role: RoleName])[] = [
  ['validator', 'validator'],
  ['submitter', 'submitter'],
  ['fill-poller', 'fillPoller'],
  ['reconciler', 'reconciler'],
  ['market-data', 'marketData'],
  ['risk-monitor', 'riskMonitor'],
  ['alerter', 'alerter'],
  ['dispatcher', 'dispatcher'],
];

onEachBackend((backend) => {
  it(
    'a kill -9 of every kind of worker, one after another while the exits rest, leaves nothing open and nothing reversed',
    () => turns.take(() => killEveryKind(backend)),
    900_000,
  );
});

/** Each kind runs as one process; what takes its place after the kill runs here. */
async function killEveryKind(backend: Backend): Promise<void> {
  const pipeline = await startPipeline({ backend, roles: [], environment: { BROKER_TIMEOUT_MS: '2000' } });
  const victims = KINDS.map(([program]) => startWorkerProcess(program, pipeline.environment));
  try {
    await Promise.all(victims.map((one) => one.ready()));
    await openFive(pipeline);
    await pipeline.changeSettings({ fillProbability: 0 });
    await flatten(pipeline);
    const exits = () =>
      pipeline.sql(`select distinct instrument_id from orders where role = 'EXIT' and attempt > 0`);
    await eventually(async () => expect(await exits()).toHaveLength(5), {
      what: 'five exits to be sent',
      timeoutMs: RECOVERY_MS,
    });
    for (const [n, [, role]] of KINDS.entries()) {
      await victims[n]?.kill();
      expect(await victims[n]?.ended()).toEqual({ code: null, signal: 'SIGKILL' });
      pipeline.startRole(role);
    }
    // Nothing has filled: every kill was during the flatten.
    expect(await pipeline.sql('select distinct state from operations')).toEqual([{ state: 'RUNNING' }]);
    await pipeline.changeSettings({ fillProbability: 1 });
    await expectFlattened(pipeline);
  } finally {
    await Promise.all(victims.map((one) => one.kill()));
    await pipeline.stop();
  }
}

async function killDuringFlatten(
  backend: Backend,
  { failpoint, program, role, unfilled }: Crash,
): Promise<void> {
  const pipeline = await startPipeline({ backend, roles: [], environment: { BROKER_TIMEOUT_MS: '2000' } });
  const running = new Map<RoleName, Running>(ROLES.map((one) => [one, pipeline.startRole(one)]));
  let victim: WorkerProcess | null = null;
  try {
    await openFive(pipeline);
    const resting = await pipeline.place({ ...RESTING, quantity: 3, maxAgeMs: 0 });
    await pipeline.waitForStatus(resting, 'OPEN');
    // The victim alone has its role, and nobody steps in for it before it is dead.
    const absent: RoleName[] = role === null ? [] : [role, 'dispatcher', 'reconciler'];
    await Promise.all(absent.map(async (one) => running.get(one)?.stop()));
    if (unfilled === true) await pipeline.changeSettings({ fillProbability: 0 });
    const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${failpoint}:kill` };
    if (role === null) {
      victim = startWorkerProcess(program, environment, ['halt', '--flatten', '--reason', 'a test']);
    } else {
      victim = startWorkerProcess(program, environment);
      await victim.ready();
      await flatten(pipeline);
    }
    expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
    await pipeline.changeSettings({ fillProbability: 1 });
    for (const one of new Set(absent)) pipeline.startRole(one);

    await expectFlattened(pipeline);
    expect((await pipeline.order(resting.id)).status).toBe('CANCELLED');
  } finally {
    await victim?.kill();
    await pipeline.stop();
  }
}

/** The flatten ends, the account is flat and HALTED, and every row is what the journal says. */
async function expectFlattened(pipeline: Pipeline): Promise<void> {
  await eventually(
    async () => {
      await decideWhatIsInDoubt(pipeline);
      const rows = await pipeline.sql(`select state, details -> 'left' as left from operations`);
      expect(rows).toEqual([{ state: 'DONE', left: [] }]);
    },
    { what: 'the flatten to be done', timeoutMs: RECOVERY_MS, intervalMs: 200 },
  );
  await expectFlat(pipeline);
  await expectHalted(pipeline);
  await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), {
    what: 'every invariant',
    timeoutMs: RECOVERY_MS,
  });
  expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
}

/**
 * The person who is told of an order in doubt past its horizon looks at the exchange: where its tag is not in the book
 * the broker never had it. The flatten goes on by itself from there.
 */
async function decideWhatIsInDoubt(pipeline: Pipeline): Promise<void> {
  const told = await pipeline.sql<{ id: string; tag: string }>(
    `select o.id, o.attempt_tag as tag from orders o where o.status = 'UNKNOWN' and exists (
       select from alerts a where a.account_id = o.account_id and a.order_id = o.id and a.severity = 'CRITICAL')`,
  );
  if (told.length === 0) return;
  const held = new Set((await pipeline.book()).orders.map(({ tag }) => tag));
  for (const { id, tag } of told.filter((order) => !held.has(order.tag))) {
    const decided = await resolveOrder(pipeline.parts.context, {
      ...{ accountId: 'main', orderId: id, actor: 'a person', decision: 'neverPlaced', brokerOrderId: null },
      reason: `the exchange has no order with the tag ${tag}`,
    });
    expect(decided).toMatchObject({ ok: true, value: { status: 'REJECTED' } });
  }
}

async function openFive({ place, waitForStatus }: Pipeline): Promise<void> {
  const opened = SHARES.slice(0, 5).map(async ([symbol, price], n) => {
    const short = { side: 'SELL', stopLoss: '1400.00', takeProfit: '1330.00' } as const;
    const fields = { ...shareEntry(symbol, price), ...MARKET, quantity: 5 + n, ...(n === 4 ? short : {}) };
    await waitForStatus(await place(fields), 'FILLED');
  });
  await Promise.all(opened);
}

async function flatten({ parts }: Pipeline): Promise<void> {
  const done = await setTradingState(parts.context, {
    ...{ accountId: 'main', state: 'HALTED', scope: 'account', reason: 'a test', by: 'test', flatten: true },
  });
  if (!done.ok) throw new Error(done.error.message);
}

/** Flat at the exchange, and no position ever went through zero. */
async function expectFlat(pipeline: Pipeline): Promise<void> {
  expect((await pipeline.book()).positions.filter(({ quantity }) => quantity !== 0)).toEqual([]);
  const cycles = await pipeline.sql(
    `select symbol, max(cycle) as cycles from positions group by 1 having max(cycle) > 1`,
  );
  expect(cycles, 'positions that were reversed or opened again').toEqual([]);
}

/** Still halted, also for a process that begins now: entries are refused, exits are not asked for. */
async function expectHalted({ sql, place, waitForStatus }: Pipeline): Promise<void> {
  expect(await sql(`select trading_state from accounts where id = 'main'`)).toEqual([
    { trading_state: 'HALTED' },
  ]);
  const entry = await place({ maxAgeMs: 0 });
  expect(await waitForStatus(entry, 'final')).toMatchObject({
    status: 'REJECTED',
    failedCheck: 'CIRCUIT_BREAKER',
  });
}
