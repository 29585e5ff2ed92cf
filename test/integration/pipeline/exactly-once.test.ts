import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { callsOf, control } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type TcpProxy, startTcpProxy } from '../../support/tcp-proxy.ts';
import { eventually, waitFor } from '../../support/wait.ts';

type Ending =
  /** The broker has it: its answer, or the book, says so, and the order goes on to FILLED. */
  | { readonly kind: 'filled'; readonly via: 'ANSWER' | 'BOOK' | 'EITHER'; readonly alerted?: true }
  /** The broker never had it, but nobody can know: stays UNKNOWN, searched, told after the horizon. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'rejected'; readonly book: readonly string[] }
  /** Certainly not placed: a new attempt with a new tag after a pause of so many seconds. */
  | { readonly kind: 'released'; readonly pauseSeconds: number };

/** Longer than a machine stops for, so that only a fault makes a call run out of time. */
const BROKER_TIMEOUT_MS = 3000;

/** Every fault that the control port can put on a placement. Each account is a user of its own at the exchange. */
const FAULTS: Readonly<Record<string, { readonly fault: object; readonly ending: Ending }>> = {
  accept_then_timeout: { fault: { kind: 'acceptThenTimeout' }, ending: { kind: 'filled', via: 'BOOK' } },
  accept_then_reset: { fault: { kind: 'acceptThenReset' }, ending: { kind: 'filled', via: 'BOOK' } },
  server_error_after: { fault: { kind: 'serverErrorAfterAccept' }, ending: { kind: 'filled', via: 'BOOK' } },
  html_after: { fault: { kind: 'htmlOkAfterAccept' }, ending: { kind: 'filled', via: 'BOOK' } },
  bad_request_after: {
    fault: { kind: 'badRequestTimedOutAfterAccept' },
    ending: { kind: 'filled', via: 'BOOK' },
  },
  truncated: { fault: { kind: 'truncated' }, ending: { kind: 'filled', via: 'BOOK' } },
  too_slow: {
    fault: { kind: 'slow', delayMs: 2 * BROKER_TIMEOUT_MS },
    ending: { kind: 'filled', via: 'BOOK' },
  },
  late_and_silent: {
    // Hidden until the test shows it.
    fault: { kind: 'lateVisibility', silent: true, delayMs: 3_600_000 },
    ending: { kind: 'filled', via: 'BOOK', alerted: true },
  },
  late: { fault: { kind: 'lateVisibility', delayMs: 1500 }, ending: { kind: 'filled', via: 'ANSWER' } },
  // A poll may look before the answer is there.
  slow: { fault: { kind: 'slow', delayMs: 200 }, ending: { kind: 'filled', via: 'EITHER' } },
  timeout: { fault: { kind: 'timeout' }, ending: { kind: 'unknown' } },
  reset: { fault: { kind: 'reset' }, ending: { kind: 'unknown' } },
  server_error: { fault: { kind: 'serverError' }, ending: { kind: 'unknown' } },
  html: { fault: { kind: 'htmlOk' }, ending: { kind: 'unknown' } },
  refuse: { fault: { kind: 'refuse' }, ending: { kind: 'rejected', book: [] } },
  reject_at_exchange: {
    fault: { kind: 'rejectAtExchange' },
    ending: { kind: 'rejected', book: ['REJECTED'] },
  },
  rate_limited: { fault: { kind: 'rateLimited' }, ending: { kind: 'released', pauseSeconds: 10 } },
  forbidden: { fault: { kind: 'forbidden' }, ending: { kind: 'released', pauseSeconds: 30 } },
};
const NAMES = Object.keys(FAULTS);
const READ_FAULTS = [
  'serverError',
  'htmlOk',
  'emptyList',
  'truncated',
  'timeout',
  'reset',
  'forbidden',
  'rateLimited',
];

interface Attempt {
  readonly attempt: number;
  readonly tag: string;
  readonly outcome: string | null;
  readonly broker_order_id: string | null;
}

