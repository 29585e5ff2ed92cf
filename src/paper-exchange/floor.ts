import type { Account } from './account.ts';
import { orderCharges, rupeesDecimal } from './charges.ts';
import { sellableDelivery } from './funds.ts';
import type { Ids } from './ids.ts';
import {
  amend,
  applyModify,
  cancel,
  enter,
  fill,
  type Protection,
  reachExchange,
  refuseModify,
  reject,
  trigger,
} from './lifecycle.ts';
import type { Market, Quote } from './market.ts';
import { attemptFill, isTriggered, protect, wouldSelfTrade } from './matching.ts';
import {
  FINAL,
  type Order,
  type OrderRequest,
  type OrderTerms,
  remaining,
  SETTLED_WORKING,
  type Status,
  takesMarket,
  type Trade,
} from './order.ts';
import type { Paise } from './paise.ts';
import type { Random } from './prng.ts';
import type { Settings } from './settings.ts';

const CHECK_HOLDINGS =
  'RMS:Rule: Check holdings for entity account across exchange across segment across product';

/** What happened since the last commit: for the journal and for the order stream. */
interface Changes {
  readonly dirty: Set<Order>;
  readonly trades: Trade[];
  readonly amended: { readonly id: string; readonly to: Trade | null }[];
  readonly updates: (readonly [Order, Status | 'UPDATE'])[];
}

interface FloorParts {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly market: Market;
  readonly ids: Ids;
  readonly random: Random;
  readonly settings: () => Settings;
}

/**
 * The trading floor: live orders of all users, from the OMS's door to their end. It matches them against the market
 * and notes what changed; the caller commits.
 */
export class Floor {
  readonly changes: Changes = { dirty: new Set(), trades: [], amended: [], updates: [] };
  private readonly parts: FloorParts;
  /** Live orders of all users in the order they came. */
  private readonly live = new Set<Order>();
  /** Live orders whose next event is a moment, not a tick: transit's end or the first try to fill. */
  private readonly timed = new Set<Order>();

  constructor(parts: FloorParts) {
    this.parts = parts;
  }

  /** Takes back a live order after a restart. */
  adopt(order: Order): void {
    if (order.exchangeOrderId !== null) this.live.add(order);
    if (order.transit !== null || order.dueAt !== null) this.timed.add(order);
  }

  clear(): void {
    this.live.clear();
    this.timed.clear();
    this.changes.dirty.clear();
  }

  /** Waits for the end of an accepted request's transit, or ends it at once when there is none. */
  startTransit(order: Order, nowMs: number): void {
    if (order.transit !== null && order.transit.dueAt > nowMs) this.timed.add(order);
    else this.endTransit(order, nowMs);
  }

  /** Orders whose moment has come: transit that ends, first tries to fill. */
  runTimed(nowMs: number): void {
    for (const order of [...this.timed]) {
      if (order.transit !== null) {
        if (order.transit.dueAt <= nowMs) this.endTransit(order, nowMs);
      } else if (order.dueAt === null) {
        this.timed.delete(order);
      } else if (order.dueAt <= nowMs) {
        this.timed.delete(order);
        this.tryFill(order, nowMs);
      }
    }
  }

  /** One tick: triggers first, then stops, then the rest try to fill. `tokens` null means every instrument. */
  runTick(tokens: ReadonlySet<number> | null, nowMs: number): void {
    const touched = [...this.live].filter((order) => tokens === null || tokens.has(order.token));
    for (const order of touched) {
      if (order.expiresAt !== null && order.expiresAt <= nowMs) {
        this.end(order, () => cancel(order, 'exchange', null, nowMs));
      } else if (order.status === 'TRIGGER PENDING') {
        this.tryTrigger(order, nowMs);
      }
    }
    const isStop = (order: Order): boolean => order.triggeredAt !== null;
    for (const order of touched) if (isStop(order)) this.tryFill(order, nowMs);
    for (const order of touched) if (!isStop(order)) this.tryFill(order, nowMs);
  }

