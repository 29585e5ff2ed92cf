/** A broker in memory that keeps one order book, answers as it is told to, and hands out its book as it was. */
import type {
  BrokerOrder,
  BrokerOrderChange,
  BrokerOrderRef,
  BrokerOrderRequest,
  BrokerPort,
  BrokerTrade,
  CommandCallOutcome,
  PlacementOutcome,
} from '../../../src/broker/port.ts';
import { ZERO, type Decimal, decimal } from '../../../src/domain/money.ts';

/**
 * What becomes of a call. silent: taken, and not answered. lost: neither. late: as silent, and the book hides it until
 * it is shown. busy: not taken, to be asked again. slow: taken, answered when it is released.
 */
export type Answer = 'taken' | 'refused' | 'busy' | 'lost' | 'silent' | 'late' | 'slow';

export interface VenueOrder {
  readonly id: string;
  readonly tag: string | null;
  readonly side: 'BUY' | 'SELL';
  quantity: number;
  price: Decimal;
  status: 'OPEN' | 'COMPLETE' | 'CANCELLED';
  filled: number;
  hidden: boolean;
  message: string | null;
  changedAt: Date;
}

export interface VenueTrade {
  readonly id: string;
  readonly order: VenueOrder;
  quantity: number;
  price: Decimal;
  readonly at: Date;
  busted: boolean;
}

/** The book and the tradebook as one read showed them. */
export interface Snapshot {
  readonly readAt: Date;
  readonly book: readonly BrokerOrder[];
  readonly trades: readonly BrokerTrade[];
}

const UNANSWERED = { kind: 'UNKNOWN', reason: 'TIMEOUT', message: 'no answer' } as const;
const BUSY = {
  kind: 'NOT_PLACED',
  reason: 'RATE_LIMITED',
  message: 'too many',
  retry: 'afterPause',
} as const;
const REFUSED = { kind: 'NOT_PLACED', reason: 'REFUSED', message: 'refused', retry: 'never' } as const;

export class MemoryVenue {
  readonly orders: VenueOrder[] = [];
  readonly trades: VenueTrade[] = [];
  /** What becomes of the next call; of every one after it: taken. */
  next: Answer = 'taken';
  private readonly now: () => Date;
  private readonly held: (() => void)[] = [];

  constructor(now: () => Date) {
    this.now = now;
  }

  readonly port = {
    placeOrder: (request: BrokerOrderRequest) => this.call((answer) => this.place(answer, request)),
    cancelOrder: (of: BrokerOrderRef) =>
      this.call((answer) => this.command(answer, of, (order) => this.end(order))),
    modifyOrder: (change: BrokerOrderChange) =>
      this.call((answer) =>
        this.command(answer, change, (order) => this.change(order, change.quantity, change.price)),
      ),
  } as unknown as BrokerPort;

  /** Lets every answer that was slow arrive. */
  release(): void {
    for (const arrive of this.held.splice(0)) arrive();
  }

  /** The call takes effect at once; its answer may come later. */
  private call<Outcome>(make: (answer: Answer) => Outcome): Promise<Outcome> {
    const answer = this.next;
    this.next = 'taken';
    const outcome = make(answer);
    if (answer !== 'slow') return Promise.resolve(outcome);
    return new Promise((resolve) => this.held.push(() => resolve(outcome)));
  }

  /** As the account's user in the app, too. */
  end(order: VenueOrder): void {
    if (order.status !== 'OPEN') return;
    order.status = 'CANCELLED';
    order.changedAt = this.now();
  }

  change(order: VenueOrder, quantity: number, price: Decimal | undefined): void {
    if (order.status !== 'OPEN' || quantity < order.filled) return;
    Object.assign(order, { quantity, price: price ?? order.price, changedAt: this.now() });
    if (order.filled === quantity) order.status = 'COMPLETE';
  }

