import { ok, err, type Result } from '../lib/result.ts';
import { Account, type Hypothetical } from './account.ts';
import { type Holding, openQuantity, totalBlocked } from './funds.ts';
import { Gtts } from './gtts.ts';
import { Ids } from './ids.ts';
import type { Journal, SavedBooks } from './journal.ts';
import { inputError, type KiteError, ORDER_NOT_FOUND } from './kite-error.ts';
import { Floor, protectionOf } from './floor.ts';
import { cancel, enter, protectMarket, receive, reject, startModify } from './lifecycle.ts';
import type { Market } from './market.ts';
import { FINAL, type Order, type OrderRequest, remaining, SETTLED_WORKING, type Status } from './order.ts';
import { type Form, parseModification } from './order-form.ts';
import { type Paise, rupeesText } from './paise.ts';
import type { Random } from './prng.ts';
import type { Settings } from './settings.ts';

const MAX_MODIFICATIONS = 25;
const MAX_USERS = 1000;
const MAX_ORDERS_PER_USER = 200_000;

/** What a fault adds to an order call. */
export interface CallTwist {
  /** Who places it; the user by default. */
  readonly placedBy?: string;
  /** The exchange refuses what was accepted, with this text. */
  readonly rejectMessage?: string;
  /** The order shows in the books only after so many ms. */
  readonly hideForMs?: number;
}

/** What a stream subscriber is told: the order and the status the stream gives it (UPDATE for a change that ends nothing). */
type OrderListener = (order: Order, status: Status | 'UPDATE') => void;

interface ExchangeParts {
  readonly market: Market;
  readonly random: Random;
  readonly openingFunds: Paise;
  readonly journal: Journal | null;
  readonly nowMs: () => number;
  readonly settings: () => Settings;
}

/**
 * The exchange and the broker's OMS in one: takes requests, keeps every user's books, matches live orders against the
 * market. Every public call leaves the journal flushed, so what it answers is never lost.
 */
export class PaperExchange {
  readonly accounts = new Map<string, Account>();
  readonly market: Market;
  readonly gtts: Gtts;
  onOrder: OrderListener = () => undefined;
  private readonly parts: ExchangeParts;
  private readonly ids = new Ids();
  private readonly orders = new Map<string, Order>();
  private readonly floor: Floor;

  constructor(parts: ExchangeParts, books: SavedBooks | null) {
    this.parts = parts;
    this.market = parts.market;
    const { market, random, settings } = parts;
    this.floor = new Floor({ accounts: this.accounts, ids: this.ids, market, random, settings });
    const place = (account: Account, request: OrderRequest) => this.place(account, request);
    this.gtts = new Gtts({ ...parts, accounts: this.accounts, place });
    if (books !== null) this.restore(books);
  }

  /** The user's account, made on first use; null when there are too many users. */
  account(user: string): Account | null {
    const known = this.accounts.get(user);
    if (known !== undefined) return known;
    if (this.accounts.size >= MAX_USERS) return null;
    const account = new Account(user, this.parts.openingFunds);
    this.accounts.set(user, account);
    this.saveUser(account);
    this.parts.journal?.flush();
    return account;
  }

  /** Places an order; the id, or Kite's refusal before it enters the book. */
  place(account: Account, request: OrderRequest, twist: CallTwist = {}): Result<string, KiteError> {
    if (account.orders.size >= MAX_ORDERS_PER_USER) {
      return err({
        status: 400,
        errorType: 'NetworkException',
        message: 'Maximum allowed order requests exceeded.',
      });
    }
    const quote = this.market.quote(request.token);
    const nowMs = this.parts.nowMs();
    const protection = protectionOf(request, quote);
    const price = protection?.price ?? (request.price > 0 ? request.price : request.trigger);
    const refusal = this.checkFunds(account, undefined, { ...request, price });
    if (refusal !== null) return err(refusal);
    const order = receive(
      {
        id: this.ids.order(nowMs),
        user: account.id,
        exchange: quote.instrument.exchange,
        tradingsymbol: quote.instrument.tradingsymbol,
        guid: `${Math.floor(this.parts.random() * 2 ** 48).toString(36)}X${account.orders.size + 1}`,
        placedBy: twist.placedBy ?? account.id,
        nowMs,
        visibleAt: nowMs + (twist.hideForMs ?? 0),
      },
      request,
    );
    if (protection !== null) protectMarket(order, protection);
    account.orders.set(order.id, order);
    account.working.add(order);
    this.orders.set(order.id, order);
    const rejectMessage = twist.rejectMessage ?? null;
    if (order.variety === 'amo' && rejectMessage === null) enter(order, 'AMO REQ RECEIVED');
    else this.floor.send(order, nowMs, rejectMessage);
    this.changed(order);
    this.commit();
    return ok(order.id);
  }