  /** The next moment something happens without a tick, ms; null when there is none. */
  nextTimed(): number | null {
    let next: number | null = null;
    for (const order of this.timed) {
      const at = order.transit?.dueAt ?? order.dueAt;
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }

  /** Whether any order waits for a price. */
  get hasLiveOrders(): boolean {
    return this.live.size > 0;
  }

  /** For a stop of which side the instrument's orders wait; decides how a candle is walked. */
  stopSides(token: number): { readonly buy: boolean; readonly sell: boolean } {
    let buy = false;
    let sell = false;
    for (const order of this.live) {
      if (order.token !== token || order.status !== 'TRIGGER PENDING') continue;
      if (order.side === 'BUY') buy = true;
      else sell = true;
    }
    return { buy, sell };
  }

  /** Sends an accepted order on its way to the exchange. */
  send(order: Order, nowMs: number, rejectMessage: string | null): void {
    enter(order, 'VALIDATION PENDING');
    this.changes.dirty.add(order);
    const { transitMs } = this.parts.settings();
    order.transit = { kind: 'place', dueAt: nowMs + transitMs, rejectMessage };
    this.startTransit(order, nowMs);
  }

  private endTransit(order: Order, nowMs: number): void {
    const { transit } = order;
    if (transit === null) return;
    this.timed.delete(order);
    this.changes.dirty.add(order);
    order.transit = null;
    if (transit.kind === 'place') {
      this.arrive(order, nowMs, transit.rejectMessage);
      return;
    }
    const back = order.rows.findLast((row) => SETTLED_WORKING.has(row.status))?.status ?? 'OPEN';
    if (transit.rejectMessage !== null) {
      refuseModify(order, transit.rejectMessage, back);
      return;
    }
    this.takeModification(order, transit.terms, back === 'AMO REQ RECEIVED', nowMs);
  }

  private takeModification(order: Order, terms: OrderTerms, isAmo: boolean, nowMs: number): void {
    if (terms.quantity <= order.filled) {
      refuseModify(order, 'Order was executed before it could be modified.', 'OPEN');
      return;
    }
    const quote = this.parts.market.quote(order.token);
    const protection = protectionOf({ ...terms, side: order.side }, quote);
    const dueAt = nowMs + this.parts.settings().fillDelayMs;
    applyModify(order, terms, { protection, nowMs, dueAt, isAmo });
    if (!isAmo) {
      this.changes.updates.push([order, 'UPDATE']);
      this.lookAtMarket(order, quote, nowMs);
    }
  }

  /** The OMS's own checks, then the exchange. */
  private arrive(order: Order, nowMs: number, rejectMessage: string | null): void {
    const account = this.parts.accounts.get(order.user);
    if (account === undefined) return;
    const others = [...account.working].filter((other) => other !== order);
    const { token, product } = order;
    const isDelivered = product === 'CNC' || product === 'MTF';
    const holding = product === 'CNC' ? account.holdings.get(token) : undefined;
    const sellable = (): number => sellableDelivery(holding, account.position(token, product), others, order);
    if (rejectMessage !== null) {
      this.end(order, () => reject(order, rejectMessage, rejectMessage));
    } else if (isDelivered && order.side === 'SELL' && remaining(order) > sellable()) {
      this.end(order, () => reject(order, 'RMS:Rule: Check holdings', CHECK_HOLDINGS));
    } else {
      reachExchange(order, this.parts.ids.exchangeOrder(), nowMs, nowMs + this.parts.settings().fillDelayMs);
      this.live.add(order);
      this.lookAtMarket(order, this.parts.market.quote(order.token), nowMs);
    }
  }

  /** What happens to an order at the moment it comes to the market, new or with new terms. */
  private lookAtMarket(order: Order, quote: Quote, nowMs: number): void {
    if (order.status === 'TRIGGER PENDING') {
      this.tryTrigger(order, nowMs);
      return;
    }
    order.passive = order.side === 'BUY' ? quote.last > order.price : quote.last < order.price;
    const account = this.parts.accounts.get(order.user);
    for (const resting of account?.working ?? []) {
      if (resting.token !== order.token || !wouldSelfTrade(order, resting, quote)) continue;
      this.end(order, () =>
        cancel(order, 'exchange', 'Cancelled by the exchange: self trade prevention.', nowMs),
      );
      return;
    }
    this.schedule(order, nowMs);
  }

  private schedule(order: Order, nowMs: number): void {
    if (order.dueAt === null) return;
    if (order.dueAt <= nowMs) this.tryFill(order, nowMs);
    else this.timed.add(order);
  }

  private tryTrigger(order: Order, nowMs: number): void {
    const quote = this.parts.market.quote(order.token);
    if (!isTriggered(order.side, order.trigger, quote.last)) return;
    const price = takesMarket(order) ? protect(order.side, order.protection, quote).price : order.price;
    trigger(order, quote.last, price, nowMs, nowMs + this.parts.settings().fillDelayMs);
    this.changes.dirty.add(order);
    this.changes.updates.push([order, 'OPEN']);
    order.passive = order.side === 'BUY' ? quote.last > price : quote.last < price;
    this.schedule(order, nowMs);
  }

  private tryFill(order: Order, nowMs: number): void {
    if (order.dueAt === null || order.dueAt > nowMs || FINAL.has(order.status)) return;
    const quote = this.parts.market.quote(order.token);
    const attempt = attemptFill(order, quote, this.parts.settings(), this.parts.random);
    if (attempt.kind === 'fill') this.execute(order, attempt.quantity, attempt.price, nowMs);
    else if (attempt.kind === 'away' && !order.passive) {
      order.passive = true;
      this.changes.dirty.add(order);
    }
    if (order.validity === 'IOC' && !FINAL.has(order.status)) {
      this.end(order, () => cancel(order, 'exchange', null, nowMs));
    }
  }

  private execute(order: Order, quantity: number, price: Paise, nowMs: number): void {
    const account = this.parts.accounts.get(order.user);
    if (account === undefined || order.exchangeOrderId === null) return;
    this.trade(account, order, { quantity, price, nowMs });
    const complete = remaining(order) === quantity;
    if (complete) this.end(order, () => fill(order, quantity, price, nowMs));
    else {
      fill(order, quantity, price, nowMs);
      this.changes.updates.push([order, 'UPDATE']);
    }
    this.book(account, order);
  }

  private book(account: Account, order: Order): void {
    const { type } = this.parts.market.quote(order.token).instrument;
    const turnover = rupeesDecimal(order.filledValue);
    account.bookCharges(order, orderCharges(type, order.product, order.side, turnover, 'paise').total);
  }

  private trade(
    account: Account,
    order: Order,
    of: { readonly quantity: number; readonly price: Paise; readonly nowMs: number },
  ): void {
    const trade: Trade = {
      id: this.parts.ids.trade(),
      orderId: order.id,
      exchangeOrderId: order.exchangeOrderId ?? '',
      user: order.user,
      exchange: order.exchange,
      tradingsymbol: order.tradingsymbol,
      token: order.token,
      product: order.product,
      side: order.side,
      quantity: of.quantity,
      price: of.price,
      at: of.nowMs,
    };
    account.addTrade(trade);
    this.changes.trades.push(trade);
    this.changes.dirty.add(order);
  }

  /** Takes an execution back or changes it, as the exchange does after the fact. */
  amendTrade(order: Order, trade: Trade, to: Trade | null): void {
    const account = this.parts.accounts.get(order.user);
    if (account === undefined) return;
    account.amendTrade(trade.id, to);
    amend(order, {
      quantity: (to?.quantity ?? 0) - trade.quantity,
      value: (to === null ? 0 : to.quantity * to.price) - trade.quantity * trade.price,
    });
    if (!FINAL.has(order.status)) {
      account.working.add(order);
      this.live.add(order);
    }
    this.book(account, order);
    this.changes.amended.push({ id: trade.id, to });
    this.changes.dirty.add(order);
  }

  /** One execution, whatever the order's status: a late one does not bring a finished order back. */
  executeByHand(order: Order, quantity: number, price: Paise, nowMs: number): void {
    const account = this.parts.accounts.get(order.user);
    if (!FINAL.has(order.status) || account === undefined) {
      this.execute(order, quantity, price, nowMs);
      return;
    }
    this.trade(account, order, { quantity, price, nowMs });
    amend(order, { quantity, value: quantity * price });
    this.book(account, order);
    this.changes.updates.push([order, 'UPDATE']);
  }

  /** Runs a transition to a final status and takes the order out of every index of live ones. */
  end(order: Order, transition: () => void): void {
    transition();
    this.parts.accounts.get(order.user)?.working.delete(order);
    this.live.delete(order);
    this.timed.delete(order);
    this.changes.dirty.add(order);
    // Kite pushes no updates for AMOs (kite.md 3.3).
    if (order.variety === 'regular') this.changes.updates.push([order, order.status]);
  }
}

/** The protection a MARKET order gets at the present price; null for other types. */
export function protectionOf(
  terms: Pick<OrderRequest, 'orderType' | 'side' | 'protection'>,
  quote: Quote,
): Protection | null {
  return terms.orderType === 'MARKET' ? protect(terms.side, terms.protection, quote) : null;
}
