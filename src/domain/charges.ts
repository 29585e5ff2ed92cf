import { assert } from '../lib/assert.ts';
import { isDay } from './calendar.ts';
import {
  AUTO_SQUARE_OFF_CHARGE,
  chargeRatesOn,
  DEPOSITORY_CHARGE,
  GST_RATE,
  type BrokerageRule,
  type ChargeSegment,
} from './charge-rates.ts';
import { Decimal, sum, toPaise, ZERO } from './money.ts';

export type { ChargeSegment } from './charge-rates.ts';

/**
 * Charges of orders, trades and days; the rates are in charge-rates.ts. An order's charges are an estimate to the
 * paisa on its turnover so far; the whole-rupee rounding of the taxes happens once, in the day's statement. Invariant:
 * however an order's fills are cut, the charges of its trades sum to the charges of the order.
 */
export interface Charges {
  readonly brokerage: Decimal;
  /** STT or CTT. */
  readonly transactionTax: Decimal;
  /** The exchange's charge with the investor protection levy. */
  readonly exchangeCharge: Decimal;
  readonly sebiCharge: Decimal;
  readonly stampDuty: Decimal;
  readonly gst: Decimal;
  /** The sum of the six above. */
  readonly total: Decimal;
}

export const NO_CHARGES: Charges = {
  brokerage: ZERO,
  transactionTax: ZERO,
  exchangeCharge: ZERO,
  sebiCharge: ZERO,
  stampDuty: ZERO,
  gst: ZERO,
  total: ZERO,
};

/** What decides an order's rates. */
interface ChargeTerms {
  readonly segment: ChargeSegment;
  /** Kite's exchange: NSE, BSE, NFO, BFO, CDS, BCD, MCX, NCO. */
  readonly exchange: string;
  readonly side: 'BUY' | 'SELL';
  /** The trading day, "YYYY-MM-DD". */
  readonly day: string;
}

export interface OrderTurnover extends ChargeTerms {
  /** Sum of price x quantity x multiplier over the fills so far, in rupees; for options the premium. */
  readonly turnover: Decimal;
}

export interface TradeTurnover extends ChargeTerms {
  /** The order's turnover before this trade. */
  readonly orderTurnoverBefore: Decimal;
  readonly tradeTurnover: Decimal;
  /** The sum of the charges of the order's trades before this one. */
  readonly bookedBefore: Charges;
}

/** One executed order of a day, as its statement needs it. */
export interface StatementOrder extends OrderTurnover {
  /** The same text for the same instrument on the same exchange. */
  readonly instrument: string;
  readonly filledQuantity: number;
  /** True when the broker squared the position off by itself. */
  readonly autoSquareOff?: boolean;
}

export interface DayStatement {
  readonly day: string;
  readonly segment: ChargeSegment;
  readonly turnover: Decimal;
  readonly charges: Charges;
  /** Depository and auto square-off charges, GST included; not part of `charges`. */
  readonly otherCharges: Decimal;
}

/**
 * The charge segment of an instrument and product. MIS, CO and BO shares are intraday, MTF has its own brokerage, all
 * other shares are delivery. Throws InvariantError for an exchange or a type that is not traded on Kite.
 */
export function chargeSegmentOf(of: {
  readonly exchange: string;
  readonly instrumentType: string;
  readonly product: string;
}): ChargeSegment {
  switch (of.exchange) {
    case 'NSE':
    case 'BSE':
      if (of.product === 'MTF') return 'EQUITY_MTF';
      return ['MIS', 'CO', 'BO'].includes(of.product) ? 'EQUITY_INTRADAY' : 'EQUITY_DELIVERY';
    case 'NFO':
    case 'BFO':
      return isOption(of.instrumentType) ? 'OPTIONS' : 'FUTURES';
    case 'CDS':
    case 'BCD':
      return isOption(of.instrumentType) ? 'CURRENCY_OPTIONS' : 'CURRENCY_FUTURES';
    case 'MCX':
    case 'NCO':
      return isOption(of.instrumentType) ? 'COMMODITY_OPTIONS' : 'COMMODITY_FUTURES';
    default:
      assert(false, `exchange "${of.exchange.slice(0, 20)}" has no charges`);
  }
}

