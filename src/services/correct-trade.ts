import type { EntryRow, TradeRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { ManagedBy } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument } from '../domain/instrument.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import type { Order } from '../domain/order.ts';
import { standingEntries } from '../domain/position.ts';
import { present } from '../lib/assert.ts';
import { type Booked, bookFill } from './book-fill.ts';
import { refoldKey } from './move-position.ts';
import { chargeColumns, chargesOfFill, valueOf } from './record-trade.ts';

export interface Correction {
  /** What the exchange says of the trade now; null: it took it back. */
  readonly to: { readonly quantity: number; readonly price: Decimal } | null;
  /** Why we believe it, for the journal and the entries. */
  readonly reason: string;
}

/**
 * Makes a recorded trade what the exchange says of it now (a correction), takes it back (a bust), or lets it stand
 * again. The old entries stay and are taken back by CORRECTION entries of the opposite sign; the new values are a
 * CORRECTION entry of their own. The order's filled sums, the positions, their P&L, the charges and the figures of the
 * trade's day follow, in one transaction. `instrument` may be null where a trade is taken back. Returns the order, which
 * a bust may bring back to life.
 */
export function correctTrade(
  view: AccountView,
  order: Order,
  row: TradeRow,
  { to, reason }: Correction,
  { instrument, newId }: { readonly instrument: Instrument | null; readonly newId: () => string },
): Order {
  const stands = row.annulledAt === null;
  const corrected = view.apply(order, {
    kind: 'TradeCorrected',
    tradeId: row.tradeId,
    brokerOrderId: row.brokerOrderId,
    exchange: row.exchange,
    day: row.tradeDate,
    side: row.side,
    from: stands ? { quantity: row.quantity, price: row.price.toFixed() } : null,
    to: to === null ? null : { quantity: to.quantity, price: to.price.toFixed() },
    reason,
  });
  const day = tradingDayOf(row.tradedAt);
  if (stands) takeBack(view, order, row, { day, reason, newId });
  if (to === null) {
    view.putTrade({ ...row, annulledAt: view.now });
    return corrected;
  }
  const others = view.tradesOf(order.id).filter((trade) => trade.entryId !== row.entryId);
  const listed = present(instrument, `instrument of ${order.symbol}`);
  const charges = chargesOfFill(order, listed, { ...to, day, others });
  const entryId = newId();
  const booked = bookFill(
    view,
    order,
    {
      ...{ entryId, ...to },
      kind: 'CORRECTION',
      multiplier: row.multiplier,
      charges: charges.total,
      tradedAt: row.tradedAt,
      tradeId: row.tradeId,
      brokerOrderId: row.brokerOrderId,
    },
    newId,
  );
  addToDay(view, day, booked, valueOf(to, row.multiplier), 1);
  view.putTrade({ ...row, ...to, ...chargeColumns(charges), entryId, annulledAt: null });
  return corrected;
}

/** Takes the trade's standing entries back, those that moved its parts between OMS and outside included. */
function takeBack(
  view: AccountView,
  order: Order,
  row: TradeRow,
  of: { readonly day: string; readonly reason: string; readonly newId: () => string },
): void {
  const keys: ManagedBy[] = order.cause === 'EXTERNAL' ? ['OMS', 'EXTERNAL'] : ['OMS'];
  for (const managedBy of keys) {
    const key = { instrumentId: order.instrumentId, product: order.product, managedBy };
    const entries = standingEntries(view.entriesOf(key)).filter(
      ({ id, evidence }) => id === row.entryId || evidence['ofEntry'] === row.entryId,
    );
    if (entries.length === 0) continue;
    for (const entry of entries) view.insertEntry(opposite(view, entry, of));
    const realizedPnl = refoldKey(view, order, key, row.entryId);
    if (managedBy === 'EXTERNAL') continue;
    const charges = entries.reduce((total, entry) => total.plus(entry.charges), ZERO).negated();
    const isOurs = entries.some(({ id }) => id === row.entryId);
    const booked = { managedBy: isOurs ? managedBy : ('EXTERNAL' as const), realizedPnl, charges };
    addToDay(view, of.day, booked, valueOf(row, row.multiplier), -1);
  }
}

function opposite(
  view: AccountView,
  entry: EntryRow,
  { reason, newId }: { readonly reason: string; readonly newId: () => string },
): EntryRow {
  return {
    ...entry,
    id: newId(),
    kind: 'CORRECTION',
    quantity: -entry.quantity,
    cash: entry.cash.negated(),
    charges: entry.charges.negated(),
    evidence: { ...entry.evidence, reason },
    counterpart: entry.id,
    recordedAt: view.now,
  };
}

/** The day's figures count trades whose entry the OMS manages; which of them won is not told again. */
function addToDay(
  view: AccountView,
  day: string,
  booked: Pick<Booked, 'managedBy' | 'realizedPnl' | 'charges'>,
  turnover: Decimal,
  trades: 1 | -1,
): void {
  const isOurs = booked.managedBy === 'OMS';
  view.changeDay(day, (before) => ({
    realizedPnl: before.realizedPnl.plus(booked.realizedPnl),
    charges: before.charges.plus(booked.charges),
    turnover: before.turnover.plus(isOurs ? turnover.times(trades) : ZERO),
    tradesCount: before.tradesCount + (isOurs ? trades : 0),
  }));
}
