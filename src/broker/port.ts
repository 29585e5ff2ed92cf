import type { Decimal } from '../domain/money.ts';

/**
 * What the OMS needs of a broker. One adapter implements it (kite/), over the official client.
 * Every method either returns values that were checked, or throws BrokerError (errors.ts).
 * Times are instants (Date) made from the broker's naive IST text; ids are strings; prices are Decimal.
 */
export interface BrokerPort {
  /**
   * Sends one order once, never again by itself. Never throws: the outcome is always one of three.
   * The timeout covers everything, from fetching the token to the last byte of the answer.
   */
  placeOrder(order: BrokerOrderRequest, options: { readonly timeoutMs: number }): Promise<PlacementOutcome>;
  /**
   * Asks for the end of an order, or for other terms of it, once. Never throws. ACKNOWLEDGED means that the request
   * was taken, not that the exchange did it: only the order book says that (kite.md section 3.2).
   */
  cancelOrder(order: BrokerOrderRef, options: { readonly timeoutMs: number }): Promise<CommandCallOutcome>;
  modifyOrder(
    change: BrokerOrderChange,
    options: { readonly timeoutMs: number },
  ): Promise<CommandCallOutcome>;
  /** The day's order book, one row per order, latest state. Throws BrokerError when the read was not whole. */
  getOrders(): Promise<readonly BrokerOrder[]>;
  /** The day's trades of the account. */
  getTrades(): Promise<readonly BrokerTrade[]>;
  /**
   * Sets a GTT once. Never throws. It carries no tag of ours: after UNKNOWN, the list alone tells whether it exists
   * (same instrument, quantity and triggers).
   */
  placeGtt(terms: BrokerGttTerms, options: { readonly timeoutMs: number }): Promise<GttOutcome>;
  /** Other terms for a GTT, or its end, once. Never throws. */
  modifyGtt(
    triggerId: string,
    terms: BrokerGttTerms,
    options: { readonly timeoutMs: number },
  ): Promise<CommandCallOutcome>;
  cancelGtt(triggerId: string, options: { readonly timeoutMs: number }): Promise<CommandCallOutcome>;
  /** The account's GTTs, ended ones as long as the broker lists them. Throws BrokerError when the read was not whole. */
  getGtts(): Promise<readonly BrokerGtt[]>;
  /** Positions as the broker keeps them; a key that was traded today has a row, also when nothing is left of it. */
  getPositions(): Promise<BrokerPositions>;
  /** Funds by segment. */
  getMargins(): Promise<BrokerFunds>;
  /** Shares in the demat account. Throws BrokerError when the read was not whole. */
  getHoldings(): Promise<readonly BrokerHolding[]>;
  /** Margin the broker would block for these orders, in their order (basket not considered). */
  getOrderMargins(orders: readonly BrokerOrderRequest[]): Promise<readonly Decimal[]>;
  /** Rupees that one order would block beside what is held already; not above 0 where it blocks no more. */
  getAddedMargin(order: BrokerOrderRequest): Promise<Decimal>;
  /** Last prices by "EXCHANGE:SYMBOL"; keys the broker does not know are absent. At most 1000 keys. */
  getLastPrices(keys: readonly string[]): Promise<ReadonlyMap<string, Decimal>>;
  /** Quotes by "EXCHANGE:SYMBOL"; keys the broker does not know are absent. At most 500 keys. */
  getQuotes(keys: readonly string[]): Promise<ReadonlyMap<string, BrokerQuote>>;
  /** The instruments file of one exchange, or of all. */
  getInstruments(exchange?: string): Promise<readonly BrokerInstrument[]>;
}

