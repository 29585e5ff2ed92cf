/** Kite's 19-digit ids are snowflakes: milliseconds since this epoch, shifted left by 22 bits (decoded from orders.json). */
const EPOCH_MS = 1_288_834_974_657;
const FIRST_TRADE_ID = 10_000_000;
const FIRST_EXCHANGE_ORDER_ID = 1_300_000_000_000_000;

/** Hands out ids that never repeat, also across restarts once every id in use was reported to `seen...`. */
export class Ids {
  private lastOrder = 0n;
  private lastTrade = FIRST_TRADE_ID;
  private lastExchangeOrder = FIRST_EXCHANGE_ORDER_ID;

  order(nowMs: number): string {
    const fresh = BigInt(Math.max(0, nowMs - EPOCH_MS)) << 22n;
    this.lastOrder = fresh > this.lastOrder ? fresh : this.lastOrder + 1n;
    return this.lastOrder.toString();
  }

  trade(): string {
    this.lastTrade += 1;
    return String(this.lastTrade);
  }

  exchangeOrder(): string {
    this.lastExchangeOrder += 1;
    return String(this.lastExchangeOrder);
  }

  seenOrder(id: string, exchangeOrderId: string | null): void {
    const order = BigInt(id);
    if (order > this.lastOrder) this.lastOrder = order;
    if (exchangeOrderId !== null) {
      this.lastExchangeOrder = Math.max(this.lastExchangeOrder, Number(exchangeOrderId));
    }
  }

  seenTrade(id: string): void {
    this.lastTrade = Math.max(this.lastTrade, Number(id));
  }
}
