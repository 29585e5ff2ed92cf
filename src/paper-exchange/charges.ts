import { Decimal, decimal, toPaise, ZERO } from '../domain/money.ts';
import type { InstrumentType } from './instruments.ts';
import type { Product, Side } from './order.ts';

/** Rates as fractions of turnover, in force since 2026-04-01 (kite.md 4.1). */
interface Rates {
  readonly brokerage: Decimal;
  readonly flatBrokerage: boolean;
  readonly sttBuy: Decimal;
  readonly sttSell: Decimal;
  readonly exchange: Decimal;
  readonly stampBuy: Decimal;
}

const rate = (text: string): Decimal => new Decimal(text);
const DELIVERY: Rates = {
  brokerage: ZERO,
  flatBrokerage: false,
  sttBuy: rate('0.001'),
  sttSell: rate('0.001'),
  exchange: rate('0.0000307'),
  stampBuy: rate('0.00015'),
};
const INTRADAY: Rates = {
  brokerage: rate('0.0003'),
  flatBrokerage: false,
  sttBuy: ZERO,
  sttSell: rate('0.00025'),
  exchange: rate('0.0000307'),
  stampBuy: rate('0.00003'),
};
const MARGIN_FUNDED: Rates = { ...DELIVERY, brokerage: rate('0.003') };
const FUTURES: Rates = {
  brokerage: rate('0.0003'),
  flatBrokerage: false,
  sttBuy: ZERO,
  sttSell: rate('0.0005'),
  exchange: rate('0.0000183'),
  stampBuy: rate('0.00002'),
};
const OPTIONS: Rates = {
  brokerage: ZERO,
  flatBrokerage: true,
  sttBuy: ZERO,
  sttSell: rate('0.0015'),
  exchange: rate('0.0003553'),
  stampBuy: rate('0.00003'),
};
const MAX_BROKERAGE = rate('20');
const SEBI = rate('0.000001');
const GST = rate('0.18');

/** An estimate of what one executed order costs, in rupees, unrounded except for stamp duty. */
export interface Charges {
  readonly transactionTax: Decimal;
  readonly exchange: Decimal;
  readonly sebi: Decimal;
  readonly brokerage: Decimal;
  readonly stamp: Decimal;
  readonly gst: Decimal;
  readonly total: Decimal;
}

/** How stamp duty is rounded: the contract note to whole rupees, the margin calculator to paise (kite.md 4.2). */
type StampRounding = 'rupee' | 'paise';

/** Charges of one order with `turnover` rupees executed; brokerage counts once per order. */
export function orderCharges(
  type: InstrumentType,
  product: Product,
  side: Side,
  turnover: Decimal,
  stampRounding: StampRounding,
): Charges {
  if (turnover.isZero()) return NONE;
  const rates = ratesOf(type, product);
  const brokerage = rates.flatBrokerage
    ? MAX_BROKERAGE
    : Decimal.min(MAX_BROKERAGE, turnover.times(rates.brokerage));
  const exchange = turnover.times(rates.exchange);
  const sebi = turnover.times(SEBI);
  const transactionTax = turnover.times(side === 'BUY' ? rates.sttBuy : rates.sttSell);
  const rawStamp = side === 'BUY' ? turnover.times(rates.stampBuy) : ZERO;
  const stamp =
    stampRounding === 'paise' ? toPaise(rawStamp) : rawStamp.toDecimalPlaces(0, Decimal.ROUND_HALF_UP);
  const gst = brokerage.plus(exchange).plus(sebi).times(GST);
  return {
    transactionTax,
    exchange,
    sebi,
    brokerage,
    stamp,
    gst,
    total: transactionTax.plus(exchange).plus(sebi).plus(brokerage).plus(stamp).plus(gst),
  };
}

const NONE: Charges = {
  transactionTax: ZERO,
  exchange: ZERO,
  sebi: ZERO,
  brokerage: ZERO,
  stamp: ZERO,
  gst: ZERO,
  total: ZERO,
};

function ratesOf(type: InstrumentType, product: Product): Rates {
  if (type === 'FUT') return FUTURES;
  if (type === 'CE' || type === 'PE') return OPTIONS;
  if (product === 'MTF') return MARGIN_FUNDED;
  return product === 'CNC' ? DELIVERY : INTRADAY;
}

/** Kite's `charges` object; `charges` null gives the empty one of basket summaries. */
export function chargesRow(charges: Charges | null): Record<string, unknown> {
  const c = charges ?? NONE;
  const gst = c.gst.toNumber();
  return {
    transaction_tax: c.transactionTax.toNumber(),
    transaction_tax_type: charges === null ? '' : 'stt',
    exchange_turnover_charge: c.exchange.toNumber(),
    sebi_turnover_charge: c.sebi.toNumber(),
    brokerage: c.brokerage.toNumber(),
    stamp_duty: c.stamp.toNumber(),
    gst: { igst: gst, cgst: 0, sgst: 0, total: gst },
    total: c.total.toNumber(),
  };
}

/** Rupees of a whole number of paise, exact. */
export function rupeesDecimal(paise: number): Decimal {
  return decimal(paise).div(100);
}
