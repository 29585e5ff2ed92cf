import type { BrokerTrade } from '../broker/port.ts';
import type { TradeRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { istDateOf, tradingDayOf } from '../domain/calendar.ts';
import { type Charges, chargeSegmentOf, chargesOfTrade, sumCharges } from '../domain/charges.ts';
import type { Instrument } from '../domain/instrument.ts';
import { type Decimal, ZERO, decimal, toValueScale } from '../domain/money.ts';
import type { Order } from '../domain/order.ts';
import { present } from '../lib/assert.ts';
import { isMutant } from '../lib/mutant.ts';
import { type Booked, type Fill, bookFill } from './book-fill.ts';
import { bookLater } from './planted-bugs.ts';

/** An order after one of its trades was recorded. */
export interface RecordedTrade {
  readonly order: Order;
  /** How many of an outside order's fill closed what the OMS manages. */
  readonly takenFromOms: number;
}

/**
 * Applies one fill, in any status of its order, exactly once: the trade, its charges, the order, the position (and
 * the strategy's own), and the day's figures change in one transaction. The trade's identity is account, exchange,
 * date of the fill, broker order id, trade id and side (trading.md section 5). Null when the trade was known, also as
 * one that was taken back.
 */
export function recordTrade(
  view: AccountView,
  order: Order,
  trade: BrokerTrade,
  instrument: Instrument,
  newId: () => string,
): RecordedTrade | null {
  const known = view.tradesOf(order.id);
  if (!isMutant('trade-twice') && known.some((row) => isSameTrade(row, trade))) return null;

  const multiplier = present(instrument.multiplier, `multiplier of ${instrument.symbol}`);
  const day = tradingDayOf(trade.fillTimestamp);
  const charges = chargesOfFill(order, instrument, { ...trade, day, others: known });
  const entryId = newId();
  const filled = view.apply(order, {
    kind: 'TradeRecorded',
    tradeId: trade.tradeId,
    brokerOrderId: trade.orderId,
    exchange: trade.exchange,
    day,
    side: trade.transactionType,
    quantity: trade.quantity,
    price: trade.price.toFixed(),
    tradedAt: trade.fillTimestamp.toISOString(),
    entryId,
    charges: plainCharges(charges),
  });
  view.putTrade(tradeRow(view, order, trade, { entryId, multiplier, charges }));
  const move: Move = { order, trade, entryId, multiplier, charges: charges.total };
  if (isMutant('trade-position-two-tx')) {
    bookLater(`${order.id}/${trade.tradeId}`, (later) => void moveBooks(later, move, newId));
    return { order: filled, takenFromOms: 0 };
  }
  return { order: filled, takenFromOms: moveBooks(view, move, newId).takenFromOms };
}

/** A recorded trade, as far as the position and the day need it. */
interface Move {
  readonly order: Order;
  readonly trade: BrokerTrade;
  readonly entryId: string;
  readonly multiplier: Decimal;
  readonly charges: Decimal;
}

/** What a trade does to the position, the strategy's own, and the day's figures. */
function moveBooks(
  view: AccountView,
  { order, trade, entryId, multiplier, charges }: Move,
  newId: () => string,
): Booked {
  const fill: Fill = {
    ...{ entryId, multiplier, charges },
    kind: 'TRADE',
    quantity: trade.quantity,
    price: trade.price,
    tradedAt: trade.fillTimestamp,
    tradeId: trade.tradeId,
    brokerOrderId: trade.orderId,
  };
  const booked = bookFill(view, order, fill, newId);
  const { realizedPnl } = booked;
  const isOurs = booked.managedBy === 'OMS';
  const turnover = isOurs ? valueOf(trade, multiplier) : ZERO;
  view.changeDay(tradingDayOf(trade.fillTimestamp), (before) => ({
    realizedPnl: before.realizedPnl.plus(realizedPnl),
    charges: before.charges.plus(booked.charges),
    turnover: before.turnover.plus(turnover),
    tradesCount: before.tradesCount + (isOurs ? 1 : 0),
    winningTrades: before.winningTrades + (isOurs && realizedPnl.gt(0) ? 1 : 0),
    losingTrades: before.losingTrades + (isOurs && realizedPnl.lt(0) ? 1 : 0),
  }));
  return booked;
}

/** Rupees of a trade, four places. */
export function valueOf(
  trade: { readonly price: Decimal; readonly quantity: number },
  multiplier: Decimal,
): Decimal {
  return toValueScale(trade.price.times(trade.quantity).times(multiplier));
}

/** Charges of one fill of an order, with what its other trades have booked already. */
export function chargesOfFill(
  order: Order,
  instrument: Instrument,
  fill: {
    readonly price: Decimal;
    readonly quantity: number;
    readonly day: string;
    readonly others: readonly TradeRow[];
  },
): Charges {
  const multiplier = present(instrument.multiplier, `multiplier of ${instrument.symbol}`);
  const standing = fill.others.filter((row) => row.annulledAt === null);
  return chargesOfTrade({
    segment: chargeSegmentOf({
      exchange: instrument.exchange,
      instrumentType: instrument.instrumentType,
      product: order.product,
    }),
    exchange: instrument.exchange,
    side: order.side,
    day: fill.day,
    orderTurnoverBefore: standing.reduce(
      (total, row) => total.plus(row.price.times(row.quantity).times(multiplier)),
      ZERO,
    ),
    tradeTurnover: valueOf(fill, multiplier),
    bookedBefore: sumCharges(standing.map(bookedCharges)),
  });
}

function isSameTrade(row: TradeRow, trade: BrokerTrade): boolean {
  return (
    row.tradeId === trade.tradeId &&
    row.exchange === trade.exchange &&
    row.brokerOrderId === trade.orderId &&
    row.side === trade.transactionType &&
    row.tradeDate === istDateOf(trade.fillTimestamp)
  );
}

function tradeRow(
  view: AccountView,
  order: Order,
  trade: BrokerTrade,
  of: { readonly entryId: string; readonly multiplier: Decimal; readonly charges: Charges },
): TradeRow {
  return {
    accountId: order.accountId,
    exchange: order.exchange,
    tradeDate: istDateOf(trade.fillTimestamp),
    brokerOrderId: trade.orderId,
    tradeId: trade.tradeId,
    side: order.side,
    orderId: order.id,
    strategyId: order.strategyId,
    instrumentId: order.instrumentId,
    symbol: order.symbol,
    product: order.product,
    quantity: trade.quantity,
    price: trade.price,
    multiplier: of.multiplier,
    tradedAt: trade.fillTimestamp,
    recordedAt: view.now,
    entryId: of.entryId,
    ...chargeColumns(of.charges),
    annulledAt: null,
  };
}

/** Charges as the columns of a trade. */
export function chargeColumns({ total, ...parts }: Charges) {
  return { ...parts, charges: total };
}

function bookedCharges(row: TradeRow): Charges {
  const { brokerage, transactionTax, exchangeCharge, sebiCharge, stampDuty, gst, charges } = row;
  return { brokerage, transactionTax, exchangeCharge, sebiCharge, stampDuty, gst, total: charges };
}

function plainCharges(charges: Charges): Record<string, string> {
  return Object.fromEntries(
    Object.entries(charges).map(([name, value]) => [name, decimal(value as Decimal).toFixed()]),
  );
}
