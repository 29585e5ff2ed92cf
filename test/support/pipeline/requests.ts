import { randomUUID } from 'node:crypto';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import type { OrderRequest } from '../../../src/domain/order-request.ts';

type Amounts = 'price' | 'triggerPrice' | 'stopLoss' | 'takeProfit' | 'marketProtection';

/** A request in a test: prices as text, the rest by default (see ENTRY). */
export type OrderFields = Partial<Omit<OrderRequest, Amounts>> & {
  readonly [Name in Amounts]?: string | null;
};

/** An entry that passes every check at RELIANCE's first price of 2450.00: risk 200, reward 410. */
const ENTRY = {
  strategyId: null,
  symbol: 'RELIANCE',
  exchange: 'NSE',
  side: 'BUY',
  quantity: 10,
  orderType: 'LIMIT',
  product: 'MIS',
  validity: 'DAY',
  validityMinutes: null,
  variety: 'regular',
  price: '2450.00',
  triggerPrice: null,
  stopLoss: '2430.00',
  takeProfit: '2491.00',
  disclosedQuantity: null,
  marketProtection: null,
  reduceOnly: false,
  maxAgeMs: null,
  metadata: null,
  role: 'ENTRY',
} as const satisfies OrderFields;

/** A sale at the same place, mirrored: what turns the defaults into a SELL. */
export const SHORT = {
  side: 'SELL',
  stopLoss: '2470.00',
  takeProfit: '2409.00',
} as const satisfies OrderFields;
export const MARKET = { orderType: 'MARKET', price: null } as const satisfies OrderFields;
/** Bought far below the market: it rests. */
export const RESTING = {
  price: '2300.00',
  stopLoss: '2280.00',
  takeProfit: '2350.00',
} as const satisfies OrderFields;
/** Closes; takes neither stop nor target. */
export const EXIT = {
  side: 'SELL',
  reduceOnly: true,
  stopLoss: null,
  takeProfit: null,
} as const satisfies OrderFields;

export function orderRequest(fields: OrderFields = {}): OrderRequest {
  const { price, triggerPrice, stopLoss, takeProfit, marketProtection, ...rest } = { ...ENTRY, ...fields };
  const amount = (text: string | null): Decimal | null => (text === null ? null : decimal(text));
  return {
    clientOrderId: `test-${randomUUID()}`,
    ...rest,
    price: amount(price),
    triggerPrice: amount(triggerPrice),
    stopLoss: amount(stopLoss),
    takeProfit: amount(takeProfit),
    marketProtection: amount(marketProtection),
  };
}

/** Share, its first price at the exchange, and its tick: what a load of different entries chooses from. */
export const SHARES = [
  ['RELIANCE', '2450.00'],
  ['INFY', '1580.00'],
  ['TCS', '3120.00'],
  ['HDFCBANK', '985.00'],
  ['ICICIBANK', '1385.00'],
  ['SBIN', '875.00'],
  ['ITC', '412.00'],
  ['AXISBANK', '1185.00'],
  ['LT', '3720.00'],
  ['BHARTIARTL', '2010.00'],
] as const;

/** An entry on a share with its stop 1% below and its target 3% above, whole rupees: always on the tick. */
export function shareEntry(symbol: string, price: string, fields: OrderFields = {}): OrderFields {
  const at = decimal(price);
  return {
    symbol,
    price,
    stopLoss: at.times('0.99').floor().toFixed(2),
    takeProfit: at.times('1.03').ceil().toFixed(2),
    ...fields,
  };
}