export interface BrokerOrderRequest {
  readonly variety: 'regular' | 'amo';
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly transactionType: 'BUY' | 'SELL';
  readonly orderType: 'MARKET' | 'LIMIT' | 'SL' | 'SL-M';
  readonly product: 'MIS' | 'CNC' | 'NRML' | 'MTF';
  readonly validity: 'DAY' | 'IOC' | 'TTL';
  readonly validityTtlMinutes?: number;
  readonly quantity: number;
  readonly price?: Decimal;
  readonly triggerPrice?: Decimal;
  readonly disclosedQuantity?: number;
  /** Percent, or -1 for the broker's automatic protection. MARKET and SL-M need it. */
  readonly marketProtection?: Decimal;
  readonly tag?: string;
}

/**
 * Two questions are kept apart: did it certainly not happen (NOT_PLACED), and would a retry help (`retry`).
 * UNKNOWN means the order may exist; only the order book or a person ends it.
 */
export type PlacementOutcome =
  | { readonly kind: 'PLACED'; readonly brokerOrderId: string }
  | {
      readonly kind: 'NOT_PLACED';
      readonly reason: BrokerFaultCode;
      readonly message: string;
      /**
       * never: the broker refused this order. afterPause: rate limit, connection, or nothing was sent for a
       * reason that passes. afterLogin: the session is dead, or there is none. now: we did not call at all.
       */
      readonly retry: 'never' | 'afterPause' | 'afterLogin' | 'now';
    }
  | { readonly kind: 'UNKNOWN'; readonly reason: BrokerFaultCode; readonly message: string };

export interface BrokerOrderRef {
  /** As the broker's address wants it: an after-market order that was released is regular (kite.md section 3.3). */
  readonly variety: 'regular' | 'amo' | 'co' | 'iceberg' | 'auction';
  readonly orderId: string;
}

/** A trigger that waits at the broker over days, and places a LIMIT order when its price is reached. */
export interface BrokerGttTerms {
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly transactionType: 'BUY' | 'SELL';
  readonly product: BrokerOrderRequest['product'];
  readonly quantity: number;
  /** The market's price now: the broker refuses a trigger that is met. */
  readonly lastPrice: Decimal;
  /** One, or two of which one cancels the other: the lower trigger first. */
  readonly legs: readonly { readonly trigger: Decimal; readonly price: Decimal }[];
}

export type GttOutcome =
  { readonly kind: 'PLACED'; readonly triggerId: string } | Exclude<PlacementOutcome, { kind: 'PLACED' }>;

export interface BrokerGtt {
  readonly triggerId: string;
  /** The broker's own word: active, triggered, disabled, expired, cancelled, rejected, deleted. */
  readonly status: string;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly createdAt: Date | null;
  readonly legs: readonly BrokerGttLeg[];
}

export interface BrokerGttLeg {
  readonly trigger: Decimal;
  readonly price: Decimal;
  readonly transactionType: 'BUY' | 'SELL';
  readonly product: string;
  readonly quantity: number;
  /** What became of it when its price was reached; null: that was not yet. `orderId` null: its order was refused. */
  readonly result: { readonly orderId: string | null; readonly reason: string | null } | null;
}

/** The whole terms after the change; what is left out stays as the broker has it. */
export interface BrokerOrderChange
  extends
    BrokerOrderRef,
    Pick<
      BrokerOrderRequest,
      | 'orderType'
      | 'quantity'
      | 'validity'
      | 'validityTtlMinutes'
      | 'price'
      | 'triggerPrice'
      | 'disclosedQuantity'
      | 'marketProtection'
    > {}

/** NOT_DONE: it certainly did not happen. UNKNOWN: only the order book tells. */
export type CommandCallOutcome =
  | { readonly kind: 'ACKNOWLEDGED' }
  | {
      readonly kind: 'NOT_DONE';
      readonly reason: BrokerFaultCode;
      readonly message: string;
      /** As of a placement. afterRead: the broker is at work on the order; look at the book, then ask again. */
      readonly retry: 'never' | 'afterPause' | 'afterLogin' | 'afterRead' | 'now';
    }
  | { readonly kind: 'UNKNOWN'; readonly reason: BrokerFaultCode; readonly message: string };

