/**
 * Five hundred orders of three accounts while the worker processes are killed with -9, Redis is flushed and the broker
 * misbehaves; then quiet, and everything must agree with the exchange's own book. A seed replays the schedule of
 * orders, kills and faults; the interleaving of the processes is the machine's.
 */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { isFinal } from '../../src/domain/order-status.ts';
import { mulberry32 } from '../../src/paper-exchange/prng.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';
import { expectInvariants } from '../support/pipeline/invariants.ts';
import { EXIT, MARKET, type OrderFields, shareEntry, SHARES } from '../support/pipeline/requests.ts';
import { replayDifferences } from '../support/pipeline/replay.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/pipeline/worker-process.ts';
import { eventually } from '../support/wait.ts';

const seed = Number(process.env['SIM_SEED'] ?? '20261122');
const ORDERS = Number(process.env['SIM_ORDERS'] ?? '500');
const KILLS = Number(process.env['SIM_KILLS'] ?? '20');
const FLUSHES = 2;
const ACCOUNTS = ['main', 'one', 'two'];
const PROGRAMS = ['validator', 'submitter', 'submitter', 'fill-poller', 'dispatcher', 'reconciler'];
/** Share of calls that each fault strikes while the safety phase lasts. */
const FAULTS = [
  { call: 'placeOrder', kind: 'acceptThenReset', probability: 0.02 },
  { call: 'placeOrder', kind: 'acceptThenTimeout', probability: 0.01 },
  { call: 'placeOrder', kind: 'serverErrorAfterAccept', probability: 0.02 },
  { call: 'placeOrder', kind: 'htmlOkAfterAccept', probability: 0.02 },
  { call: 'placeOrder', kind: 'lateVisibility', silent: true, delayMs: 3000, probability: 0.015 },
  { call: 'placeOrder', kind: 'serverError', probability: 0.015 },
  { call: 'placeOrder', kind: 'reset', probability: 0.01 },
  { call: 'placeOrder', kind: 'rateLimited', probability: 0.02 },
  { call: 'placeOrder', kind: 'refuse', probability: 0.02 },
  { call: 'orders', kind: 'serverError', probability: 0.05 },
  { call: 'orders', kind: 'emptyList', probability: 0.05 },
  { call: 'orders', kind: 'truncated', probability: 0.05 },
  { call: 'trades', kind: 'emptyList', probability: 0.1 },
  { call: 'trades', kind: 'htmlOk', probability: 0.05 },
];
const LIVENESS_MS = 240_000;

const random = mulberry32(seed);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

let pipeline: Pipeline;
const workers: WorkerProcess[] = [];
const ended: WorkerProcess[] = [];

beforeAll(async () => {
  console.log(`simulation ${JSON.stringify({ seed, ORDERS, KILLS, FLUSHES, ACCOUNTS, PROGRAMS, FAULTS })}`);
  pipeline = await startPipeline({
    backend: inject('redisUrl') === null ? 'postgres' : 'redis',
    roles: [],
    accounts: ACCOUNTS,
    exchange: {
      seed,
      fillDelayMs: 150,
      partialFillChance: 0.3,
      volumeCap: 6,
    },
    environment: {
      // A slow machine still gets its orders out; a claim of a killed worker is settled seconds later.
      SEND_WINDOW_MS: '2000',
      BROKER_TIMEOUT_MS: '2000',
      UNKNOWN_HORIZON_MS: '2000',
      POLL_INTERVAL_MS: '200',
      RECONCILE_INTERVAL_MS: '2000',
      ORDER_PLACEMENTS_PER_DAY: '0',
      MIN_RISK_REWARD: '0',
    },
  });
  for (const program of PROGRAMS) workers.push(startWorkerProcess(program, pipeline.environment));
  await Promise.all(workers.map((worker) => worker.ready()));
});

afterAll(async () => {
  await Promise.all([...workers, ...ended].map((worker) => worker.kill()));
  await pipeline.stop();
});

