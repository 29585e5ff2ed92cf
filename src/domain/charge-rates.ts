import { assert } from '../lib/assert.ts';
import { Decimal, ZERO } from './money.ts';

/**
 * What Zerodha, the exchanges and the state take, by the trade's day. Figures of kite.md section 4.1 and trading.md
 * section 6 unless the line says "own": there those pages are silent, and the higher figure known was taken, so that
 * an estimate is rather too high. Changes on 2024-10-01, 2026-03-01 and 2026-04-01 are in the tables.
 */
export type ChargeSegment =
  | 'EQUITY_DELIVERY'
  | 'EQUITY_INTRADAY'
  | 'EQUITY_MTF'
  | 'FUTURES'
  | 'OPTIONS'
  | 'COMMODITY_FUTURES'
  | 'COMMODITY_OPTIONS'
  | 'CURRENCY_FUTURES'
  | 'CURRENCY_OPTIONS';

/** `share` of turnover but at most `cap` rupees, per executed order; no share means the cap is charged flat. */
export interface BrokerageRule {
  readonly share: Decimal | null;
  readonly cap: Decimal;
}

/** Fractions of turnover on one day. */
export interface ChargeRates {
  readonly brokerage: BrokerageRule;
  /** Securities or commodities transaction tax, by side. */
  readonly tax: { readonly BUY: Decimal; readonly SELL: Decimal };
  /** The exchange's own charge, inside the GST base. */
  readonly exchange: Decimal;
  /** Investor protection levy, billed with the exchange charge but outside the GST base. */
  readonly ipft: Decimal;
  readonly sebi: Decimal;
  /** Stamp duty, buyers only. */
  readonly stamp: Decimal;
}

/** 18% on brokerage, exchange charge and SEBI fee; never on taxes. */
export const GST_RATE = new Decimal('0.18');
/** Per scrip sold out of the demat account in a day, GST included. */
export const DEPOSITORY_CHARGE = new Decimal('15.34');
/** Per order with which the broker squares off by itself: 50 and GST. */
export const AUTO_SQUARE_OFF_CHARGE = new Decimal('59');

/** A rate and the first day it holds; oldest first, the oldest holds for all days before. */
type Dated = readonly (readonly [from: string, percent: string])[];
type Venue = 'NSE' | 'BSE' | 'MCX';

const SINCE_EVER = '0000-01-01';
const OCTOBER_2024 = '2024-10-01';
const MARCH_2026 = '2026-03-01';
const APRIL_2026 = '2026-04-01';

const NONE = always('0');
const SEBI = always('0.0001');

const FREE: BrokerageRule = { share: ZERO, cap: ZERO };
const USUAL: BrokerageRule = { share: new Decimal('0.0003'), cap: new Decimal(20) };
const FLAT: BrokerageRule = { share: null, cap: new Decimal(20) };
/** Own: 0.3%, at most 20. */
const MARGIN_FUNDED: BrokerageRule = { share: new Decimal('0.003'), cap: new Decimal(20) };

interface SegmentRates {
  readonly brokerage: BrokerageRule;
  readonly taxOnBuy: Dated;
  readonly taxOnSell: Dated;
  readonly stamp: Dated;
  readonly exchange: Partial<Record<Venue, Dated>>;
  readonly ipft: Partial<Record<Venue, Dated>>;
}

/** NSE shares before October 2024: the July 2023 figure of the contract note mock. X, XT, Z, SS, ST groups of BSE differ. */
const EQUITY_EXCHANGE: SegmentRates['exchange'] = {
  NSE: dated('0.00325', [OCTOBER_2024, '0.00297'], [MARCH_2026, '0.00307']),
  BSE: always('0.00375'),
};
const SHARES_IPFT: SegmentRates['ipft'] = { NSE: dated('0.0001', [MARCH_2026, '0']) };

/** Exchange traded funds and bonds are charged as shares here: rather too high. */
const DELIVERY: SegmentRates = {
  brokerage: FREE,
  taxOnBuy: always('0.1'),
  taxOnSell: always('0.1'),
  stamp: always('0.015'),
  exchange: EQUITY_EXCHANGE,
  ipft: SHARES_IPFT,
};