function isOption(instrumentType: string): boolean {
  const option = instrumentType === 'CE' || instrumentType === 'PE';
  assert(option || instrumentType === 'FUT', `"${instrumentType.slice(0, 20)}" is no future and no option`);
  return option;
}

/**
 * Charges of one order on its turnover so far. `rounding: 'paisa'` (the default) rounds each component half up and
 * then sums; 'none' leaves all as they are, as Kite's virtual contract note does. GST comes from unrounded inputs.
 */
export function chargesOfOrder(order: OrderTurnover, rounding: 'paisa' | 'none' = 'paisa'): Charges {
  const exact = exactParts(order);
  return totalled(rounding === 'none' ? exact : mapParts(exact, toPaise));
}

/**
 * One trade's share: the order's charges with this trade, less what was booked before it. Trades are booked in the
 * order in which they are applied; each component is never negative while the day is the same for all of them.
 */
export function chargesOfTrade(trade: TradeTurnover): Charges {
  const { bookedBefore, orderTurnoverBefore, tradeTurnover, ...terms } = trade;
  checkTurnover(orderTurnoverBefore);
  checkTurnover(tradeTurnover);
  const soFar = chargesOfOrder({ ...terms, turnover: orderTurnoverBefore.plus(tradeTurnover) });
  return combine(soFar, bookedBefore, (a, b) => a.minus(b));
}

/** The sum of charges, by component. */
export function sumCharges(charges: Iterable<Charges>): Charges {
  let total = NO_CHARGES;
  for (const one of charges) total = combine(total, one, (a, b) => a.plus(b));
  return total;
}

/**
 * The bill of each day and segment, oldest day first. STT and stamp are rounded to the paisa and then to the rupee,
 * half up; exchange, SEBI and GST once to the paisa on the aggregate; brokerage once per executed order (kite.md
 * section 4.3). What a CNC order bought and sold of one instrument on one day is billed as intraday (trading.md
 * section 6); of several orders the earlier in the list are matched first. GST is 18% in one sum, so a note that
 * rounds two halves of 9% can differ by a paisa or two.
 */
