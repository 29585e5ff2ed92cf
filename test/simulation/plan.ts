/** The load of a run: which order comes when, drawn before it begins. */
import type { NewOrder } from '../../src/client/index.ts';
import { decimal } from '../../src/domain/money.ts';
import { SHARES } from '../support/pipeline/requests.ts';
import { type Draws, type Options, drawsOf } from './options.ts';

export type Operation =
  /** A strategy's order; `resting` ones stand far from the market. */
  | { readonly kind: 'place'; readonly order: PlannedOrder }
  /** The same order again: another client's retry, or a strategy that restarted. */
  | { readonly kind: 'repeat'; readonly order: PlannedOrder }
  | { readonly kind: 'cancel'; readonly order: PlannedOrder }
  | { readonly kind: 'modify'; readonly order: PlannedOrder; readonly quantity: number }
  /** In the broker's own app, or by its risk management. */
  | {
      readonly kind: 'outside';
      readonly as: 'app' | 'rms';
      readonly account: string;
      readonly symbol: string;
    }
  /** The exchange takes back the newest trade of an account. */
  | { readonly kind: 'bust'; readonly account: string }
  | { readonly kind: 'halt'; readonly account: string; readonly holdMs: number; readonly cancelOpen: boolean }
  | { readonly kind: 'reduce'; readonly account: string; readonly holdMs: number }
  | { readonly kind: 'flatten'; readonly account: string }
  | { readonly kind: 'limits'; readonly account: string; readonly value: number };

export interface PlannedOrder {
  readonly clientOrderId: string;
  readonly account: string;
  readonly resting: boolean;
  readonly body: NewOrder & { readonly clientOrderId: string };
}

/** Operations in their order; exactly `orders` of them are new orders of a strategy. */
export function planLoad(options: Options): Operation[] {
  const draws = drawsOf(options.seed, 'load');
  const plan: Operation[] = [];
  const resting: PlannedOrder[] = [];
  const placed: PlannedOrder[] = [];
  for (let n = 0; n < options.orders; n += 1) {
    const order = drawOrder(draws, options, n);
    plan.push({ kind: 'place', order });
    placed.push(order);
    if (order.resting) resting.push(order);
    plan.push(...drawSideShow(draws, options, placed, resting));
  }
  return plan;
}

function drawOrder(draws: Draws, { seed, accounts }: Options, n: number): PlannedOrder {
  const account = draws.pick(accounts);
  const clientOrderId = `sim-${seed}-${n}`;
  const [symbol, price] = draws.pick(SHARES);
  const at = decimal(price);
  const common = { clientOrderId, accountId: account, exchange: 'NSE', symbol, product: 'MIS' } as const;
  const roll = draws.random();
  // A share belongs to one side in an account: the exchange cancels what would trade with itself.
  if (roll < 0.16) {
    const quantity = draws.between(1, 4);
    const exit = { ...common, side: 'SELL', orderType: 'MARKET', quantity, reduceOnly: true } as const;
    return { clientOrderId, account, resting: false, body: exit };
  }
  const isResting = roll < 0.36;
  const limit = isResting ? at.times('0.95').floor() : at;
  const entry = {
    ...common,
    side: 'BUY',
    quantity: draws.between(1, 12),
    stopLoss: limit.times('0.99').floor().toFixed(2),
    takeProfit: at.times('1.03').ceil().toFixed(2),
    ...(draws.chance(0.4) ? { strategyId: draws.pick(['alpha', 'beta']) } : {}),
  } as const;
  const isMarket = roll >= 0.68;
  const terms = isMarket
    ? ({ orderType: 'MARKET' } as const)
    : ({ orderType: 'LIMIT', price: limit.toFixed(2) } as const);
  return { clientOrderId, account, resting: isResting, body: { ...entry, ...terms } };
}

/** What happens beside new orders: about a third as often. */
function drawSideShow(
  draws: Draws,
  { accounts }: Options,
  placed: readonly PlannedOrder[],
  resting: PlannedOrder[],
): Operation[] {
  const roll = draws.random();
  const account = draws.pick(accounts);
  if (roll < 0.08 && resting.length > 0) {
    const [order] = resting.splice(draws.between(0, resting.length - 1), 1);
    return order === undefined ? [] : [{ kind: 'cancel', order }];
  }
  if (roll < 0.15 && resting.length > 0) {
    const quantity = draws.between(1, 15);
    return [{ kind: 'modify', order: draws.pick(resting), quantity }];
  }
  if (roll < 0.2) return [{ kind: 'repeat', order: draws.pick(placed) }];
  if (roll < 0.23) {
    const as = draws.chance(0.7) ? 'app' : 'rms';
    return [{ kind: 'outside', as, account, symbol: draws.pick(SHARES)[0] }];
  }
  if (roll < 0.237) return [{ kind: 'bust', account }];
  if (roll < 0.257) {
    const cancelOpen = draws.chance(0.5);
    return [{ kind: 'halt', account, holdMs: draws.between(300, 1500), cancelOpen }];
  }
  if (roll < 0.263) return [{ kind: 'reduce', account, holdMs: draws.between(300, 1500) }];
  if (roll < 0.27) return [{ kind: 'flatten', account }];
  if (roll < 0.28) return [{ kind: 'limits', account, value: draws.between(50, 500) }];
  return [];
}