  fill(order: VenueOrder, most: number): void {
    const quantity = Math.min(most, order.quantity - order.filled);
    if (order.status !== 'OPEN' || quantity <= 0) return;
    order.filled += quantity;
    if (order.filled === order.quantity) order.status = 'COMPLETE';
    const id = String(9000 + this.trades.length);
    this.trades.push({ id, order, quantity, price: order.price, at: this.now(), busted: false });
  }

  /** The exchange takes an execution back: what is open again rests, what had ended stays ended. */
  bust(trade: VenueTrade): void {
    if (trade.busted) return;
    trade.busted = true;
    trade.order.filled -= trade.quantity;
    if (trade.order.status === 'COMPLETE') trade.order.status = 'OPEN';
  }

  snapshot(readAt: Date): Snapshot {
    const shown = this.orders.filter(({ hidden }) => !hidden);
    const trades = this.trades.filter(({ busted, order }) => !busted && !order.hidden);
    return { readAt, book: shown.map(rowOf), trades: trades.map(tradeRowOf) };
  }

  private place(answer: Answer, request: BrokerOrderRequest): PlacementOutcome {
    if (answer === 'lost') return UNANSWERED;
    if (answer === 'busy') return BUSY;
    if (answer === 'refused') return REFUSED;
    const order: VenueOrder = {
      id: `26071500000${100 + this.orders.length}`,
      tag: request.tag ?? null,
      side: request.transactionType,
      quantity: request.quantity,
      price: request.price ?? ZERO,
      status: 'OPEN',
      filled: 0,
      hidden: answer === 'late',
      message: null,
      changedAt: this.now(),
    };
    this.orders.push(order);
    const isAnswered = answer === 'taken' || answer === 'slow';
    return isAnswered ? { kind: 'PLACED', brokerOrderId: order.id } : UNANSWERED;
  }

  private command(
    answer: Answer,
    of: BrokerOrderRef,
    apply: (order: VenueOrder) => void,
  ): CommandCallOutcome {
    const order = this.orders.find(({ id }) => id === of.orderId);
    if (answer === 'lost') return UNANSWERED;
    if (answer === 'busy') return { ...BUSY, kind: 'NOT_DONE', retry: 'afterRead' };
    if (answer === 'refused' || order?.status !== 'OPEN') return { ...REFUSED, kind: 'NOT_DONE' };
    apply(order);
    return answer === 'taken' || answer === 'slow' ? { kind: 'ACKNOWLEDGED' } : UNANSWERED;
  }
}

function rowOf(order: VenueOrder): BrokerOrder {
  return {
    orderId: order.id,
    exchangeOrderId: `X${order.id}`,
    parentOrderId: null,
    status: order.status,
    statusMessage: order.message,
    exchange: 'NSE',
    tradingsymbol: 'RELIANCE',
    instrumentToken: 738561,
    transactionType: order.side,
    orderType: 'LIMIT',
    product: 'MIS',
    variety: 'regular',
    validity: 'DAY',
    quantity: order.quantity,
    filledQuantity: order.filled,
    price: order.price,
    triggerPrice: ZERO,
    averagePrice: ZERO,
    orderTimestamp: order.changedAt,
    exchangeTimestamp: order.changedAt,
    tag: order.tag,
    tags: order.tag === null ? [] : [order.tag],
    raw: {
      order_id: order.id,
      order_timestamp: order.changedAt.toISOString(),
      status_message: order.message,
    },
  };
}

function tradeRowOf({ id, order, quantity, price, at }: VenueTrade): BrokerTrade {
  return {
    tradeId: id,
    orderId: order.id,
    exchangeOrderId: `X${order.id}`,
    exchange: 'NSE',
    tradingsymbol: 'RELIANCE',
    instrumentToken: 738561,
    transactionType: order.side,
    product: 'MIS',
    quantity,
    price: decimal(price),
    fillTimestamp: at,
    raw: {},
  };
}
