/**
 * The life of an order as one table: which event may happen in which status, and where it leads.
 * A pair that is absent is refused (a broken invariant when it comes from us). FILLS means "by the sum of trades".
 * Kite's own words map through BROKER_STATUS; a word never heard of keeps the order live (kite.md section 3.3).
 */
export const ORDER_STATUSES = [
  'PENDING',
  'VALIDATED',
  'SUBMITTING',
  'UNKNOWN',
  'SUBMITTED',
  'OPEN',
  'PARTIALLY_FILLED',
  'FILLED',
  'CANCELLED',
  'REJECTED',
  'EXPIRED',
] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

export const ORDER_EVENT_KINDS = [
  'OrderValidated',
  'OrderRejected',
  'SubmissionClaimed',
  'SubmissionReleased',
  'SubmissionUnknown',
  'OrderSubmitted',
  'OrderOpened',
  'BrokerStatusChanged',
  'TradeRecorded',
  'TradeCorrected',
  'OrderAbsorbed',
  'ModifyClaimed',
  'ModifyReleased',
  'OrderModified',
  'OrderCancelled',
  'OrderExpired',
] as const;
export type OrderEventKind = (typeof ORDER_EVENT_KINDS)[number];

/**
 * SAME: the status stays. FILLS: FILLED when the trades add up to the quantity, PARTIALLY_FILLED while they do not,
 * OPEN when corrections left none.
 */
export type Target = OrderStatus | 'SAME' | 'FILLS';

/** A modify on its way, and its end without effect, leave the status as it is. */
const MODIFIABLE = { ModifyClaimed: 'SAME', ModifyReleased: 'SAME' } as const;

/** An outside order that turned out to be another order's own leaves an empty row behind. */
const ABSORBED = { OrderAbsorbed: 'CANCELLED' } as const;
/** Of a finished order: late trades, corrections, a late twin (design.md invariant 8). */
const FINISHED = {
  TradeRecorded: 'SAME',
  TradeCorrected: 'SAME',
  OrderSubmitted: 'SUBMITTED',
  ...ABSORBED,
} as const;

export const TRANSITIONS = {
  PENDING: {
    OrderValidated: 'VALIDATED',
    OrderModified: 'SAME',
    OrderSubmitted: 'SUBMITTED', // as below, of an order that is checked again after a change
    OrderRejected: 'REJECTED',
    OrderCancelled: 'CANCELLED',
    OrderExpired: 'EXPIRED',
  },
  VALIDATED: {
    SubmissionClaimed: 'SUBMITTING',
    OrderModified: 'PENDING', // other terms are checked again
    OrderRejected: 'REJECTED',
    OrderCancelled: 'CANCELLED',
    OrderExpired: 'EXPIRED',
    OrderSubmitted: 'SUBMITTED', // the twin of an earlier attempt turned up in the book
  },
  SUBMITTING: {
    OrderSubmitted: 'SUBMITTED',
    SubmissionReleased: 'VALIDATED',
    SubmissionUnknown: 'UNKNOWN',
    OrderRejected: 'REJECTED',
  },
  UNKNOWN: {
    OrderSubmitted: 'SUBMITTED',
    SubmissionReleased: 'VALIDATED', // a definite "not taken" arrived late
    OrderRejected: 'REJECTED', // a definite refusal arrived late, or a person said: never placed
  },
  SUBMITTED: {
    OrderOpened: 'OPEN',
    BrokerStatusChanged: 'SAME',
    TradeRecorded: 'FILLS',
    ...ABSORBED,
    ...MODIFIABLE,
    OrderModified: 'SAME',
    OrderCancelled: 'CANCELLED',
    OrderRejected: 'REJECTED',
    OrderExpired: 'EXPIRED',
  },
  OPEN: {
    BrokerStatusChanged: 'SAME',
    TradeRecorded: 'FILLS',
    TradeCorrected: 'FILLS',
    ...ABSORBED,
    ...MODIFIABLE,
    OrderModified: 'SAME',
    OrderCancelled: 'CANCELLED',
    OrderRejected: 'REJECTED',
    OrderExpired: 'EXPIRED',
  },
  PARTIALLY_FILLED: {
    BrokerStatusChanged: 'SAME',
    TradeRecorded: 'FILLS',
    TradeCorrected: 'FILLS',
    ...ABSORBED,
    ...MODIFIABLE,
    OrderModified: 'FILLS', // a quantity down to what is filled
    OrderCancelled: 'CANCELLED',
    OrderRejected: 'REJECTED',
    OrderExpired: 'EXPIRED',
  },
  FILLED: { TradeRecorded: 'SAME', TradeCorrected: 'FILLS', ...ABSORBED },
  CANCELLED: FINISHED,
  REJECTED: FINISHED,
  EXPIRED: FINISHED,
} as const satisfies Record<OrderStatus, Partial<Record<OrderEventKind, Target>>>;