function nextOrder(): OrderFields & { readonly account: string } {
  const account = pick(ACCOUNTS);
  // A share belongs to one side in an account: the exchange cancels what would trade with itself.
  const [symbol, price] = pick(SHARES);
  const entry = shareEntry(symbol, price, { quantity: 1 + Math.floor(random() * 12) });
  const roll = random();
  if (roll < 0.2) return { account, ...entry, ...EXIT, ...MARKET, quantity: 1 + Math.floor(random() * 4) };
  return { account, ...entry, strategyId: pick([null, 'alpha', 'beta']), ...(roll < 0.6 ? MARKET : {}) };
}

async function killOne(): Promise<void> {
  const place = Math.floor(random() * workers.length);
  const victim = workers[place]!;
  await victim.kill();
  ended.push(victim);
  workers[place] = startWorkerProcess(victim.name, pipeline.environment);
}

async function everyOrderEnds(): Promise<void> {
  await eventually(
    async () => {
      const rows = await pipeline.sql<{ status: string; count: number }>(
        `select status, count(*)::int as count from orders where finished_at is null and status <> 'UNKNOWN' group by 1`,
      );
      expect(rows).toEqual([]);
      const [hidden] = await pipeline.sql<{ count: number }>(
        `select count(*)::int as count from orders o where status = 'UNKNOWN' and not exists (
          select from alerts a where a.account_id = o.account_id and a.order_id = o.id)`,
      );
      expect(hidden?.count, 'UNKNOWN orders nobody was told of').toBe(0);
    },
    { what: 'every order to end, or be UNKNOWN and told', timeoutMs: LIVENESS_MS, intervalMs: 200 },
  );
}

/** Order by order, trade by trade, position by position: what the exchange holds is what we hold. */
async function expectAgreement(): Promise<void> {
  for (const account of ACCOUNTS) {
    const book = await pipeline.book(account);
    const tags = book.orders.map((order) => order.tag);
    expect(new Set(tags).size, `tags of ${account}`).toBe(tags.length);
    const rows = await pipeline.parts.context.db.orm.query.orders.findMany({
      where: (row, { eq }) => eq(row.accountId, account),
    });
    const ours = rows.filter((row) => row.brokerOrderId !== null);
    const shape = (
      id: string | null,
      tag: string | null,
      symbol: string,
      side: string,
      filled: number,
      final: boolean,
    ) => `${id ?? ''} ${tag ?? ''} ${symbol} ${side} ${filled} ${final ? 'final' : 'live'}`;
    expect(
      ours
        .map((o) =>
          shape(o.brokerOrderId, o.attemptTag, o.symbol, o.side, o.filledQuantity, isFinal(o.status)),
        )
        .sort(),
    ).toEqual(
      book.orders
        .map((o) =>
          shape(o.order_id, o.tag, o.tradingsymbol, o.transaction_type, o.filled_quantity, o.is_final),
        )
        .sort(),
    );
    const trades = await pipeline.sql<Record<string, string | number>>(
      `select broker_order_id, trade_id, side, quantity, price::text from trades where account_id = $1`,
      [account],
    );
    expect(
      trades
        .map(
          (t) =>
            `${t['broker_order_id']} ${t['trade_id']} ${t['side']} ${t['quantity']} ${Number(t['price'])}`,
        )
        .sort(),
    ).toEqual(
      book.trades
        .map((t) => `${t.order_id} ${t.trade_id} ${t.transaction_type} ${t.quantity} ${Number(t.price)}`)
        .sort(),
    );
    const positions = await pipeline.sql<{ symbol: string; quantity: number }>(
      `select symbol, sum(quantity)::int as quantity from positions where account_id = $1 group by 1 having sum(quantity) <> 0 order by 1`,
      [account],
    );
    expect(positions).toEqual(
      book.positions
        .filter((held) => held.quantity !== 0)
        .map((held) => ({ symbol: held.tradingsymbol, quantity: held.quantity }))
        .sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
    );
  }
}