  /** Modifies a working order. Acceptance says nothing about the exchange, as at Kite. */
  modify(
    account: Account,
    variety: string,
    orderId: string,
    form: Form,
    twist: CallTwist = {},
  ): Result<string, KiteError> {
    const found = this.findWorking(account, variety, orderId, 'modified');
    if (!found.ok) return found;
    const order = found.value;
    if (order.modifications >= MAX_MODIFICATIONS) {
      const message = 'Maximum allowed order modifications exceeded.';
      return err({ status: 400, errorType: 'NetworkException', message });
    }
    const quote = this.market.quote(order.token);
    const terms = parseModification(form, order, quote);
    if (!terms.ok) return terms;
    const price = protectionOf({ ...terms.value, side: order.side }, quote)?.price ?? terms.value.price;
    const refusal = this.checkFunds(account, order, {
      token: order.token,
      product: order.product,
      side: order.side,
      quantity: terms.value.quantity - order.filled,
      price: price > 0 ? price : terms.value.trigger,
    });
    if (refusal !== null) return err(refusal);
    const nowMs = this.parts.nowMs();
    const { transitMs } = this.parts.settings();
    startModify(order, nowMs);
    const rejectMessage = twist.rejectMessage ?? null;
    order.transit = { kind: 'modify', dueAt: nowMs + transitMs, rejectMessage, terms: terms.value };
    this.floor.startTransit(order, nowMs);
    this.changed(order);
    this.commit();
    return ok(order.id);
  }

  /** Cancels a working order. With `rejectMessage` the exchange refuses and the order lives on. */
  cancel(
    account: Account,
    variety: string,
    orderId: string,
    twist: CallTwist = {},
  ): Result<string, KiteError> {
    const found = this.findWorking(account, variety, orderId, 'cancelled');
    if (!found.ok) return found;
    const order = found.value;
    const nowMs = this.parts.nowMs();
    order.orderAt = nowMs;
    if (twist.rejectMessage === undefined) {
      this.floor.end(order, () => cancel(order, 'client', null, nowMs));
    } else {
      const back = order.status;
      enter(order, 'CANCEL PENDING');
      order.statusMessage = twist.rejectMessage;
      enter(order, back);
    }
    this.changed(order);
    this.commit();
    return ok(order.id);
  }

  /** Ends a live order as the exchange or a person in Kite's app would; false when there is no such live order. */
  endByExchange(orderId: string, status: 'REJECTED' | 'CANCELLED', message: string): boolean {
    const order = this.orders.get(orderId);
    if (order === undefined || FINAL.has(order.status)) return false;
    const nowMs = this.parts.nowMs();
    this.floor.end(order, () => {
      if (status === 'REJECTED') reject(order, message, message);
      else cancel(order, 'exchange', message, nowMs);
    });
    this.commit();
    return true;
  }

  /** Lets every order be seen that `lateVisibility` still hides. The number shown. */
  showHidden(): number {
    const nowMs = this.parts.nowMs();
    const hidden = [...this.orders.values()].filter((order) => order.visibleAt > nowMs);
    for (const order of hidden) {
      order.visibleAt = nowMs;
      this.changed(order);
    }
    this.commit();
    return hidden.length;
  }

