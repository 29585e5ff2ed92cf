import { comingMonthlyExpiry } from './clock.ts';
import type { Paise } from './paise.ts';

export type InstrumentType = 'EQ' | 'FUT' | 'CE' | 'PE' | 'INDEX';

/** One row of the exchange's instrument list, with what the CSV does not tell (start price, freeze quantity). */
export interface Instrument {
  readonly token: number;
  readonly exchangeToken: number;
  readonly exchange: 'NSE' | 'NFO';
  readonly tradingsymbol: string;
  /** `NSE:RELIANCE` */
  readonly key: string;
  readonly name: string;
  readonly isin: string;
  readonly type: InstrumentType;
  readonly segment: 'NSE' | 'INDICES' | 'NFO-FUT' | 'NFO-OPT';
  readonly expiry: string;
  readonly strike: Paise;
  readonly lotSize: number;
  /** Largest quantity of one order; 0 is none. */
  readonly freeze: number;
  readonly startPrice: Paise;
  readonly tick: Paise;
}

/** exchange token, symbol, name, ISIN, start price in rupees. Tokens are those of NSE's real list. */
const SHARES = `
2885,RELIANCE,RELIANCE INDUSTRIES,INE002A01018,2450.00
1594,INFY,INFOSYS,INE009A01021,1580.00
11536,TCS,TATA CONSULTANCY SERV LT,INE467B01029,3120.00
1333,HDFCBANK,HDFC BANK,INE040A01034,985.00
4963,ICICIBANK,ICICI BANK,INE090A01021,1385.00
3045,SBIN,STATE BANK OF INDIA,INE062A01020,875.00
1660,ITC,ITC,INE154A01025,412.00
5900,AXISBANK,AXIS BANK,INE238A01034,1185.00
11483,LT,LARSEN & TOUBRO,INE018A01030,3720.00
10604,BHARTIARTL,BHARTI AIRTEL,INE397D01024,2010.00
1922,KOTAKBANK,KOTAK MAHINDRA BANK,INE237A01028,2120.00
1394,HINDUNILVR,HINDUSTAN UNILEVER,INE030A01027,2480.00
10999,MARUTI,MARUTI SUZUKI INDIA,INE585B01010,15600.00
2031,M&M,MAHINDRA & MAHINDRA,INE101A01026,3560.00
16669,BAJAJ-AUTO,BAJAJ AUTO,INE917I01010,9050.00
3499,TATASTEEL,TATA STEEL,INE081A01020,172.50
3787,WIPRO,WIPRO,INE075A01022,246.40
`;

const SEGMENT_NSE = 1;
const SEGMENT_NFO = 2;
const NIFTY_START = 2_450_000;
const NIFTY_LOT = 75;
const NIFTY_FREEZE = 1800;
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

/** NSE's tick by price since 2025-04-15 (kite.md 3.14), both in paise. */
export function nseTick(price: Paise): Paise {
  if (price < 25_000) return 1;
  if (price < 100_000) return 5;
  if (price < 500_000) return 10;
  if (price < 1_000_000) return 50;
  if (price < 2_000_000) return 100;
  return 500;
}

/** Everything that is listed, with NIFTY contracts of the month that `nowMs` falls in. */
export function listInstruments(nowMs: number): Instrument[] {
  return [
    ...SHARES.trim().split('\n').map(share),
    niftyIndex(),
    ...niftyContracts(comingMonthlyExpiry(nowMs)),
  ];
}

function share(row: string): Instrument {
  const [exchangeToken = '', tradingsymbol = '', name = '', isin = '', start = ''] = row.split(',');
  const startPrice = Math.round(Number(start) * 100);
  return {
    token: Number(exchangeToken) * 256 + SEGMENT_NSE,
    exchangeToken: Number(exchangeToken),
    exchange: 'NSE',
    tradingsymbol,
    key: `NSE:${tradingsymbol}`,
    name,
    isin,
    type: 'EQ',
    segment: 'NSE',
    expiry: '',
    strike: 0,
    lotSize: 1,
    freeze: 0,
    startPrice,
    tick: nseTick(startPrice),
  };
}

function niftyIndex(): Instrument {
  return {
    token: 256_265,
    exchangeToken: 1001,
    exchange: 'NSE',
    tradingsymbol: 'NIFTY 50',
    key: 'NSE:NIFTY 50',
    name: 'NIFTY 50',
    isin: '',
    type: 'INDEX',
    segment: 'INDICES',
    expiry: '',
    strike: 0,
    lotSize: 1,
    freeze: 0,
    startPrice: NIFTY_START,
    tick: 5,
  };
}

function niftyContracts(expiry: string): Instrument[] {
  const prefix = `NIFTY${expiry.slice(2, 4)}${MONTHS[Number(expiry.slice(5, 7)) - 1] ?? ''}`;
  const contract = (
    exchangeToken: number,
    suffix: string,
    type: 'FUT' | 'CE' | 'PE',
    strike: Paise,
    startPrice: Paise,
  ): Instrument => ({
    token: exchangeToken * 256 + SEGMENT_NFO,
    exchangeToken,
    exchange: 'NFO',
    tradingsymbol: `${prefix}${suffix}`,
    key: `NFO:${prefix}${suffix}`,
    name: 'NIFTY',
    isin: '',
    type,
    segment: type === 'FUT' ? 'NFO-FUT' : 'NFO-OPT',
    expiry,
    strike,
    lotSize: NIFTY_LOT,
    freeze: NIFTY_FREEZE,
    startPrice,
    tick: 5,
  });
  return [
    contract(53_001, 'FUT', 'FUT', 0, NIFTY_START + 5000),
    contract(53_101, '24500CE', 'CE', NIFTY_START, 30_000),
    contract(53_102, '24500PE', 'PE', NIFTY_START, 26_000),
  ];
}

/** Kite's instrument dump: 12 columns, CRLF, trailing newline. `tickOf` gives the tick in force, in paise. */
export function instrumentsCsv(instruments: readonly Instrument[], tickOf: (token: number) => Paise): string {
  const header =
    'instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange';
  const rows = instruments.map((i) =>
    [
      i.token,
      i.exchangeToken,
      i.tradingsymbol,
      i.name,
      '0.0',
      i.expiry,
      (i.strike / 100).toFixed(1),
      String(tickOf(i.token) / 100),
      i.lotSize,
      i.type === 'INDEX' ? 'EQ' : i.type,
      i.segment,
      i.exchange,
    ].join(','),
  );
  return `${[header, ...rows].join('\r\n')}\r\n`;
}
