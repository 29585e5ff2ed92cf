import { decimal, type Decimal, ZERO } from '../domain/money.ts';
import {
  addLive,
  applyTrade,
  type Blocked,
  type FundsView,
  fundsView,
  type Holding,
  keyMargin,
  type LiveSides,
  marginPrice,
  noneBlocked,
  openAverage,
  openQuantity,
  type Position,
  realised,
} from './funds.ts';
import type { Market } from './market.ts';
import { type Order, type Product, remaining, type Side, type Trade } from './order.ts';
import type { Paise } from './paise.ts';

/** A live order that does not exist yet, to ask what margin it would block. */
export interface Hypothetical {
  readonly token: number;
  readonly product: Product;
  readonly side: Side;
  readonly quantity: number;
  readonly price: Paise;
}

interface Key {
  readonly token: number;
  readonly product: Product;
  position: Position | undefined;
  readonly live: LiveSides;
}

/** One user's books: orders, trades, positions, holdings and money. */
export class Account {
  readonly id: string;
  openingFunds: Paise;
  readonly orders = new Map<string, Order>();
  /** Orders that are not final, AMOs included. */
  readonly working = new Set<Order>();
  readonly trades: Trade[] = [];
  readonly positions = new Map<string, Position>();
  readonly holdings = new Map<number, Holding>();
  private charges: Decimal = ZERO;

  constructor(id: string, openingFunds: Paise) {
    this.id = id;
    this.openingFunds = openingFunds;
  }

  position(token: number, product: Product): Position | undefined {
    return this.positions.get(`${token}:${product}`);
  }

  /** Books an execution into positions. */
  addTrade(trade: Trade): void {
    this.trades.push(trade);
    const key = `${trade.token}:${trade.product}`;
    let position = this.positions.get(key);
    if (position === undefined) {
      position = {
        token: trade.token,
        product: trade.product,
        buyQuantity: 0,
        buyValue: 0,
        sellQuantity: 0,
        sellValue: 0,
      };
      this.positions.set(key, position);
    }
    applyTrade(position, trade);
  }

  /** Replaces an execution by what it is now, or takes it back; positions follow. */
  amendTrade(id: string, to: Trade | null): void {
    const at = this.trades.findIndex((trade) => trade.id === id);
    this.trades.splice(at, 1, ...(to === null ? [] : [to]));
    this.positions.clear();
    for (const trade of this.trades.splice(0)) this.addTrade(trade);
  }

  /** Replaces what an order's charges were by what they are now, in rupees. */
  bookCharges(order: Order, total: Decimal): void {
    this.charges = this.charges.minus(decimal(order.charges)).plus(total);
    order.charges = total.toFixed();
  }

  /** Takes over charges an order carries already (restart). */
  restoreCharges(order: Order): void {
    this.charges = this.charges.plus(decimal(order.charges));
  }

  /** Margin blocked now; `instead` leaves one order out, `extras` adds some that do not exist yet. */
  blocked(market: Market, instead?: Order, extras: readonly Hypothetical[] = []): Blocked {
    const keys = new Map<string, Key>();
    for (const position of this.positions.values()) {
      this.key(keys, position.token, position.product).position = position;
    }
    for (const order of this.working) {
      if (order === instead) continue;
      const price = marginPrice(order, market.quote(order.token).last);
      addLive(this.key(keys, order.token, order.product).live, order.side, remaining(order), price);
    }
    for (const extra of extras) {
      addLive(this.key(keys, extra.token, extra.product).live, extra.side, extra.quantity, extra.price);
    }
    const total = noneBlocked();
    for (const { token, product, position, live } of keys.values()) {
      keyMargin(market.quote(token).instrument, product, position, live, total);
    }
    return total;
  }

  funds(market: Market): FundsView {
    let realisedTotal = 0;
    let unrealised = 0;
    for (const position of this.positions.values()) {
      realisedTotal += realised(position);
      const last = market.quote(position.token).last;
      unrealised += Math.round((last - openAverage(position)) * openQuantity(position));
    }
    return fundsView(this.openingFunds, this.blocked(market), realisedTotal, unrealised, this.charges);
  }

  private key(keys: Map<string, Key>, token: number, product: Product): Key {
    const name = `${token}:${product}`;
    let key = keys.get(name);
    if (key === undefined) {
      key = {
        token,
        product,
        position: undefined,
        live: { buyQuantity: 0, buyValue: 0, sellQuantity: 0, sellValue: 0 },
      };
      keys.set(name, key);
    }
    return key;
  }
}