  /** Takes a trade back (null) or changes it; false when there is no such trade, or it would not fit its order. */
  amendTrade(tradeId: string, to: { readonly quantity: number; readonly price: Paise } | null): boolean {
    for (const account of this.accounts.values()) {
      const trade = account.trades.find(({ id }) => id === tradeId);
      const order = trade === undefined ? undefined : this.orders.get(trade.orderId);
      if (trade === undefined || order === undefined) continue;
      if ((to?.quantity ?? 0) > trade.quantity + remaining(order)) return false;
      this.floor.amendTrade(order, trade, to === null ? null : { ...trade, ...to });
      this.commit();
      return true;
    }
    return false;
  }

  /** Executes a part of an order now, also of a finished one; false when it has not so much left. */
  executeByHand(orderId: string, quantity: number, price: Paise): boolean {
    const order = this.orders.get(orderId);
    if (order === undefined || quantity > remaining(order)) return false;
    this.floor.executeByHand(order, quantity, price, this.parts.nowMs());
    this.commit();
    return true;
  }

  /** Lets the books show a word in place of an order's status; null: the status again. */
  show(orderId: string, status: string | null): boolean {
    const order = this.orders.get(orderId);
    if (order === undefined) return false;
    order.shown = status;
    order.touched += 1;
    this.changed(order);
    this.commit();
    return true;
  }

  /** RMS closes a user's MIS positions: their working orders are cancelled first, then market orders of its own. */
  squareOff(account: Account): string[] {
    const nowMs = this.parts.nowMs();
    const placed: string[] = [];
    for (const { token, product, buyQuantity, sellQuantity } of [...account.positions.values()]) {
      const net = buyQuantity - sellQuantity;
      if (product !== 'MIS' || net === 0) continue;
      for (const order of [...account.working]) {
        if (order.token !== token || order.product !== product) continue;
        this.floor.end(order, () => cancel(order, 'exchange', 'RMS: auto square off', nowMs));
      }
      const request: OrderRequest = {
        ...{ token, product, variety: 'regular', tag: null, orderType: 'MARKET', validity: 'DAY' },
        side: net > 0 ? 'SELL' : 'BUY',
        quantity: Math.abs(net),
        ...{ price: 0, trigger: 0, disclosed: 0, ttl: 0, protection: -1 },
      };
      const order = this.place(account, request, { placedBy: 'RMS' });
      if (order.ok) placed.push(order.value);
    }
    this.commit();
    return placed;
  }

  /** The market opens: every AMO goes to the exchange. The number sent. */
  releaseAmos(): number {
    const nowMs = this.parts.nowMs();
    const waiting = [...this.accounts.values()].flatMap((a) =>
      [...a.working].filter((order) => order.status === 'AMO REQ RECEIVED'),
    );
    for (const order of waiting) {
      order.released = true;
      const protection = protectionOf(
        { ...order, orderType: order.requestedType },
        this.market.quote(order.token),
      );
      if (protection !== null) protectMarket(order, protection);
      this.floor.send(order, nowMs, null);
    }
    this.commit();
    return waiting.length;
  }

  /** Orders whose moment has come: transit that ends, first tries to fill. */
  runTimed(): void {
    this.floor.runTimed(this.parts.nowMs());
    this.commit();
  }

  /** One tick of the given instruments; null means all. */
  runTick(tokens: ReadonlySet<number> | null): void {
    this.floor.runTick(tokens, this.parts.nowMs());
    this.commit();
    this.gtts.runTick(tokens);
  }

  /** The next moment something happens without a tick, ms; null when there is none. */
  nextTimed(): number | null {
    return this.floor.nextTimed();
  }

  /** Whether any order or trigger waits for a price. */
  get hasLiveOrders(): boolean {
    return this.floor.hasLiveOrders || this.gtts.hasActive;
  }