it(`agrees with the exchange after ${ORDERS} orders, ${KILLS} kills, ${FLUSHES} flushes and random faults`, async () => {
  for (const fault of FAULTS) await pipeline.addFault({ ...fault, count: -1 });
  // The schedule counts orders, not time: a slow machine takes longer and sees the same.
  const killsAt = Array.from({ length: KILLS }, () => Math.floor(random() * ORDERS * 0.9));
  const flushesAt = [Math.floor(ORDERS / 3), Math.floor((2 * ORDERS) / 3)];
  for (let n = 0; n < ORDERS; n += 1) {
    for (const at of killsAt) if (at === n) await killOne();
    if (flushesAt.includes(n)) await pipeline.redis?.flushAll();
    await pipeline.place({ ...nextOrder(), clientOrderId: `sim-${seed}-${n}` });
    // Orders come no faster than they are worked on: kills must find work on its way.
    await eventually(
      async () => {
        const [row] = await pipeline.sql<{ count: number }>(
          `select count(*)::int as count from orders where status in ('PENDING', 'VALIDATED', 'SUBMITTING')`,
        );
        expect(row?.count).toBeLessThan(60);
      },
      { what: 'fewer orders to wait', timeoutMs: LIVENESS_MS },
    );
  }
  const began = performance.now();
  await pipeline.clearFaults();
  await Promise.all(workers.map((worker) => worker.ready()));
  await everyOrderEnds();
  // An order that becomes visible late is adopted and then ends, too.
  await eventually(expectAgreement, {
    what: 'the exchange to agree',
    timeoutMs: LIVENESS_MS,
    intervalMs: 500,
  });
  console.log(`converged ${Math.round(performance.now() - began)} ms after the last fault`);
  await expectInvariants(pipeline.sql, { atRest: true });
  expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  await expectRareStates();
}, 1_200_000);

/** A simulation that never meets what it is for proves nothing. */
async function expectRareStates(): Promise<void> {
  const count = async (sql: string): Promise<number> =>
    (await pipeline.sql<{ count: number }>(`select count(*)::int as count from ${sql}`))[0]?.count ?? 0;
  const kind = (name: string) => count(`journal where kind = '${name}'`);
  const statuses = await pipeline.sql<{ status: string; count: number }>(
    'select status, count(*)::int as count from orders group by 1 order by 1',
  );
  const important = {
    'submission unknown': await kind('SubmissionUnknown'),
    'adopted by its tag': await count(`order_attempts where outcome = 'ADOPTED'`),
    'released and tried again': await kind('SubmissionReleased'),
    'filled in parts': await count(`(select order_id from trades group by 1 having count(*) > 1) t`),
    'unclean read': await count('broker_reads where not clean'),
    'left UNKNOWN and told': await count(`orders where status = 'UNKNOWN'`),
  };
  const others = {
    'waited for trades': await count(
      `journal where kind = 'BrokerStatusChanged' and (data::jsonb ->> 'awaitingTrades')::boolean`,
    ),
    'claim found after its worker died': await count(
      `journal where kind = 'SubmissionUnknown' and data like '%never reported%'`,
    ),
    'missed its slot': await count(`order_attempts where outcome_reason like 'MISSED_SLOT%'`),
    'alert of an unknown, then adopted': await count(
      `alerts a join orders o on o.account_id = a.account_id and o.id = a.order_id where a.type = 'order_unknown' and o.status <> 'UNKNOWN'`,
    ),
    'late trade': await count(`alerts where type = 'late_trade'`),
    'step failed': await count('job_failures'),
    'position folded again': await kind('PositionRefolded'),
  };
  console.table({
    ...important,
    ...others,
    ...Object.fromEntries(statuses.map((row) => [`orders ${row.status}`, row.count])),
  });
  for (const [name, times] of Object.entries(important))
    expect(times, `never reached: ${name}`).toBeGreaterThan(0);
}