/** Why a call to the broker did not give a good answer. Closed; decided by status, errno and error_type, not by prose alone. */
export type BrokerFaultCode =
  | 'MISSED_SLOT' // ours: the claim grew too old before the call, which was not made
  | 'CONNECTION_REFUSED' // never reached the broker
  | 'RATE_LIMITED' // 429
  | 'SESSION_EXPIRED' // TokenException
  | 'PERMISSION_DENIED' // PermissionException, 403 of another kind, IP not allowed
  | 'REFUSED' // 400-class with a recognised error_type (Input, Order, Margin, Holding, User)
  | 'TIMEOUT' // no answer, or not all of it, in time; or the broker says that its own call timed out
  | 'CONNECTION_LOST' // reset, cut
  | 'BROKER_FAILED' // any 5xx
  | 'UNREADABLE' // HTML, empty, broken JSON, wrong shape, redirect
  | 'UNRECOGNISED'; // anything else

export interface BrokerOrder {
  readonly orderId: string;
  readonly exchangeOrderId: string | null;
  readonly parentOrderId: string | null;
  /** The broker's own word, e.g. "OPEN", "TRIGGER PENDING"; unheard-of words are passed on. */
  readonly status: string;
  readonly statusMessage: string | null;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly instrumentToken: number;
  readonly transactionType: 'BUY' | 'SELL';
  readonly orderType: string;
  readonly product: string;
  readonly variety: string;
  readonly validity: string;
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly price: Decimal;
  readonly triggerPrice: Decimal;
  readonly averagePrice: Decimal;
  readonly orderTimestamp: Date | null;
  readonly exchangeTimestamp: Date | null;
  readonly tag: string | null;
  readonly tags: readonly string[];
  /** The row as the broker sent it, times as text; stored as evidence. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface BrokerTrade {
  readonly tradeId: string;
  readonly orderId: string;
  readonly exchangeOrderId: string | null;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly instrumentToken: number;
  readonly transactionType: 'BUY' | 'SELL';
  readonly product: string;
  readonly quantity: number;
  readonly price: Decimal;
  readonly fillTimestamp: Date;
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface BrokerPosition {
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly instrumentToken: number;
  readonly product: string;
  /** Signed: a short position is negative. */
  readonly quantity: number;
  /** What was carried over from the day before. */
  readonly overnightQuantity: number;
  readonly averagePrice: Decimal;
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface BrokerPositions {
  /** What is held now, carried over or not. */
  readonly net: readonly BrokerPosition[];
  /** What today's trades made. */
  readonly day: readonly BrokerPosition[];
}

export interface BrokerSegmentFunds {
  /** What may still be used for new orders: Kite's `net`. */
  readonly net: Decimal;
  readonly liveBalance: Decimal;
  readonly cash: Decimal;
  /** What open positions and orders have blocked: Kite's SPAN and exposure; premiums and deliveries are paid. */
  readonly blocked: Decimal;
}

export interface BrokerFunds {
  readonly equity: BrokerSegmentFunds | null;
  readonly commodity: BrokerSegmentFunds | null;
}

export interface BrokerHolding {
  readonly exchange: string;
  readonly tradingsymbol: string;
  /** Settled and T1 shares as the day began: what was sold today is still in it. */
  readonly openingQuantity: number;
}

export interface BrokerQuote {
  readonly lastPrice: Decimal;
  readonly previousClose: Decimal | null;
  readonly bestBid: Decimal | null;
  readonly bestOffer: Decimal | null;
  readonly lowerCircuit: Decimal | null;
  readonly upperCircuit: Decimal | null;
  readonly at: Date | null;
}

export interface BrokerInstrument {
  readonly instrumentToken: number;
  readonly exchangeToken: number;
  readonly tradingsymbol: string;
  readonly name: string;
  /** IST date "YYYY-MM-DD", or null. */
  readonly expiry: string | null;
  readonly strike: Decimal;
  readonly tickSize: Decimal;
  readonly lotSize: number;
  /** EQ, FUT, CE or PE. */
  readonly instrumentType: string;
  readonly segment: string;
  readonly exchange: string;
}
