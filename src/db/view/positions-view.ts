import { type AccountDay, type PositionKey, positionKeyText } from '../../domain/account.ts';
import { tradingDayOf } from '../../domain/calendar.ts';
import { type Decimal, ZERO } from '../../domain/money.ts';
import { assert } from '../../lib/assert.ts';
import type { DayRow, EntryRow, PositionRow, StrategyPositionRow, TradeRow } from '../account-rows.ts';
import { KEY_OF } from './account-sets.ts';
import { OrdersView } from './orders-view.ts';

/** Trades, the positions they make, and the account's day. */
export abstract class PositionsView extends OrdersView {
  tradesOf(orderId: string): TradeRow[] {
    if (!this.isNew(orderId)) this.require('tradesOf', orderId);
    return this.all('trades').filter((trade) => trade.orderId === orderId);
  }

  insertTrade(row: TradeRow, entry: EntryRow): void {
    this.putTrade(row);
    this.insertEntry(entry);
  }

  /** Writes a trade; of a recorded one only what a correction changes. */
  putTrade(row: TradeRow): void {
    const known = this.set('trades').rows.get(KEY_OF.trades(row));
    const isMine = known === undefined || known.orderId === row.orderId || known.annulledAt !== null;
    assert(isMine, `trade ${row.tradeId} stands as one of another order`);
    this.set('trades').put(row);
  }

  insertEntry(entry: EntryRow): void {
    this.set('positionEntries').put(entry);
  }

  openPositions(): PositionRow[] {
    this.require('openPositions');
    return this.all('positions').filter((row) => row.status === 'OPEN');
  }

  /** The newest cycle of a key, open or closed; null when there never was one. */
  newestCycle(key: PositionKey): PositionRow | null {
    this.require('positionKeys', positionKeyText(key));
    return newest(this.all('positions').filter((row) => positionKeyText(row) === positionKeyText(key)));
  }

  /** Every cycle of a key, oldest first: what a fold from the start replaces. */
  cyclesOf(key: PositionKey): PositionRow[] {
    this.require('cyclesOf', positionKeyText(key));
    return oldestFirst(this.all('positions').filter((row) => positionKeyText(row) === positionKeyText(key)));
  }

  putPosition(row: PositionRow): void {
    this.set('positions').put(row);
  }

  /** Takes away a cycle that a new fold of its key does not have. */
  removePosition(row: PositionRow): void {
    this.set('positions').remove(row);
  }

  entriesOf(key: PositionKey): EntryRow[] {
    this.require('entriesOf', positionKeyText(key));
    return this.all('positionEntries').filter((row) => positionKeyText(row) === positionKeyText(key));
  }

  newestStrategyCycle(strategyId: string, key: PositionKey): StrategyPositionRow | null {
    this.require('strategyPositions', `${strategyId}/${key.instrumentId}/${key.product}`);
    return newest(this.ofStrategy(strategyId, key));
  }

  /** Every cycle of a strategy's own position of a key, oldest first. */
  strategyCyclesOf(strategyId: string, key: PositionKey): StrategyPositionRow[] {
    this.require('strategyCyclesOf', `${strategyId}/${key.instrumentId}/${key.product}`);
    return oldestFirst(this.ofStrategy(strategyId, key));
  }

  private ofStrategy(strategyId: string, key: PositionKey): StrategyPositionRow[] {
    return this.all('strategyPositions').filter(
      (row) =>
        row.strategyId === strategyId && row.instrumentId === key.instrumentId && row.product === key.product,
    );
  }

  /** A strategy's own open positions. */
  openPositionsOf(strategyId: string): StrategyPositionRow[] {
    this.require('openOfStrategies', strategyId);
    return this.all('strategyPositions').filter(
      (row) => row.strategyId === strategyId && row.status === 'OPEN',
    );
  }

  /** Net quantity traded this trading day, this transaction's trades included. */
  tradedToday(key: PositionKey): number {
    const text = positionKeyText(key);
    this.require('tradedToday', text);
    const day = tradingDayOf(this.now);
    const entries = this.set('positionEntries');
    const staged = [...entries.changed.keys()]
      .map((id) => entries.rows.get(id))
      .filter(
        (row) => row !== undefined && positionKeyText(row) === text && tradingDayOf(row.tradedAt) === day,
      );
    return staged.reduce(
      (total, row) => total + (row?.quantity ?? 0),
      this.loaded.tradedToday?.get(text) ?? 0,
    );
  }

  putStrategyPosition(row: StrategyPositionRow): void {
    this.set('strategyPositions').put(row);
  }

  removeStrategyPosition(row: StrategyPositionRow): void {
    this.set('strategyPositions').remove(row);
  }

  // The day

  /** A day's row, opened from the account's baseline when this is the day's first work. Today's is always read. */
  today(day: string): AccountDay {
    const known = this.set('dailyStats').rows.get(day);
    if (known !== undefined) return known;
    if (day !== tradingDayOf(this.now)) this.require('days', day);
    this.require('baseline');
    const baseline = this.loaded.baseline;
    assert(baseline !== null, 'the baseline was loaded');
    const openingEquity = this.account.capital
      .plus(baseline.netRealized)
      .plus(baseline.cashFlows)
      .plus(baseline.unrealized);
    const row: DayRow = {
      accountId: this.account.id,
      day,
      openingEquity,
      realizedPnl: ZERO,
      charges: ZERO,
      cashFlows: ZERO,
      turnover: ZERO,
      ordersCount: 0,
      rejectedCount: 0,
      tradesCount: 0,
      winningTrades: 0,
      losingTrades: 0,
      updatedAt: this.now,
    };
    this.set('dailyStats').put(row);
    this.note('DayOpened', day, { openingEquity: openingEquity.toFixed() });
    return row;
  }

  changeDay(day: string, change: (before: AccountDay) => Partial<AccountDay>): void {
    const before = this.today(day);
    const row = { ...before, ...change(before), accountId: this.account.id, updatedAt: this.now };
    this.set('dailyStats').put(row);
  }

  /** Equity now: capital, flows, net realized P&L, and the newest marks of open positions (trading.md section 1). */
  equity(): Decimal {
    const settled = this.settledEquity();
    return settled.plus(this.loaded.baseline?.unrealized ?? ZERO);
  }

  /** Equity without what open positions are worth: capital, flows and net realized P&L. */
  settledEquity(): Decimal {
    this.require('baseline');
    const baseline = this.loaded.baseline;
    assert(baseline !== null, 'the baseline was loaded');
    const staged = this.all('dailyStats').reduce(
      (total, row) => total.plus(row.realizedPnl).minus(row.charges),
      ZERO,
    );
    const read = this.readDays().reduce((total, row) => total.plus(row.realizedPnl).minus(row.charges), ZERO);
    return this.account.capital.plus(baseline.netRealized).plus(baseline.cashFlows).plus(staged.minus(read));
  }
}

function newest<Row extends { readonly cycle: number }>(rows: readonly Row[]): Row | null {
  return rows.reduce<Row | null>((best, row) => (best === null || row.cycle > best.cycle ? row : best), null);
}

function oldestFirst<Row extends { readonly cycle: number }>(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => a.cycle - b.cycle);
}
