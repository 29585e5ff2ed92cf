import { describe, expect, it } from 'vitest';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { type Commands, commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { takingTurns } from '../../support/pipeline/turns.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { type Backend, onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

interface Crash {
  readonly failpoint: string;
  readonly what: 'cancel' | 'modify';
  /** What the command comes to: a cancel is made in any case, a modify is never made again. */
  readonly outcome: 'ACCEPTED' | 'UNKNOWN';
  readonly sends: number;
  /** asker: who asks for the command dies; poller: who reads what became of it. */
  readonly victim?: 'asker' | 'poller';
  /** It died before it had asked for anything: the caller heard nothing, and asks again. */
  readonly again?: true;
}

const RECOVERY_MS = 120_000;
/** Every failpoint of asking for a command, sending it and following it. */
const CRASHES: readonly Crash[] = [
  {
    ...{ failpoint: 'cancel.beforeCommit', what: 'cancel', outcome: 'ACCEPTED', sends: 1 },
    ...{ victim: 'asker', again: true },
  },
  { failpoint: 'cancel.afterCommit', what: 'cancel', outcome: 'ACCEPTED', sends: 1, victim: 'asker' },
  { failpoint: 'command.begin', what: 'cancel', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'command.afterClaim', what: 'cancel', outcome: 'ACCEPTED', sends: 2 },
  { failpoint: 'command.beforeCall', what: 'cancel', outcome: 'ACCEPTED', sends: 2 },
  { failpoint: 'command.afterCall', what: 'cancel', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'command.afterRecord', what: 'cancel', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'poll.beforeCommit', what: 'cancel', outcome: 'ACCEPTED', sends: 1, victim: 'poller' },
  { failpoint: 'poll.afterCommit', what: 'cancel', outcome: 'ACCEPTED', sends: 1, victim: 'poller' },
  {
    ...{ failpoint: 'modify.beforeCommit', what: 'modify', outcome: 'ACCEPTED', sends: 1 },
    ...{ victim: 'asker', again: true },
  },
  { failpoint: 'modify.afterCommit', what: 'modify', outcome: 'ACCEPTED', sends: 1, victim: 'asker' },
  { failpoint: 'command.begin', what: 'modify', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'command.afterClaim', what: 'modify', outcome: 'UNKNOWN', sends: 1 },
  { failpoint: 'command.beforeCall', what: 'modify', outcome: 'UNKNOWN', sends: 1 },
  { failpoint: 'command.afterCall', what: 'modify', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'command.afterRecord', what: 'modify', outcome: 'ACCEPTED', sends: 1 },
  { failpoint: 'poll.beforeCommit', what: 'modify', outcome: 'ACCEPTED', sends: 1, victim: 'poller' },
  { failpoint: 'poll.afterCommit', what: 'modify', outcome: 'ACCEPTED', sends: 1, victim: 'poller' },
];

/** Every failpoint of a person's decision about an order in doubt, with what it comes to. */
const DECISIONS = [
  { failpoint: 'resolve.beforeCommit', decision: 'neverPlaced', left: 'UNKNOWN', ending: 'REJECTED' },
  { failpoint: 'resolve.afterCommit', decision: 'neverPlaced', left: 'REJECTED', ending: 'REJECTED' },
  { failpoint: 'resolve.beforeCommit', decision: 'adopt', left: 'UNKNOWN', ending: 'OPEN' },
  { failpoint: 'resolve.afterCommit', decision: 'adopt', left: 'OPEN', ending: 'OPEN' },
] as const;
type Decided = (typeof DECISIONS)[number];

const PERSON = 'test/support/pipeline/act-program.ts';
const PRICE = '2301.00';
const turns = takingTurns();

onEachBackend((backend) => {
  describe.concurrent('a process killed with -9', () => {
    it.each(CRASHES.map((crash) => [crash.failpoint, crash.what, crash.outcome, crash] as const))(
      'at %s of a %s leaves a command that ends as %s by the book',
      async (_, __, ___, crash) => turns.take(() => killAtCommand(backend, crash)),
      900_000,
    );

    it.each(DECISIONS.map((one) => [one.failpoint, one.decision, one.ending, one] as const))(
      'at %s of %s leaves a doubt that ends as %s once, when it is asked again',
      async (_, __, ___, decided) => turns.take(() => killAtDecision(backend, decided)),
      900_000,
    );
  });
});

/** A claim without an answer is looked into after the time-out. */
const ENVIRONMENT = { BROKER_TIMEOUT_MS: '2000', SEND_WINDOW_MS: '2000', MODIFY_CONFIRM_MS: '500' };

async function killAtCommand(backend: Backend, crash: Crash): Promise<void> {
  const pipeline = await startPipeline({ backend, roles: [], environment: ENVIRONMENT });
  const commands = commandsOf(pipeline);
  const poller = pipeline.startRole('fillPoller');
  let victim: WorkerProcess | null = null;
  try {
    const order = await resting(pipeline);
    const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${crash.failpoint}:kill` };
    const ask = () =>
      crash.what === 'cancel' ? commands.cancel(order) : commands.modify(order, { price: PRICE });
    if (crash.victim === 'asker') {
      victim = startWorkerProcess(PERSON, environment, [order.id, crash.what, PRICE]);
    } else if (crash.victim === 'poller') {
      await poller.stop();
      await ask();
      victim = startWorkerProcess('fill-poller', environment);
      pipeline.startRole('submitter');
    } else {
      victim = startWorkerProcess('submitter', environment);
      await ask();
    }
    expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
    if (crash.again === true) {
      expect(await commands.of(order)).toEqual([]);
      await ask();
    }
    pipeline.startRole(crash.victim === 'poller' ? 'fillPoller' : 'submitter');
    for (const role of ['dispatcher', 'reconciler'] as const) pipeline.startRole(role);
    await expectEnd(pipeline, commands, order, crash);
    await everythingAddsUp(pipeline);
  } finally {
    await victim?.kill();
    await pipeline.stop();
  }
}

async function resting(pipeline: Pipeline): Promise<{ readonly id: string }> {
  const { id } = await pipeline.place({ ...RESTING, maxAgeMs: 0 });
  const step = { accountId: 'main', orderId: id };
  await validateOrder(pipeline.parts.context, step);
  await submitOrder(pipeline.parts.context, step);
  await pipeline.waitForStatus({ id }, 'OPEN');
  return { id };
}

async function expectEnd(
  pipeline: Pipeline,
  commands: Commands,
  order: { id: string },
  crash: Crash,
): Promise<void> {
  expect(await commands.outcomes(order, 1, RECOVERY_MS)).toEqual([crash.outcome]);
  expect(await commands.of(order)).toMatchObject([{ sends: crash.sends }]);
  const after = await pipeline.order(order.id);
  if (crash.what === 'cancel') expect(after.status).toBe('CANCELLED');
  else expect(after.price?.toFixed(2)).toBe(crash.outcome === 'ACCEPTED' ? PRICE : '2300.00');
  const [row, ...more] = (await pipeline.book()).orders;
  expect(row?.price).toBe(Number(after.price));
  expect(more).toEqual([]);
}

async function killAtDecision(
  backend: Backend,
  { failpoint, decision, left, ending }: Decided,
): Promise<void> {
  const pipeline = await startPipeline({ backend, environment: ENVIRONMENT });
  let victim: WorkerProcess | null = null;
  try {
    await pipeline.addFault({ call: 'placeOrder', kind: 'timeout' });
    const order = await pipeline.place({ ...RESTING, maxAgeMs: 0 });
    await pipeline.waitForStatus(order, 'UNKNOWN');
    // What a person finds at the broker without our tag; it is followed as somebody else's until then.
    const outside = { side: 'BUY', quantity: 10, price: '2300.00' } as const;
    const id = decision === 'adopt' ? await outsideOf(pipeline).place(outside) : '';
    const args = [order.id, decision, id];
    const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${failpoint}:kill` };
    victim = startWorkerProcess(PERSON, environment, args);
    expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
    await pipeline.waitForStatus(order, left);

    // The person heard nothing, and asks again.
    victim = startWorkerProcess(PERSON, pipeline.environment, args);
    expect(await victim.ended(), victim.output()).toEqual({ code: 0, signal: null });
    expect(victim.output()).toContain('true');
    const ended = await pipeline.waitForStatus(order, ending, RECOVERY_MS);
    expect(ended).toMatchObject({ attempt: 1, brokerOrderId: decision === 'adopt' ? id : null });
    const decided = (await pipeline.kinds(order.id)).filter((kind) =>
      ['OrderSubmitted', 'OrderRejected'].includes(kind),
    );
    expect(decided).toHaveLength(1);
    expect((await pipeline.book()).orders).toHaveLength(decision === 'adopt' ? 1 : 0);
    await everythingAddsUp(pipeline);
  } finally {
    await victim?.kill();
    await pipeline.stop();
  }
}

async function everythingAddsUp(pipeline: Pipeline): Promise<void> {
  await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), {
    what: 'every invariant',
    timeoutMs: RECOVERY_MS,
  });
  expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
}