export function dayStatement(orders: readonly StatementOrder[]): readonly DayStatement[] {
  const groups = new Map<string, StatementOrder[]>();
  for (const order of splitRoundTrips(orders)) {
    const key = `${order.day} ${order.segment}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [order]);
    else group.push(order);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => statementOf(group));
}

function statementOf(orders: readonly StatementOrder[]): DayStatement[] {
  const [first] = orders;
  if (first === undefined) return [];
  const exact = orders.map(exactParts).reduce((a, b) => combineParts(a, b, (x, y) => x.plus(y)));
  const parts: Parts = {
    brokerage: sum(orders.map((order) => toPaise(exactParts(order).brokerage))),
    transactionTax: toRupee(exact.transactionTax),
    exchangeCharge: toPaise(exact.exchangeCharge),
    sebiCharge: toPaise(exact.sebiCharge),
    stampDuty: toRupee(exact.stampDuty),
    gst: toPaise(exact.gst),
  };
  const squaredOff = orders.filter((order) => order.autoSquareOff === true).length;
  return [
    {
      day: first.day,
      segment: first.segment,
      turnover: sum(orders.map((order) => order.turnover)),
      charges: totalled(parts),
      otherCharges: DEPOSITORY_CHARGE.times(scripsSold(orders)).plus(
        AUTO_SQUARE_OFF_CHARGE.times(squaredOff),
      ),
    },
  ];
}

/** Distinct scrips that left the demat account, which delivery sales alone do. */
function scripsSold(orders: readonly StatementOrder[]): number {
  const sales = orders.filter((order) => order.segment === 'EQUITY_DELIVERY' && order.side === 'SELL');
  return new Set(sales.map((order) => order.instrument)).size;
}

function splitRoundTrips(orders: readonly StatementOrder[]): StatementOrder[] {
  const left = new Map<string, { BUY: number; SELL: number }>();
  for (const order of orders) {
    if (order.segment !== 'EQUITY_DELIVERY') continue;
    const key = instrumentDay(order);
    const filled = left.get(key) ?? { BUY: 0, SELL: 0 };
    filled[order.side] += order.filledQuantity;
    left.set(key, filled);
  }
  for (const filled of left.values()) filled.BUY = filled.SELL = Math.min(filled.BUY, filled.SELL);
  return orders.flatMap((order) => {
    const unmatched = order.segment === 'EQUITY_DELIVERY' ? left.get(instrumentDay(order)) : undefined;
    const matched = Math.min(unmatched?.[order.side] ?? 0, order.filledQuantity);
    if (unmatched === undefined || matched === 0) return [order];
    unmatched[order.side] -= matched;
    return splitOrder(order, matched);
  });
}

function splitOrder(order: StatementOrder, matched: number): StatementOrder[] {
  const turnover = order.turnover.times(matched).div(order.filledQuantity);
  const intraday: StatementOrder = {
    ...order,
    segment: 'EQUITY_INTRADAY',
    filledQuantity: matched,
    turnover,
  };
  const rest = order.filledQuantity - matched;
  if (rest === 0) return [intraday];
  // The auto square-off charge stays with the first part.
  const delivered = {
    ...order,
    filledQuantity: rest,
    turnover: order.turnover.minus(turnover),
    autoSquareOff: false,
  };
  return [intraday, delivered];
}

function instrumentDay(order: StatementOrder): string {
  return `${order.day} ${order.exchange} ${order.instrument}`;
}

type Parts = Omit<Charges, 'total'>;

/** The components without any rounding. */
function exactParts(order: OrderTurnover): Parts {
  const { segment, exchange, side, turnover, day } = order;
  checkTurnover(turnover);
  assert(isDay(day), `"${day.slice(0, 20)}" is not a day`);
  const rates = chargeRatesOn(segment, exchange, day);
  const brokerage = brokerageOf(rates.brokerage, turnover);
  const ownCharge = turnover.times(rates.exchange);
  const sebiCharge = turnover.times(rates.sebi);
  return {
    brokerage,
    transactionTax: turnover.times(rates.tax[side]),
    exchangeCharge: ownCharge.plus(turnover.times(rates.ipft)),
    sebiCharge,
    stampDuty: side === 'BUY' ? turnover.times(rates.stamp) : ZERO,
    gst: brokerage.plus(ownCharge).plus(sebiCharge).times(GST_RATE),
  };
}

/** An order without turnover was not executed and bears no brokerage, not even a flat one. */
function brokerageOf(rule: BrokerageRule, turnover: Decimal): Decimal {
  if (turnover.isZero()) return ZERO;
  return rule.share === null ? rule.cap : Decimal.min(rule.cap, turnover.times(rule.share));
}

function checkTurnover(turnover: Decimal): void {
  assert(
    turnover.isFinite() && !turnover.isNegative(),
    `turnover ${turnover.toFixed()} is not a sum of money`,
  );
}

/** STT is rounded to the paisa first, as on contract notes: 12.495 is 12.50 is 13. */
function toRupee(value: Decimal): Decimal {
  return toPaise(value).toDecimalPlaces(0, Decimal.ROUND_HALF_UP);
}

function mapParts(parts: Parts, change: (value: Decimal) => Decimal): Parts {
  return combineParts(parts, parts, change);
}

function combineParts(a: Parts, b: Parts, join: (a: Decimal, b: Decimal) => Decimal): Parts {
  return {
    brokerage: join(a.brokerage, b.brokerage),
    transactionTax: join(a.transactionTax, b.transactionTax),
    exchangeCharge: join(a.exchangeCharge, b.exchangeCharge),
    sebiCharge: join(a.sebiCharge, b.sebiCharge),
    stampDuty: join(a.stampDuty, b.stampDuty),
    gst: join(a.gst, b.gst),
  };
}

function combine(a: Charges, b: Charges, join: (a: Decimal, b: Decimal) => Decimal): Charges {
  return { ...combineParts(a, b, join), total: join(a.total, b.total) };
}

function totalled(parts: Parts): Charges {
  const { brokerage, transactionTax, exchangeCharge, sebiCharge, stampDuty, gst } = parts;
  return { ...parts, total: sum([brokerage, transactionTax, exchangeCharge, sebiCharge, stampDuty, gst]) };
}
