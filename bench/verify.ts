import pg from 'pg';
import { CHAIN_START, type JournalEntry, verifyChain } from '../src/domain/journal.ts';
import { expectedPositions } from './orders.ts';

/** What a round left behind, checked: a benchmark of wrong answers is worth nothing. */
export interface Proof {
  readonly orders: number;
  readonly trades: number;
  readonly journalPerOrder: number;
}

export interface Expected {
  readonly databaseUrl: string;
  readonly accounts: readonly string[];
  readonly orders: number;
  readonly broker: { readonly placements: number; readonly repeatedTags: number };
}

/** Throws at the first thing that is not as it must be. */
export async function verifyPipeline(expected: Expected): Promise<Proof> {
  const { accounts, orders } = expected;
  verifyBroker(expected);
  return withClient(expected.databaseUrl, async (client) => {
    await same(client, 'orders filled', orders, `select count(*) from orders where status = 'FILLED'`);
    await same(client, 'orders', orders, 'select count(*) from orders');
    await same(client, 'trades', orders, 'select count(*) from trades');
    await same(client, 'orders with a trade', orders, 'select count(distinct order_id) from trades');
    await same(client, 'entries of trades', orders, 'select count(*) from position_entries');
    const placed = `select count(*) from order_attempts where outcome in ('PLACED', 'ADOPTED')`;
    await same(client, 'attempts that were placed', orders, placed);
    await same(client, 'alerts', 0, 'select count(*) from alerts');
    await same(client, 'failed jobs', 0, 'select count(*) from job_failures');
    const positions = await client.query<{ key: string; quantity: string }>(
      `select account_id || '/' || symbol as key, sum(quantity) as quantity from positions group by 1`,
    );
    const found = new Map(positions.rows.map((row) => [row.key, Number(row.quantity)]));
    for (const [key, quantity] of expectedPositions(accounts, orders)) {
      if (found.get(key) !== quantity)
        throw new Error(`position ${key}: ${found.get(key)} instead of ${quantity}`);
    }
    const pnl = await client.query<{ equal: boolean }>(
      `select (select sum(realized_pnl) from positions) = (select sum(realized_pnl) from daily_stats)
        and (select sum(charges) from positions) = (select sum(charges) from daily_stats) as equal`,
    );
    if (pnl.rows[0]?.equal !== true) throw new Error('P&L or charges of positions and days differ');
    await verifyJournal(client, accounts[0] ?? '');
    const journal = await client.query<{ entries: string }>(
      `select count(*) as entries from journal where kind not in ('AccountOpened', 'DayOpened')`,
    );
    return { orders, trades: orders, journalPerOrder: Number(journal.rows[0]?.entries) / orders };
  });
}

export async function verifyFloor(expected: Expected): Promise<void> {
  verifyBroker(expected);
  await withClient(expected.databaseUrl, async (client) => {
    const filled = `select count(*) from floor_orders where status = 'FILLED' and broker_order_id is not null`;
    await same(client, 'orders of the floor', expected.orders, filled);
  });
}

function verifyBroker({ broker, orders }: Expected): void {
  if (broker.repeatedTags > 0) throw new Error(`the broker saw ${broker.repeatedTags} tags twice`);
  if (broker.placements !== orders) throw new Error(`${broker.placements} placements for ${orders} orders`);
}

async function same(client: pg.Client, what: string, expected: number, query: string): Promise<void> {
  const { rows } = await client.query<{ count: string }>(query);
  if (Number(rows[0]?.count) !== expected) {
    throw new Error(`${what}: ${rows[0]?.count ?? 'none'} instead of ${expected}`);
  }
}

async function verifyJournal(client: pg.Client, accountId: string): Promise<void> {
  const { rows } = await client.query<JournalEntry & { seq: string }>(
    'select version, seq, at, actor, kind, entity, data, hash from journal where account_id = $1 order by seq',
    [accountId],
  );
  const chain = verifyChain(
    rows.map((row) => ({ ...row, seq: Number(row.seq) })),
    CHAIN_START,
  );
  if (!chain.ok) throw new Error(`journal of ${accountId}: ${chain.error.message}`);
  const head = await client.query<{ seq: string; head: string }>(
    'select seq, head from accounts where id = $1',
    [accountId],
  );
  if (Number(head.rows[0]?.seq) !== chain.value.seq || head.rows[0]?.head !== chain.value.hash) {
    throw new Error(`journal of ${accountId} does not end where the account says`);
  }
}

async function withClient<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}
