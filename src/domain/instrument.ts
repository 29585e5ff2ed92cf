import type { Decimal } from './money.ts';

export const EXCHANGES = ['NSE', 'BSE', 'NFO', 'BFO', 'CDS', 'BCD', 'MCX'] as const;
export type Exchange = (typeof EXCHANGES)[number];

export const PRODUCTS = ['MIS', 'CNC', 'NRML', 'MTF'] as const;
export type Product = (typeof PRODUCTS)[number];

/** EQ, FUT, CE, PE; indices are listed as EQ in segment INDICES and cannot be traded. */
export type InstrumentType = 'EQ' | 'FUT' | 'CE' | 'PE';

export interface Instrument {
  /** Our own id: survives renames and reused broker tokens. */
  readonly id: number;
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly name: string;
  readonly instrumentToken: number;
  readonly instrumentType: InstrumentType;
  readonly segment: string;
  readonly tickSize: Decimal;
  readonly lotSize: number;
  readonly expiry: string | null;
  readonly strike: Decimal | null;
  readonly underlying: string | null;
  readonly freezeQuantity: number | null;
  /** Rupees per point and unit; null where an operator must supply it (MCX, CDS, BCD). */
  readonly multiplier: Decimal | null;
}

/** "NSE:RELIANCE": how Kite names an instrument in quotes. */
export function instrumentKey(of: { readonly exchange: string; readonly symbol: string }): string {
  return `${of.exchange}:${of.symbol}`;
}

const EQUITY: readonly Exchange[] = ['NSE', 'BSE'];

export function isEquity(exchange: Exchange): boolean {
  return EQUITY.includes(exchange);
}

export function isOption(type: InstrumentType): boolean {
  return type === 'CE' || type === 'PE';
}

/** Underlyings of NSE's and BSE's index contracts, by the name that Kite's list gives them. */
const INDICES: ReadonlySet<string> = new Set([
  ...['NIFTY', 'BANKNIFTY', 'FINNIFTY', 'MIDCPNIFTY', 'NIFTYNXT50'],
  ...['SENSEX', 'BANKEX', 'SENSEX50'],
]);

/** True of a contract on an index of NSE or BSE. */
export function isIndexContract({
  exchange,
  underlying,
}: Pick<Instrument, 'exchange' | 'underlying'>): boolean {
  return (exchange === 'NFO' || exchange === 'BFO') && underlying !== null && INDICES.has(underlying);
}

/** Products the exchange takes: shares CNC, MIS, MTF; everything else NRML and MIS (kite.md section 3.2). */
export function productsOf(exchange: Exchange): readonly Product[] {
  return isEquity(exchange) ? ['MIS', 'CNC', 'MTF'] : ['MIS', 'NRML'];
}

/** Exchanges whose contracts trade in units of one; others need an operator's multiplier (trading.md section 5). */
export function hasUnitMultiplier(exchange: Exchange): boolean {
  return exchange === 'NSE' || exchange === 'BSE' || exchange === 'NFO' || exchange === 'BFO';
}

export function isTradable(instrument: { readonly segment: string }): boolean {
  return instrument.segment !== 'INDICES';
}
