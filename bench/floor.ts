/**
 * The floor: what the same commits, hops and call cost without any logic, written by hand. Per order five commits
 * (accepted, validated, claimed, submitted, filled), each begin, lock the account's row, one write, commit with
 * prepared statements; two hops through BullMQ; one call to the same broker. It holds no limit and proves nothing.
 */
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { attemptTag } from '../src/domain/tag.ts';
import { serveCalls } from './child.ts';
import { closedLoop, Fills, type Load, openLoop, type Side, type Started } from './load.ts';
import { type BenchOrder, benchOrder } from './orders.ts';
import type { PipelineOptions } from './pipeline.ts';

/** As in the OMS: connections for account transactions, and workers at once. */
const CONNECTIONS = 8;
const VALIDATIONS_AT_ONCE = 16;
const SUBMISSIONS_AT_ONCE = 32;
const JOB = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

const SCHEMA = `
  create table floor_accounts (id text primary key, changes bigint not null default 0);
  create table floor_orders (
    account_id text not null references floor_accounts (id), id uuid not null, tag text not null, symbol text not null,
    side text not null, quantity integer not null, price numeric(24, 4) not null, status text not null,
    broker_order_id text, created_at timestamptz not null default clock_timestamp(), primary key (account_id, id));
  create unique index floor_tag on floor_orders (account_id, tag);
`;

interface Payload {
  readonly accountId: string;
  readonly orderId: string;
  readonly number: number;
}

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

const fills = new Fills();
const agent = new http.Agent({ keepAlive: true, maxSockets: 128, maxFreeSockets: 128 });
let pool: pg.Pool;
let validate: Queue<Payload>;
let submit: Queue<Payload>;
let options: PipelineOptions;

async function connect(given: PipelineOptions): Promise<void> {
  options = given;
  pool = new pg.Pool({ connectionString: options.databaseUrl, max: CONNECTIONS });
  await pool.query(SCHEMA);
  await pool.query('insert into floor_accounts (id) select unnest($1::text[])', [options.accounts]);
  const producer = new Redis(options.redisUrl, { maxRetriesPerRequest: 1 });
  validate = new Queue('validate', { connection: producer, prefix: '{floor}' });
  submit = new Queue('submit', { connection: producer, prefix: '{floor}' });
}

async function commit(accountId: string, { values, ...statement }: Statement): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const lock = { name: 'lock', text: 'select from floor_accounts where id = $1 for no key update' };
    await client.query({ ...lock, values: [accountId] });
    await client.query({ ...statement, values: [...values] });
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

function setStatus({ accountId, orderId }: Payload, status: string, brokerOrderId: string | null = null) {
  return commit(accountId, {
    name: 'status',
    text: `update floor_orders set status = $3, broker_order_id = coalesce($4, broker_order_id)
      where account_id = $1 and id = $2`,
    values: [accountId, orderId, status, brokerOrderId],
  });
}

async function accept(number: number): Promise<string> {
  const order = benchOrder(options.accounts, number);
  const orderId = randomUUID();
  const tag = attemptTag(orderId, 1);
  await commit(order.accountId, {
    name: 'accept',
    text: `insert into floor_orders (account_id, id, tag, symbol, side, quantity, price, status)
      values ($1, $2, $3, $4, $5, $6, $7, 'PENDING')`,
    values: [order.accountId, orderId, tag, order.symbol, order.side, order.quantity, order.price],
  });
  const payload = { accountId: order.accountId, orderId, number };
  await validate.add('validate', payload, { ...JOB, jobId: `${orderId}-1` });
  return orderId;
}

async function runValidate(payload: Payload): Promise<void> {
  await setStatus(payload, 'VALIDATED');
  await submit.add('submit', payload, { ...JOB, jobId: `${payload.orderId}-2` });
}

async function runSubmit(payload: Payload): Promise<void> {
  const tag = attemptTag(payload.orderId, 1);
  await setStatus(payload, 'SUBMITTING');
  const brokerOrderId = await place(benchOrder(options.accounts, payload.number), tag);
  await setStatus(payload, 'SUBMITTED', brokerOrderId);
  await setStatus(payload, 'FILLED');
  fills.announce(payload.orderId, brokerOrderId);
}

function place(order: BenchOrder, tag: string): Promise<string> {
  const form = new URLSearchParams({
    exchange: 'NSE',
    tradingsymbol: order.symbol,
    transaction_type: order.side,
    order_type: order.orderType,
    product: 'MIS',
    validity: 'DAY',
    quantity: String(order.quantity),
    ...(order.orderType === 'LIMIT' ? { price: String(order.price) } : { market_protection: '-1' }),
    tag,
  }).toString();
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${options.brokerRoot}/orders/regular`,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(form),
          authorization: `token paper:paper-${order.accountId}`,
          'x-kite-version': '3',
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.once('end', () => {
          const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as { data: { order_id: string } };
          resolve(body.data.order_id);
        });
        response.once('error', reject);
      },
    );
    request.once('error', reject);
    request.end(form);
  });
}

function startWorker(
  name: string,
  concurrency: number,
  run: (payload: Payload) => Promise<void>,
): Worker<Payload> {
  const connection = new Redis(options.redisUrl, { maxRetriesPerRequest: null });
  const worker = new Worker<Payload>(name, (job) => run(job.data), {
    connection,
    prefix: '{floor}',
    concurrency,
    lockDuration: 15_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on('failed', (_job, error) => console.error(error));
  return worker;
}

const side: Side = { accept, filled: (orderId) => fills.wait(orderId) };

serveCalls({
  connect,
  work: async () => {
    const workers = [
      startWorker('validate', VALIDATIONS_AT_ONCE, runValidate),
      startWorker('submit', SUBMISSIONS_AT_ONCE, runSubmit),
    ];
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  },
  throughput: (load: Load & { readonly inFlight: number }): Promise<number> => closedLoop(side, load),
  latency: (load: Load & { readonly perSecond: number }): Promise<Started[]> => openLoop(side, load),
  residentBytes: () => process.memoryUsage().rss,
  cpuMs: () => (process.cpuUsage().user + process.cpuUsage().system) / 1000,
});