  /** Whether anybody holds the instrument, or has a live order there. */
  hasInterestIn(token: number): boolean {
    return [...this.accounts.values()].some(
      (account) =>
        account.holdings.has(token) ||
        [...account.working].some((order) => order.token === token) ||
        [...account.positions.values()].some((one) => one.token === token && openQuantity(one) !== 0),
    );
  }

  /** Which side's untriggered stops wait on an instrument. */
  stopSides(token: number): { readonly buy: boolean; readonly sell: boolean } {
    return this.floor.stopSides(token);
  }

  /** Replaces a user's holdings. */
  setHoldings(account: Account, holdings: readonly Holding[]): void {
    account.holdings.clear();
    for (const holding of holdings) account.holdings.set(holding.token, holding);
    this.saveUser(account);
    this.parts.journal?.flush();
  }

  /** Forgets every user, order and trade. */
  reset(): void {
    this.accounts.clear();
    this.orders.clear();
    this.floor.clear();
    this.gtts.clear();
    this.parts.journal?.reset();
  }

  private saveUser(account: Account): void {
    const { id, openingFunds } = account;
    this.parts.journal?.user({ id, openingFunds, holdings: [...account.holdings.values()] });
  }

  private findWorking(
    account: Account,
    variety: string,
    orderId: string,
    verb: 'modified' | 'cancelled',
  ): Result<Order, KiteError> {
    const order = account.orders.get(orderId);
    if (order === undefined) return err(ORDER_NOT_FOUND);
    const expected = order.variety === 'amo' && !order.released ? 'amo' : 'regular';
    if (variety !== expected) return inputError(`Invalid \`variety\`. This order is \`${expected}\` now.`);
    if (FINAL.has(order.status))
      return inputError(`Order cannot be ${verb} as it is already ${order.status}.`);
    if (order.transit !== null || !SETTLED_WORKING.has(order.status)) {
      return inputError(`Order cannot be ${verb} as it is being processed. Try later.`);
    }
    return ok(order);
  }

  /** Kite's refusal when the extra margin is not there; null when it is. A request that frees margin always passes. */
  private checkFunds(account: Account, instead: Order | undefined, extra: Hypothetical): KiteError | null {
    const funds = account.funds(this.market);
    const after = totalBlocked(account.blocked(this.market, instead, [extra]));
    const required = after - totalBlocked(funds.blocked);
    if (required <= 0 || required <= funds.available) return null;
    const message =
      `Insufficient funds. Required margin is ${rupeesText(required)} but available margin is ` +
      `${rupeesText(funds.available)}. Check the orderbook for open orders.`;
    return { status: 400, errorType: 'MarginException', message };
  }

  private changed(order: Order): void {
    this.floor.changes.dirty.add(order);
  }

  private commit(): void {
    const { journal } = this.parts;
    const { dirty, trades, amended, updates } = this.floor.changes;
    for (const trade of trades) journal?.trade(trade);
    for (const { id, to } of amended.splice(0)) journal?.amend(id, to);
    for (const order of dirty) journal?.order(order);
    journal?.flush();
    trades.length = 0;
    dirty.clear();
    for (const [order, status] of updates.splice(0)) this.onOrder(order, status);
  }

  private restore(books: SavedBooks): void {
    for (const saved of books.users.values()) {
      const account = new Account(saved.id, saved.openingFunds);
      for (const holding of saved.holdings) account.holdings.set(holding.token, holding);
      this.accounts.set(saved.id, account);
    }
    for (const order of books.orders.values()) {
      const account = this.accounts.get(order.user);
      if (account === undefined) continue;
      this.ids.seenOrder(order.id, order.exchangeOrderId);
      account.orders.set(order.id, order);
      account.restoreCharges(order);
      this.orders.set(order.id, order);
      if (FINAL.has(order.status)) continue;
      account.working.add(order);
      this.floor.adopt(order);
    }
    this.gtts.restore(books.gtts.values());
    for (const trade of books.trades) {
      this.ids.seenTrade(trade.id);
      this.accounts.get(trade.user)?.addTrade(trade);
    }
  }
}
