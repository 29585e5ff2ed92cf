/** The OMS under load: the composed process as `workers/all` runs it, without the HTTP API. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { parseConfig } from '../src/config/config.ts';
import type { AccountWork } from '../src/db/account-transaction.ts';
import type { StagedEntry } from '../src/db/account-view.ts';
import { type Composition, compose } from '../src/runtime/compose.ts';
import {
  startDispatcher,
  startFillPoller,
  startMarketData,
  startReconciler,
  startSubmitter,
  startValidator,
} from '../src/runtime/roles.ts';
import type { Context } from '../src/services/context.ts';
import { loadInstruments } from '../src/services/load-instruments.ts';
import { openAccount } from '../src/services/open-account.ts';
import { placeOrder } from '../src/services/place-order.ts';
import { pollAccount } from '../src/services/poll-account.ts';
import { submitOrder } from '../src/services/submit-order.ts';
import { validateOrder } from '../src/services/validate-order.ts';
import { serveCalls } from './child.ts';
import { closedLoop, Fills, type Load, openLoop, type Side, type Started } from './load.ts';
import { benchOrder, requestOf } from './orders.ts';
import { countRoundTrips, type StepTrips } from './round-trips.ts';

export interface PipelineOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly brokerRoot: string;
  readonly accounts: readonly string[];
}

/** Every check runs; none of its limits is reached. 0 turns the broker's budget off. */
const ENVIRONMENT = {
  QUEUE_BACKEND: 'redis',
  LOG_LEVEL: 'error',
  ACCOUNT_BALANCE: '10000000000',
  MAX_POSITIONS: '1000',
  MAX_POSITION_SIZE: '1000000',
  MAX_ORDER_TO_POSITION_RATIO: '1000',
  MIN_RISK_REWARD: '0.1',
  MAX_ORDER_AGE_MS: '0',
  DUPLICATE_WINDOW_MS: '0',
  // What is measured is an order's own way; the stop that follows its fill would be another order.
  PROTECTION: 'none',
  ORDER_CALLS_PER_SECOND: '0',
  ENTRY_CALLS_PER_SECOND: '0',
  ORDER_CALLS_PER_MINUTE: '0',
  ORDER_PLACEMENTS_PER_DAY: '0',
  DEMO: 'off',
} as const;

const fills = new Fills();
let parts: Composition;
let accounts: readonly string[] = [];

/** Tells of each fill once its transaction is committed; the services see nothing of it. */
function watched(context: Context): Context {
  const withAccount = async <T>(work: AccountWork<T>): Promise<T> => {
    let trades: readonly StagedEntry[] = [];
    const value = await context.withAccount({
      ...work,
      run: (view) => {
        const before = view.entries.length;
        const result = work.run(view);
        trades = view.entries.slice(before).filter((entry) => entry.kind === 'TradeRecorded');
        return result;
      },
    });
    for (const { entity, data } of trades) {
      fills.announce(entity, (JSON.parse(data) as { brokerOrderId: string }).brokerOrderId);
    }
    return value;
  };
  return { ...context, withAccount };
}

async function connect(options: PipelineOptions): Promise<void> {
  const config = parseConfig({
    ...ENVIRONMENT,
    REDIS_URL: options.redisUrl,
    KITE_API_ROOT: options.brokerRoot,
  });
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const composed = await compose({
    config: config.value,
    databaseUrl: options.databaseUrl,
    brokerRoot: options.brokerRoot,
    processName: 'bench',
    log: pino({ level: 'error', base: null }, pino.destination(2)),
  });
  parts = { ...composed, context: watched(composed.context) };
  accounts = options.accounts;
  await loadInstruments(parts.context.db, parts.defaultBroker);
  await Promise.all(accounts.map((id) => openAccount(parts.context, { id, name: id, actor: 'bench' })));
}

async function accept(number: number): Promise<string> {
  const order = benchOrder(accounts, number);
  const placed = await placeOrder(parts.context, {
    accountId: order.accountId,
    actor: 'bench',
    request: requestOf(order, `bench-${number}`),
  });
  if (!placed.ok) throw new Error(`order ${number} was refused: ${JSON.stringify(placed.error)}`);
  return placed.value.order.id;
}

const side: Side = { accept, filled: (orderId) => fills.wait(orderId) };

/** One order after the other without workers, so that each query belongs to one step. */
async function stepTrips({ from, orders }: Load): Promise<StepTrips[]> {
  const context: Context = { ...parts.context, queues: { enqueue: () => Promise.resolve(true) } };
  const seen: StepTrips[] = [];
  const counted = async <T>(step: string, run: () => Promise<T>): Promise<T> => {
    const { value, transactions } = await countRoundTrips(run);
    const names = transactions.length < 2 ? [step] : transactions.map((_, index) => `${step} ${index + 1}`);
    transactions.forEach((trips, index) => seen.push({ step: names[index] ?? step, ...trips }));
    return value;
  };
  parts = { ...parts, context };
  for (let number = from; number < from + orders; number += 1) {
    const { accountId } = benchOrder(accounts, number);
    const orderId = await counted('accept', () => accept(number));
    await counted('validate', () => validateOrder(context, { accountId, orderId }));
    await counted('submit', () => submitOrder(context, { accountId, orderId }));
    await counted('poll', () => pollAccount(context, accountId));
  }
  return seen;
}

serveCalls({
  connect,
  work: async () => {
    startValidator(parts);
    startSubmitter(parts);
    startFillPoller(parts);
    startReconciler(parts);
    startMarketData(parts);
    startDispatcher(parts);
    // Schedules are placed at the dispatcher's first beat.
    await sleep(1500);
  },
  stepTrips,
  throughput: (load: Load & { readonly inFlight: number }): Promise<number> => closedLoop(side, load),
  latency: (load: Load & { readonly perSecond: number }): Promise<Started[]> => openLoop(side, load),
  residentBytes: () => process.memoryUsage().rss,
  cpuMs: () => (process.cpuUsage().user + process.cpuUsage().system) / 1000,
});
