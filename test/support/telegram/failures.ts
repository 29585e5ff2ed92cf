/**
 * What really goes wrong, one event for each type of alert: at the exchange, by a person or in a process, never by
 * writing the alert. Each happens on an account of its own; the test waits for the alert, and for it in the chat.
 */
import type { AlertType } from '../../../src/domain/alert-types.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { recordPlacement } from '../../../src/services/record-placement.ts';
import { pushPrices } from '../../../src/services/push-prices.ts';
import { readClock } from '../../../src/db/stores/account-read-store.ts';
import { decimal } from '../../../src/domain/money.ts';
import { resolveOrder } from '../../../src/services/resolve-order.ts';
import { runStep } from '../../../src/services/run-step.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import type { Pipeline } from '../pipeline.ts';
import { pollWith } from '../pipeline/books.ts';
import type { Desk } from '../pipeline/desk.ts';
import { MARKET, type OrderFields } from '../pipeline/requests.ts';
import { waitFor } from '../wait.ts';

export interface World extends Desk {
  readonly pipeline: Pipeline;
  /** A fault of this account's user alone. */
  readonly fault: (fault: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly place: (fields?: OrderFields) => ReturnType<Pipeline['place']>;
  readonly limit: (changes: Readonly<Record<string, string>>, strategyId?: string) => Promise<void>;
  /** The price of RELIANCE, read at once. */
  readonly price: (price: string) => Promise<void>;
}
export type Event = (world: World) => Promise<unknown>;

const FOR_EVER = { count: -1 };

const halt = ({ pipeline, account }: World, more: object = {}) =>
  setTradingState(pipeline.parts.context, {
    ...{ accountId: account, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test', ...more },
  });

/** Nobody answered, and nothing was placed. */
async function inDoubt(world: World) {
  await world.fault({ call: 'placeOrder', kind: 'reset' });
  const order = await world.place({ price: '2300.00', stopLoss: '2280.00', takeProfit: null });
  return world.pipeline.waitForStatus(order, 'UNKNOWN');
}

const resolved = ({ pipeline, account }: World, orderId: string) =>
  resolveOrder(pipeline.parts.context, {
    ...{ accountId: account, orderId, actor: 'test', decision: 'neverPlaced' },
    ...{ brokerOrderId: null, reason: 'a test' },
  });

/** A strategy whose orders the broker refuses, one after the other. */
async function tenRefused(world: World) {
  await world.fault({ call: 'placeOrder', kind: 'rejectAtExchange', ...FOR_EVER });
  for (let n = 0; n < 10; n += 1) {
    await world.pipeline.waitForStatus(await world.place({ strategyId: 'refused' }), 'REJECTED');
  }
}

async function withGtt(world: World) {
  await world.bought({ quantity: 20, gtt: true });
  await world.guarded.protects(20);
  return waitFor(async () => (await world.guarded.groups())[0]?.gttNet?.triggerId ?? null, {
    what: 'a GTT',
  });
}

export const EVENTS: Partial<Record<AlertType, Event>> = {
  order_rejected: async ({ fault, place }) => {
    await fault({ call: 'placeOrder', kind: 'rejectAtExchange', message: 'RMS:Margin Exceeds' });
    await place();
  },
  order_filled: ({ bought }) => bought(),
  order_cancelled: async ({ resting, commands }) => commands.cancel(await resting()),
  command_failed: async ({ fault, resting, commands }) => {
    const order = await resting();
    await fault({ call: 'modifyOrder', kind: 'refuse', message: 'RMS:Rule: no' });
    await commands.modify(order, { price: '2301.00' });
  },
  order_unknown: inDoubt,
  unknown_orders: inDoubt,
  order_not_in_book: async ({ fault, resting, commands }) => {
    const order = await resting();
    const message = "Couldn't find that `order_id`.";
    await fault({ call: 'cancelOrder', kind: 'refuse', errorType: 'GeneralException', message });
    await fault({ call: 'orders', kind: 'emptyList', ...FOR_EVER });
    await commands.cancel(order);
  },

  order_parked: async ({ pipeline, account, resting }) => {
    const { id } = await resting();
    const fails = () => Promise.reject(new Error('it fails each time'));
    for (let n = 0; n < 10; n += 1) {
      await runStep(pipeline.parts.context, 'submit', { accountId: account, orderId: id }, fails);
    }
  },
  command_stuck: async ({ pipeline, account, fault, resting, commands }) => {
    const order = await resting();
    await fault({ call: 'cancelOrder', kind: 'rateLimited', ...FOR_EVER });
    await commands.cancel(order);
    // As if it had been asked for a minute earlier.
    await pipeline.sql(
      `update order_commands set requested_at = requested_at - interval '61 seconds' where account_id = $1`,
      [account],
    );
  },
  trades_missing: async ({ pipeline, account, fault, place }) => {
    await fault({ call: 'trades', kind: 'emptyList', ...FOR_EVER });
    await place();
    // As if the trade book had lagged for half a minute more.
    const aged = `update orders set awaiting_trades_since = awaiting_trades_since - interval '31 seconds'
      where account_id = $1 and awaiting_trades_since is not null returning 1`;
    await waitFor(async () => (await pipeline.sql(aged, [account])).length > 0, { what: 'the lag' });
  },

  broker_contradiction: async ({ pipeline, account, resting }) => {
    const { id } = await resting();
    await recordPlacement(pipeline.parts.context, {
      ...{ accountId: account, orderId: id, attempt: 1 },
      outcome: { kind: 'NOT_PLACED', retry: 'never', reason: 'REFUSED', message: 'no such order' },
    });
  },
  broker_order_not_followed: async ({ outside, resting }) => {
    const { attemptTag } = await resting();
    await outside.place({
      ...{ symbol: 'INFY', side: 'BUY', quantity: 1, price: '1500.00' },
      ...{ as: 'program', tag: attemptTag ?? '' },
    });
  },
  broker_status_unknown: async ({ outside, resting }) => {
    const { brokerOrderId } = await resting();
    await outside.show(brokerOrderId ?? '', 'GONE FISHING');
  },
  broker_terms_differ: async (world) => {
    const { attemptTag } = await inDoubt(world);
    await world.outside.place({
      ...{ side: 'BUY', quantity: 7, price: '2300.00', as: 'program', tag: attemptTag ?? '' },
    });
  },
  broker_row_not_applied: async ({ pipeline, account, outside, resting }) => {
    const { brokerOrderId } = await resting();
    await pipeline.sql(
      `create or replace function refuse_trade() returns trigger language plpgsql as
        $$ begin raise 'a row that can not be written'; end $$`,
    );
    await pipeline.sql(
      `create trigger refuse_trade before insert on trades for each row
        when (new.account_id = '${account}') execute function refuse_trade()`,
    );
    await outside.execute(brokerOrderId ?? '', 1, '2300.00');
  },
  broker_twin: async ({ outside, resting }) => {
    const { attemptTag } = await resting();
    await outside.place({
      ...{ side: 'BUY', quantity: 10, price: '2300.00', as: 'program', tag: attemptTag ?? '' },
    });
  },
  late_modify: async ({ fault, resting, commands, outside }) => {
    const order = await resting();
    await fault({ call: 'modifyOrder', kind: 'reset' });
    await commands.modify(order, { quantity: 12 });
    await commands.outcomes(order, 1);
    await outside.modify(order.brokerOrderId ?? '', { quantity: '12' });
  },
  late_twin: async (world) => {
    const { id, attemptTag } = await inDoubt(world);
    await resolved(world, id);
    await world.outside.place({
      ...{ side: 'BUY', quantity: 10, price: '2300.00', as: 'program', tag: attemptTag ?? '' },
    });
  },
  late_trade: async ({ pipeline, account, resting, commands }) => {
    const order = await resting();
    await commands.cancel(order);
    await pipeline.waitForStatus(order, 'CANCELLED');
    const id = order.brokerOrderId ?? '';
    await pollWith(pipeline, account, {
      orders: (rows) => rows.map((row) => (row.orderId === id ? { ...row, filledQuantity: 4 } : row)),
      trades: (rows) => [
        ...rows,
        {
          ...{ tradeId: '9', orderId: id, exchangeOrderId: 'X9', exchange: 'NSE', product: 'MIS', raw: {} },
          ...{ tradingsymbol: 'RELIANCE', instrumentToken: 738561, transactionType: 'BUY', quantity: 4 },
          ...{ price: decimal('2300'), fillTimestamp: order.updatedAt },
        },
      ],
    });
  },
  outside_cancel: async ({ outside, resting }) => outside.cancel((await resting()).brokerOrderId ?? ''),
  outside_modify: async ({ outside, resting }) =>
    outside.modify((await resting()).brokerOrderId ?? '', { price: '2303.00' }),
  outside_trade: async ({ outside, bought, guarded }) => {
    await bought({ quantity: 20 });
    await guarded.protects(20);
    await outside.place({ side: 'SELL', quantity: 5, price: '2440.00' });
  },
  trade_corrected: async ({ pipeline, account, outside, bought }) => {
    await bought();
    const [trade] = (await pipeline.book(account)).trades;
    await outside.correctTrade(trade?.trade_id ?? '', 10, '2449.00');
  },
  reconciliation_failing: async ({ fault }) => fault({ call: 'positions', kind: 'serverError', ...FOR_EVER }),
  invariant_broken: async ({ pipeline, account, bought }) => {
    await bought({ protection: 'none' });
    await pipeline.sql(`update positions set quantity = 11, buy_quantity = 11 where account_id = $1`, [
      account,
    ]);
  },

  daily_loss_limit: async ({ bought, limit, price }) => {
    await bought({ quantity: 40, protection: 'none' });
    await limit({ MAX_DAILY_LOSS: '0.000005' });
    await price('2435.00');
  },
  drawdown_limit: async ({ bought, limit, price }) => {
    await bought({ quantity: 40, protection: 'none' });
    await limit({ MAX_DRAWDOWN: '0.000005' });
    await price('2435.00');
  },
  position_loss_limit: async ({ bought, limit, price }) => {
    await bought({ protection: 'none' });
    await limit({ MAX_POSITION_LOSS_PCT: '0.005' });
    await price('2435.00');
  },
  position_loss_exit: async ({ bought, limit, price }) => {
    await bought({ protection: 'none' });
    await limit({ MAX_POSITION_LOSS_PCT: '0.005', POSITION_LOSS_EXIT: 'yes' });
    await price('2435.00');
  },
  kill_switch_triggered: (world) => halt(world),
  halt_incomplete: async (world) => {
    await world.resting();
    await world.fault({ call: 'cancelOrder', kind: 'refuse', ...FOR_EVER });
    await halt(world, { cancelOpen: true });
    // As if its first cancel had been the eighth: the pauses between them grow.
    const many = `update operations set details = jsonb_set(details, array['cancels', key, 'tries'], '8')
      from (select account_id as of, jsonb_object_keys(details -> 'cancels') as key from operations) k
      where k.of = account_id and account_id = $1 returning 1`;
    const done = async () => (await world.pipeline.sql(many, [world.account])).length > 0;
    await waitFor(done, { what: 'its first cancel' });
  },
  flatten_incomplete: async (world) => {
    await world.bought({ protection: 'none' });
    await world.fault({ call: 'placeOrder', kind: 'rejectAtExchange', ...FOR_EVER });
    await halt(world, { flatten: true });
  },
  operation_failing: async (world) => {
    await world.resting();
    await world.fault({ call: 'cancelOrder', kind: 'serverError', ...FOR_EVER });
    await halt(world, { cancelOpen: true });
    // As if nine looks had failed.
    await world.pipeline.sql(`update operations set step_failures = 9 where account_id = $1`, [
      world.account,
    ]);
    armFailpoints('operation.look:throw');
  },
  strategy_paused: async (world) => {
    await tenRefused(world);
    await world.limit({ REJECT_RATIO_PAUSE: '0.5' });
    await world.place({ strategyId: 'refused' });
  },
  gross_exposure: async ({ bought, limit }) => {
    await bought({ quantity: 40 });
    await limit({ MAX_GROSS_EXPOSURE: '0.0001' });
  },
  net_exposure: async ({ bought, limit }) => {
    await bought({ quantity: 40 });
    await limit({ MAX_NET_EXPOSURE: '0.0001' });
  },
  order_to_trade_ratio: async ({ pipeline, account, resting }) => {
    // As if each of two had been changed so often.
    for (let n = 0; n < 2; n += 1) await resting({ strategyId: 'busy' });
    await pipeline.sql(`update orders set modifications = 24 where account_id = $1`, [account]);
  },
  reject_ratio: tenRefused,
  repeated_execution: async ({ bought }) => {
    for (let n = 0; n < 11; n += 1) await bought({ ...MARKET, quantity: 1, protection: 'none' });
  },

  near_stop: async ({ bought, guarded, price }) => {
    await bought();
    await guarded.protects(10);
    await price('2433.00');
  },
  stale_price: async ({ bought, limit }) => {
    await bought({ protection: 'none' });
    await limit({ PRICE_MAX_AGE_MS: '100' });
  },
  implausible_price: async ({ pipeline, bought }) => {
    // A share that no other of these holds: what is pushed stays for a while.
    const at3120 = { symbol: 'TCS', price: '3120.00', stopLoss: '3100.00', protection: 'none' } as const;
    await bought(at3120);
    const { context } = pipeline.parts;
    const prices = [{ exchange: 'NSE', symbol: 'TCS', price: decimal('312000') }] as const;
    await pushPrices(context, { prices, at: null, now: await readClock(context.db), actor: 'test' });
  },
  unprotected_position: async ({ fault, resting, fills }) => {
    const entry = await resting();
    await fault({ call: 'placeOrder', kind: 'rejectAtExchange', ...FOR_EVER });
    await fills(entry, 10);
  },
  protection_stuck: async ({ fault, resting, fills }) => {
    const entry = await resting();
    await fault({ call: 'placeOrder', kind: 'rejectAtExchange', ...FOR_EVER });
    await fills(entry, 10);
  },
  protection_overfilled: async ({ bought, guarded, outside, stop }) => {
    await bought({ quantity: 20, takeProfit: '2491.00' });
    await guarded.protects(20);
    const target = await waitFor(async () => (await guarded.others('SELL'))[0], { what: 'a target' });
    await outside.execute((await stop()).order_id, 20, '2430.00');
    await outside.execute(target.order_id, 20, '2491.00');
  },
  // Taken away by ourselves; what others take away is told as outside_cancel.
  stop_lost: async ({ bought, guarded, stopRows, commands }) => {
    await bought({ quantity: 20 });
    await guarded.protects(20);
    const [stop] = await stopRows();
    await commands.cancel({ id: stop?.id ?? '' });
  },
  stop_refused: async ({ bought, guarded, outside, stop }) => {
    await bought({ quantity: 20 });
    await guarded.protects(20);
    await outside.end((await stop()).order_id, 'REJECTED', '17070 : The Price is out of the LPP range');
  },
  stop_outside_band: async (world) => {
    await world.bought({ quantity: 20 });
    await world.guarded.protects(20);
    await world.price('2750.00');
    await world.outside.end((await world.stop()).order_id, 'CANCELLED', 'self trade prevention');
  },
  protection_oms: ({ bought }) => bought({ protection: 'oms' }),
  target_refused: async ({ fault, resting, fills, guarded, commands, price }) => {
    await price('2310.00');
    const entry = await resting();
    await fills(entry, 5);
    await guarded.protects(5);
    await fault({ call: 'placeOrder', kind: 'rejectAtExchange', ...FOR_EVER, message: 'RMS: no target' });
    await commands.modify(entry, { takeProfit: '2350.00' });
  },
  gtt_lost: async (world) => {
    const triggerId = await withGtt(world);
    const user = `token paper:paper-${world.account}`;
    await fetch(`${world.pipeline.exchange.url}/gtt/triggers/${triggerId}`, {
      ...{ method: 'DELETE', headers: { authorization: user } },
    });
  },
  gtt_refused: async (world) => {
    await world.fault({ call: 'placeGtt', kind: 'refuse', count: 2 });
    await world.bought({ quantity: 20, gtt: true });
  },
  gtt_triggered: async (world) => {
    await withGtt(world);
    await world.price('2400.00');
  },

  broker_session_expired: ({ fault }) => fault({ call: 'orders', kind: 'forbidden', ...FOR_EVER }),
  worker_down: ({ pipeline }) =>
    pipeline.sql(
      `insert into heartbeats (account_id, duty, started_at)
        values ('system', 'process:submitter', clock_timestamp() - interval '5 minutes')
        on conflict (account_id, duty) do update set started_at = excluded.started_at`,
    ),
};
