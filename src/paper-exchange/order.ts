import type { Paise } from './paise.ts';

export type Side = 'BUY' | 'SELL';
export type Product = 'CNC' | 'MIS' | 'NRML' | 'MTF';
export type OrderType = 'MARKET' | 'LIMIT' | 'SL' | 'SL-M';
export type Validity = 'DAY' | 'IOC' | 'TTL';
export type Variety = 'regular' | 'amo';

/** Kite's order statuses (kite.md 3.3). */
export type Status =
  | 'PUT ORDER REQ RECEIVED'
  | 'AMO REQ RECEIVED'
  | 'VALIDATION PENDING'
  | 'OPEN PENDING'
  | 'OPEN'
  | 'TRIGGER PENDING'
  | 'MODIFY VALIDATION PENDING'
  | 'MODIFY PENDING'
  | 'MODIFIED'
  | 'NOT MODIFIED'
  | 'CANCEL PENDING'
  | 'COMPLETE'
  | 'CANCELLED'
  | 'REJECTED';

export const FINAL: ReadonlySet<Status> = new Set(['COMPLETE', 'CANCELLED', 'REJECTED']);
/** An order in one of these can be modified and cancelled. */
export const SETTLED_WORKING: ReadonlySet<Status> = new Set(['OPEN', 'TRIGGER PENDING', 'AMO REQ RECEIVED']);

/** What a client may change in a working order; prices in paise. */
export interface OrderTerms {
  readonly orderType: OrderType;
  readonly quantity: number;
  readonly price: Paise;
  readonly trigger: Paise;
  readonly disclosed: number;
  readonly validity: Validity;
  /** Minutes; 0 unless validity is TTL. */
  readonly ttl: number;
  /** Percent; -1 is automatic, 0 none. */
  readonly protection: number;
}

/** A checked request to place an order. */
export interface OrderRequest extends OrderTerms {
  readonly variety: Variety;
  readonly token: number;
  readonly side: Side;
  readonly product: Product;
  readonly tag: string | null;
}

/** A request that was accepted but has not reached the exchange yet (transitMs). */
type Transit =
  | { readonly kind: 'place'; readonly dueAt: number; readonly rejectMessage: string | null }
  | {
      readonly kind: 'modify';
      readonly dueAt: number;
      readonly rejectMessage: string | null;
      readonly terms: OrderTerms;
    };

/** One row of an order's history: the fields that change from row to row. Times in ms. */
export interface HistoryRow {
  readonly status: Status;
  readonly message: string | null;
  readonly at: number;
  readonly exchangeAt: number | null;
  readonly exchangeOrderId: string | null;
  readonly token: number;
  readonly orderType: OrderType;
  readonly quantity: number;
  readonly disclosed: number;
  readonly price: Paise;
  readonly trigger: Paise;
  readonly validity: Validity;
  readonly filled: number;
  readonly filledValue: Paise;
  readonly pending: number;
  readonly cancelled: number;
  readonly modified: boolean;
}

export interface Order {
  readonly id: string;
  readonly user: string;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly token: number;
  readonly variety: Variety;
  readonly side: Side;
  readonly product: Product;
  readonly tag: string | null;
  /** The client's tag first, then the system's (`mktp`). Empty: the row shows no `tags`. */
  tags: string[];
  readonly guid: string;
  /** The user, or who acts in their place: RMS. */
  readonly placedBy: string;
  /** A word that the books show in place of the status, set by hand; null: the status. */
  shown: string | null;
  /** How often it was changed by hand, also after its end. */
  touched: number;
  /** When the request came in, ms. */
  readonly receivedAt: number;
  /** GET /orders, history and trades hide the order before this time, ms. */
  visibleAt: number;
  /** AMO only: it was sent to the exchange. */
  released: boolean;
  /** The type asked for; orderType is what Kite stores. */
  requestedType: OrderType;
  orderType: OrderType;
  quantity: number;
  price: Paise;
  trigger: Paise;
  disclosed: number;
  validity: Validity;
  ttl: number;
  protection: number;
  status: Status;
  statusMessage: string | null;
  statusMessageRaw: string | null;
  exchangeOrderId: string | null;
  /** order_timestamp: the client's last request, ms. */
  orderAt: number;
  exchangeAt: number | null;
  exchangeUpdateAt: number | null;
  filled: number;
  filledValue: Paise;
  pending: number;
  cancelled: number;
  modified: boolean;
  modifications: number;
  transit: Transit | null;
  /** Next time a fill may be tried, ms; null when the order is not OPEN. */
  dueAt: number | null;
  /** TTL end, ms. */
  expiresAt: number | null;
  /** It rests in the book (the market was not at its price): it then fills at its own price. */
  passive: boolean;
  /** SL-M: the price that triggered it. */
  triggeredAt: Paise | null;
  /** Charges booked so far in rupees, exact decimal text. */
  charges: string;
  rows: HistoryRow[];
}

export interface Trade {
  readonly id: string;
  readonly orderId: string;
  readonly exchangeOrderId: string;
  readonly user: string;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly token: number;
  readonly product: Product;
  readonly side: Side;
  readonly quantity: number;
  readonly price: Paise;
  readonly at: number;
}

export function remaining(order: Order): number {
  return order.quantity - order.filled;
}

/** True for MARKET and SL-M: they take the market's price with slippage. */
export function takesMarket(order: Order): boolean {
  return order.requestedType === 'MARKET' || order.requestedType === 'SL-M';
}
