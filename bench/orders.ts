import type { OrderRequest } from '../src/domain/order-request.ts';
import { decimal } from '../src/domain/money.ts';

/** The orders of the bench: the same for both sides, decided by their number alone. */
export interface BenchOrder {
  readonly accountId: string;
  readonly symbol: string;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: number;
  readonly orderType: 'MARKET' | 'LIMIT';
  readonly price: number;
}

/** Symbols with the price the bench's broker quotes and fills at. */
export const PRICES: Readonly<Record<string, number>> = {
  RELIANCE: 2450,
  INFY: 1520.5,
  TCS: 3401.25,
  SBIN: 612.4,
  ITC: 441.15,
};

const SYMBOLS = Object.keys(PRICES);
/** Opens, adds, reduces, adds and closes: signed quantities that sum to zero. */
const PATTERN = [10, 5, -8, 3, -10];
const STOP_SHARE = 0.05;
const TICK = 0.05;

export function accountIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `bench-${String(index + 1).padStart(3, '0')}`);
}

/** The `number`-th order: accounts in turn, then symbols, then the pattern; every second one is a MARKET order. */
export function benchOrder(accounts: readonly string[], number: number): BenchOrder {
  const ofAccount = Math.floor(number / accounts.length);
  const symbol = SYMBOLS[ofAccount % SYMBOLS.length] ?? 'ITC';
  const signed = PATTERN[Math.floor(ofAccount / SYMBOLS.length) % PATTERN.length] ?? 1;
  return {
    accountId: accounts[number % accounts.length] ?? '',
    symbol,
    side: signed > 0 ? 'BUY' : 'SELL',
    quantity: Math.abs(signed),
    orderType: ofAccount % 2 === 0 ? 'LIMIT' : 'MARKET',
    price: PRICES[symbol] ?? 1,
  };
}

/** The same order as a strategy sends it, with a stop on the losing side and a target on the other. */
export function requestOf(order: BenchOrder, clientOrderId: string): OrderRequest {
  const sign = order.side === 'BUY' ? 1 : -1;
  const away = (share: number) => decimal((Math.round((order.price * (1 + share)) / TICK) * TICK).toFixed(2));
  return {
    clientOrderId,
    strategyId: null,
    symbol: order.symbol,
    exchange: 'NSE',
    side: order.side,
    quantity: order.quantity,
    orderType: order.orderType,
    product: 'MIS',
    validity: 'DAY',
    validityMinutes: null,
    variety: 'regular',
    price: order.orderType === 'LIMIT' ? decimal(order.price) : null,
    triggerPrice: null,
    stopLoss: away(-sign * STOP_SHARE),
    takeProfit: away(3 * sign * STOP_SHARE),
    disclosedQuantity: null,
    marketProtection: null,
    reduceOnly: false,
    maxAgeMs: null,
    metadata: null,
    role: 'ENTRY',
  };
}

/** Signed quantity of each "account/symbol" after the first `count` orders. */
export function expectedPositions(accounts: readonly string[], count: number): Map<string, number> {
  const positions = new Map<string, number>();
  for (let number = 0; number < count; number += 1) {
    const order = benchOrder(accounts, number);
    const key = `${order.accountId}/${order.symbol}`;
    const signed = order.side === 'BUY' ? order.quantity : -order.quantity;
    positions.set(key, (positions.get(key) ?? 0) + signed);
  }
  return positions;
}