onEachBackend((backend) => {
  let pipeline: Pipeline;
  const placed = new Map<string, OrderRow['id']>();

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend, disturbed: true },
      accounts: ['main', 'reads', ...NAMES],
      environment: { BROKER_TIMEOUT_MS: String(BROKER_TIMEOUT_MS) },
    });
    for (const name of NAMES) {
      await pipeline.addFault({ call: 'placeOrder', user: name, ...FAULTS[name]?.fault });
      placed.set(name, (await pipeline.place({ account: name, maxAgeMs: 0 })).id);
    }
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const orderOf = (name: string) => ({ id: placed.get(name) ?? '' });
  const attemptsOf = (orderId: string) =>
    pipeline.sql<Attempt>(
      'select attempt, tag, outcome, broker_order_id from order_attempts where order_id = $1 order by attempt',
      [orderId],
    );
  // But for the last call before 06:00 IST, which comes or not by when the tests are run.
  const alertsOf = async (orderId: string) =>
    (
      await pipeline.sql<{ type: string; severity: string }>(
        `select type, severity from alerts where order_id = $1 and condition not like '%:day-end'`,
        [orderId],
      )
    ).map(({ type, severity }) => `${severity} ${type}`);
  const untilAlerted = (orderId: string) =>
    eventually(async () => expect(await alertsOf(orderId)).toEqual(['CRITICAL order_unknown']), {
      what: 'the alert after the horizon',
    });
  const submission = async (orderId: string) =>
    (
      await pipeline.sql<{ kind: string }>(
        `select kind from journal j where entity = $1 and not exists (select from alerts a
          where a.id::text = j.data::jsonb ->> 'id' and a.condition like '%:day-end') order by seq`,
        [orderId],
      )
    )
      .map(({ kind }) => kind)
      .filter((kind) => /^Submission|^OrderSubmitted|^OrderRejected|^AlertRaised/.test(kind));

  describe('a placement', () => {
    it.each(NAMES.filter((name) => FAULTS[name]?.ending.kind === 'filled'))(
      'that the broker took is followed to FILLED by one order, whatever became of the answer (%s)',
      async (name) => {
        const ending = FAULTS[name]?.ending as Extract<Ending, { kind: 'filled' }>;
        if (ending.alerted === true) {
          await untilAlerted(orderOf(name).id);
          await control(pipeline.exchange, 'POST', '/orders/show');
        }
        const row = await pipeline.waitForStatus(orderOf(name), 'FILLED');
        const book = await pipeline.book(name);
        expect(book.orders).toMatchObject([
          { order_id: row.brokerOrderId, tag: row.attemptTag, filled_quantity: 10 },
        ]);
        const [submitted, ...more] = await pipeline.sql<{ via: string }>(
          `select data::jsonb ->> 'via' as via from journal where entity = $1 and kind = 'OrderSubmitted'`,
          [row.id],
        );
        expect(more).toEqual([]);
        expect(submitted?.via).toMatch(ending.via === 'EITHER' ? /ANSWER|BOOK/ : ending.via);
        expect(await attemptsOf(row.id)).toMatchObject([
          {
            attempt: 1,
            tag: row.attemptTag,
            outcome: submitted?.via === 'ANSWER' ? 'PLACED' : 'ADOPTED',
            broker_order_id: row.brokerOrderId,
          },
        ]);
        // A poll may find the order before its call has given up; UNKNOWN is then never reached.
        const sequence = (await submission(row.id)).filter((kind) => kind !== 'SubmissionUnknown');
        const alerts = ending.alerted === true ? ['AlertRaised'] : [];
        expect(sequence).toEqual(['SubmissionClaimed', ...alerts, 'OrderSubmitted']);
        expect(await alertsOf(row.id)).toEqual(alerts.map(() => 'CRITICAL order_unknown'));
      },
    );

    it.each(NAMES.filter((name) => FAULTS[name]?.ending.kind === 'unknown'))(
      'that may or may not have been taken stays UNKNOWN, is searched by its tag, and is told after the horizon (%s)',
      async (name) => {
        const row = await pipeline.waitForStatus(orderOf(name), 'UNKNOWN');
        await untilAlerted(row.id);
        const told = await pipeline.sql<{ after: number }>(
          `select extract(epoch from a.at - t.claimed_at)::float8 * 1000 as after from alerts a
            join order_attempts t on t.order_id = a.order_id
            where a.order_id = $1 and a.condition not like '%:day-end'`,
          [row.id],
        );
        expect(told[0]?.after).toBeGreaterThanOrEqual(pipeline.config.unknownHorizonMs);
        const evidence = await waitFor(
          // A read that a stop of the machine ran out of time is kept, too, and is no evidence.
          async () => {
            const reads = await pipeline.sql<{ searched: Record<string, boolean>; clean: boolean }>(
              `select searched, clean from broker_reads where account_id = $1 and clean`,
              [name],
            );
            return reads.length > 2 && reads;
          },
          { what: 'evidence of three reads' },
        );
        for (const read of evidence)
          expect(read).toEqual({ clean: true, searched: { [row.attemptTag ?? '']: false } });

        expect(await pipeline.order(row.id)).toMatchObject({
          status: 'UNKNOWN',
          attempt: 1,
          brokerOrderId: null,
        });
        expect(await submission(row.id)).toEqual(['SubmissionClaimed', 'SubmissionUnknown', 'AlertRaised']);
        expect(await attemptsOf(row.id)).toMatchObject([{ outcome: 'UNKNOWN' }]);
        expect((await pipeline.book(name)).orders).toEqual([]);
      },
    );

    it.each(NAMES.filter((name) => FAULTS[name]?.ending.kind === 'rejected'))(
      'U8 that was refused for certain ends REJECTED and is never sent again (%s)',
      async (name) => {
        const ending = FAULTS[name]?.ending as Extract<Ending, { kind: 'rejected' }>;
        const row = await pipeline.waitForStatus(orderOf(name), 'REJECTED');
        // Without an exchange order id the exchange never had it: the broker refused.
        expect(row).toMatchObject({ rejectedBy: 'BROKER', attempt: 1, filledQuantity: 0 });
        expect(row.statusReason).not.toBeNull();
        const book = await pipeline.book(name);
        expect(book.orders.map((order) => order.status)).toEqual(ending.book);
      },
    );

    it.each(NAMES.filter((name) => FAULTS[name]?.ending.kind === 'released'))(
      'U11 that certainly did not happen waits out its pause and goes again under a new tag (%s)',
      async (name) => {
        const ending = FAULTS[name]?.ending as Extract<Ending, { kind: 'released' }>;
        const { id } = orderOf(name);
        const release = await waitFor(
          async () => {
            const [entry] = await pipeline.sql<{ at: Date; retry_at: Date }>(
              `select at::timestamptz as at, (data::jsonb ->> 'retryAt')::timestamptz as retry_at
                from journal where entity = $1 and kind = 'SubmissionReleased'`,
              [id],
            );
            return entry;
          },
          { what: 'the release of the first attempt' },
        );
        expect(Math.round((release.retry_at.getTime() - release.at.getTime()) / 1000)).toBe(
          ending.pauseSeconds,
        );
        // The pause is over: the test does not wait for it.
        await pipeline.sql(
          `update orders set next_step_at = clock_timestamp() where id = $1 and status = 'VALIDATED'`,
          [id],
        );
        const row = await pipeline.waitForStatus({ id }, 'FILLED');
        expect(row.claimedAt?.getTime()).toBeGreaterThan(release.at.getTime());
        const [first, second, ...more] = await attemptsOf(row.id);
        expect(more).toEqual([]);
        expect(first).toMatchObject({ attempt: 1, outcome: 'NOT_PLACED' });
        expect(second).toMatchObject({ attempt: 2, outcome: 'PLACED', tag: row.attemptTag });
        expect(second?.tag).not.toBe(first?.tag);
        expect((await pipeline.book(name)).orders).toMatchObject([{ tag: row.attemptTag }]);
      },
    );

    it('by a dead session tells a person to log in', async () => {
      expect(await pipeline.sql(`select severity, type from alerts where account_id = 'forbidden'`)).toEqual([
        { severity: 'CRITICAL', type: 'broker_session_expired' },
      ]);
    });

    it('calls the broker once per attempt, whatever happened', async () => {
      const [row] = await pipeline.sql<{ count: number }>(
        'select count(*)::int as count from order_attempts',
      );
      expect((await callsOf(pipeline.exchange))['placeOrder']).toBe(row?.count);
    });
  });

  describe('a read of the book', () => {
    it.each(READ_FAULTS)(
      'that fails by %s changes neither a resting order nor one in doubt, and is kept as unclean',
      async (kind) => {
        const resting = await pipeline.place({ account: 'reads', ...RESTING });
        await pipeline.waitForStatus(resting, 'OPEN');
        await pipeline.addFault({ call: 'placeOrder', user: 'reads', kind: 'serverError' });
        const doubtful = await pipeline.place({ account: 'reads', ...RESTING });
        const unknown = await pipeline.waitForStatus(doubtful, 'UNKNOWN');
        const before = await pipeline.order(resting.id);

        await pipeline.addFault({ call: 'orders', user: 'reads', kind, count: 3 });
        const unclean = await waitFor(
          async () => {
            const rows = await pipeline.sql<{ fault: string }>(
              `select fault from broker_reads where account_id = 'reads' and not clean and started_at >= $1`,
              [unknown.updatedAt],
            );
            return rows.length >= 3 && rows;
          },
          { what: 'three unclean reads' },
        );
        expect(unclean.map((row) => typeof row.fault)).toEqual(unclean.map(() => 'string'));
        expect(await pipeline.order(resting.id)).toEqual(before);
        expect(await pipeline.order(unknown.id)).toMatchObject({
          status: 'UNKNOWN',
          version: unknown.version,
        });
        await pipeline.sql(`update orders set next_step_at = null where account_id = 'reads'`);
      },
    );

    it('whose trades are not there yet leaves the order as it is until they are', async () => {
      await pipeline.addFault({ call: 'trades', user: 'PAPER', kind: 'emptyList', count: 3 });
      const order = await pipeline.place();
      const row = await pipeline.waitForStatus(order, 'FILLED');
      expect(row).toMatchObject({ filledQuantity: 10, awaitingTradesSince: null });
      const waited = await pipeline.sql(
        `select 1 from journal where entity = $1 and kind = 'BrokerStatusChanged' and (data::jsonb ->> 'awaitingTrades')::boolean`,
        [order.id],
      );
      expect(waited).toHaveLength(1);
    });
  });

  it('leaves every invariant standing, and a journal that replays to the rows', async () => {
    await expectInvariants(pipeline.sql);
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  });
});

describe('a broker that nobody answers for', () => {
  let proxy: TcpProxy;
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend: 'postgres', disturbed: true },
      brokerRoot: async (exchange) => {
        proxy = await startTcpProxy({ port: exchange.port });
        return `http://${proxy.host}:${proxy.port}`;
      },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
    await proxy.close();
  });

  it('by a refused connection is a placement that did not happen: it goes again after the pause', async () => {
    await pipeline.waitForStatus(await pipeline.place(), 'FILLED'); // funds and margins are known now
    await proxy.setMode('refuse');
    proxy.resetAll();
    const order = await pipeline.place({ maxAgeMs: 0 });
    const released = await waitFor(
      async () => {
        const row = await pipeline.order(order.id);
        return row.status === 'VALIDATED' && row.attempt === 1 && row;
      },
      { what: 'the order to be released' },
    );
    expect(released.statusReason).toContain('CONNECTION_REFUSED');
    await proxy.setMode('pass');
    await pipeline.sql('update orders set next_step_at = clock_timestamp() where id = $1', [order.id]);
    expect(await pipeline.waitForStatus(order, 'FILLED')).toMatchObject({ attempt: 2 });
    expect((await pipeline.book()).orders).toHaveLength(2);
  });
});