/** Where `event` leads from `status`, or null when it may not happen there. */
export function targetOf(status: OrderStatus, event: OrderEventKind): Target | null {
  const row: Partial<Record<OrderEventKind, Target>> = TRANSITIONS[status];
  return row[event] ?? null;
}

export const FINAL_STATUSES = ['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const satisfies OrderStatus[];

/** Validated or later and not finished: counts in every limit. UNKNOWN is live, PENDING is not (protocol.md). */
export const LIVE_STATUSES = [
  'VALIDATED',
  'SUBMITTING',
  'UNKNOWN',
  'SUBMITTED',
  'OPEN',
  'PARTIALLY_FILLED',
] as const satisfies OrderStatus[];

/** Not finished: what `GET /v1/orders?status=open` lists. */
export const UNFINISHED_STATUSES = ['PENDING', ...LIVE_STATUSES] as const satisfies OrderStatus[];

/** No broker is known to hold an order in these statuses. */
export const UNSETTLED_STATUSES = [
  'PENDING',
  'VALIDATED',
  'SUBMITTING',
  'UNKNOWN',
] as const satisfies OrderStatus[];

/** The broker may know of an order in these statuses. */
export const AT_BROKER_STATUSES = [
  'SUBMITTING',
  'UNKNOWN',
  'SUBMITTED',
  'OPEN',
  'PARTIALLY_FILLED',
] as const satisfies OrderStatus[];

const final: ReadonlySet<OrderStatus> = new Set(FINAL_STATUSES);
const live: ReadonlySet<OrderStatus> = new Set(LIVE_STATUSES);
const atBroker: ReadonlySet<OrderStatus> = new Set(AT_BROKER_STATUSES);

export const isFinal = (status: OrderStatus): boolean => final.has(status);
export const isLive = (status: OrderStatus): boolean => live.has(status);
export const isAtBroker = (status: OrderStatus): boolean => atBroker.has(status);

const RANK: Record<OrderStatus, number> = {
  PENDING: 0,
  VALIDATED: 1,
  SUBMITTING: 2,
  UNKNOWN: 3,
  SUBMITTED: 4,
  OPEN: 5,
  PARTIALLY_FILLED: 6,
  FILLED: 7,
  CANCELLED: 7,
  REJECTED: 7,
  EXPIRED: 7,
};

/** True when an order in `status` has reached or passed `wanted`, or is finished (api.md: waitFor). */
export function hasReached(status: OrderStatus, wanted: OrderStatus): boolean {
  return status === wanted || isFinal(status) || (!isFinal(wanted) && RANK[status] >= RANK[wanted]);
}

/** What a broker's status word means for us. LIVE: accepted and in transit. RESTING: working at the exchange. */
export type BrokerStatusMeaning = 'LIVE' | 'RESTING' | 'COMPLETE' | 'CANCELLED' | 'REJECTED' | 'UNHEARD_OF';

const BROKER_STATUS: Readonly<Record<string, BrokerStatusMeaning>> = {
  'PUT ORDER REQ RECEIVED': 'LIVE',
  'VALIDATION PENDING': 'LIVE',
  'OPEN PENDING': 'LIVE',
  'AMO REQ RECEIVED': 'LIVE',
  'MODIFY AMO REQ RECEIVED': 'LIVE',
  OPEN: 'RESTING',
  'TRIGGER PENDING': 'RESTING',
  'MODIFY VALIDATION PENDING': 'RESTING',
  'MODIFY PENDING': 'RESTING',
  MODIFIED: 'RESTING',
  'NOT MODIFIED': 'RESTING',
  'CANCEL PENDING': 'RESTING',
  UPDATE: 'LIVE',
  COMPLETE: 'COMPLETE',
  CANCELLED: 'CANCELLED',
  // Of after-market orders; seen by others, not confirmed by the broker (kite.md section 3.3).
  'CANCELLED AMO': 'CANCELLED',
  'AMO CANCELLED': 'CANCELLED',
  REJECTED: 'REJECTED',
};

export function meaningOfBrokerStatus(word: string): BrokerStatusMeaning {
  return Object.hasOwn(BROKER_STATUS, word) ? (BROKER_STATUS[word] ?? 'UNHEARD_OF') : 'UNHEARD_OF';
}

/** True of an after-market order that the broker holds until the exchange opens. */
export function isAmoWaiting(word: string | null): boolean {
  return word === 'AMO REQ RECEIVED' || word === 'MODIFY AMO REQ RECEIVED';
}

/** True while the broker is at work on an order: it takes no command, and shows neither old terms nor new. */
export function isInTransit(word: string): boolean {
  if (word === 'PUT ORDER REQ RECEIVED') return true;
  return word.includes('PENDING') && word !== 'TRIGGER PENDING';
}