const TABLE = {
  EQUITY_DELIVERY: DELIVERY,
  EQUITY_MTF: { ...DELIVERY, brokerage: MARGIN_FUNDED },
  EQUITY_INTRADAY: {
    brokerage: USUAL,
    taxOnBuy: NONE,
    taxOnSell: always('0.025'),
    stamp: always('0.003'),
    exchange: EQUITY_EXCHANGE,
    ipft: SHARES_IPFT,
  },
  FUTURES: {
    brokerage: USUAL,
    taxOnBuy: NONE,
    taxOnSell: dated('0.0125', [OCTOBER_2024, '0.02'], [APRIL_2026, '0.05']),
    stamp: always('0.002'),
    // NSE before October 2024: own.
    exchange: { NSE: dated('0.0019', [OCTOBER_2024, '0.00173'], [MARCH_2026, '0.00183']), BSE: NONE },
    ipft: SHARES_IPFT,
  },
  OPTIONS: {
    brokerage: FLAT,
    taxOnBuy: NONE,
    taxOnSell: dated('0.0625', [OCTOBER_2024, '0.1'], [APRIL_2026, '0.15']),
    stamp: always('0.003'),
    // NSE before October 2024: the July 2023 figure of the contract note mock.
    exchange: {
      NSE: dated('0.05', [OCTOBER_2024, '0.03503'], [MARCH_2026, '0.03553']),
      BSE: always('0.0325'),
    },
    ipft: { NSE: dated('0.0005', [MARCH_2026, '0']) },
  },
  COMMODITY_FUTURES: {
    brokerage: USUAL,
    taxOnBuy: NONE,
    taxOnSell: always('0.01'),
    stamp: always('0.002'),
    // NSE and BSE commodities: own, as MCX was.
    exchange: {
      MCX: dated('0.0026', [OCTOBER_2024, '0.0021']),
      NSE: always('0.0026'),
      BSE: always('0.0026'),
    },
    ipft: {},
  },
  COMMODITY_OPTIONS: {
    brokerage: FLAT,
    taxOnBuy: NONE,
    // Own: the tax on premium, the dearest published exchange charge, the stamp of other options.
    taxOnSell: always('0.05'),
    stamp: always('0.003'),
    exchange: { MCX: always('0.05'), NSE: always('0.05'), BSE: always('0.05') },
    ipft: {},
  },
  CURRENCY_FUTURES: {
    brokerage: USUAL,
    // Currency contracts bear no transaction tax.
    taxOnBuy: NONE,
    taxOnSell: NONE,
    // Own: stamp and exchange charge.
    stamp: always('0.0001'),
    exchange: { NSE: always('0.0009'), BSE: always('0.0009') },
    ipft: {},
  },
  CURRENCY_OPTIONS: {
    brokerage: FLAT,
    taxOnBuy: NONE,
    taxOnSell: NONE,
    // Own: stamp and exchange charge.
    stamp: always('0.0001'),
    exchange: { NSE: always('0.035'), BSE: always('0.035') },
    ipft: {},
  },
} satisfies Record<ChargeSegment, SegmentRates>;

const VENUES: Readonly<Record<string, Venue>> = {
  NSE: 'NSE',
  NFO: 'NSE',
  CDS: 'NSE',
  NCO: 'NSE',
  BSE: 'BSE',
  BFO: 'BSE',
  BCD: 'BSE',
  MCX: 'MCX',
};

const cache = new Map<string, ChargeRates>();

/**
 * The rates of a segment on an exchange ("NSE", "NFO", ...) on a day ("YYYY-MM-DD").
 * Throws InvariantError for an exchange that does not trade the segment.
 */
export function chargeRatesOn(segment: ChargeSegment, exchange: string, day: string): ChargeRates {
  const epoch = day < OCTOBER_2024 ? 0 : day < MARCH_2026 ? 1 : day < APRIL_2026 ? 2 : 3;
  const key = `${segment}/${exchange}/${epoch}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const rates = lookUp(segment, exchange, day);
  cache.set(key, rates);
  return rates;
}

function lookUp(segment: ChargeSegment, exchange: string, day: string): ChargeRates {
  const row: SegmentRates = TABLE[segment];
  const venue = Object.hasOwn(VENUES, exchange) ? VENUES[exchange] : undefined;
  const exchangeRates = venue === undefined ? undefined : row.exchange[venue];
  assert(
    venue !== undefined && exchangeRates !== undefined,
    `no exchange charge is known for ${segment} on "${exchange.slice(0, 20)}"`,
  );
  return {
    brokerage: row.brokerage,
    tax: { BUY: rateOn(row.taxOnBuy, day), SELL: rateOn(row.taxOnSell, day) },
    exchange: rateOn(exchangeRates, day),
    ipft: rateOn(row.ipft[venue] ?? NONE, day),
    sebi: rateOn(SEBI, day),
    stamp: rateOn(row.stamp, day),
  };
}

function rateOn(rates: Dated, day: string): Decimal {
  const [, percent] = rates.findLast(([from]) => from <= day) ?? [SINCE_EVER, '0'];
  return new Decimal(percent).div(100);
}

function always(percent: string): Dated {
  return [[SINCE_EVER, percent]];
}

function dated(percent: string, ...later: Dated): Dated {
  return [[SINCE_EVER, percent], ...later];
}
