import type { BrokerInstrument, BrokerPort } from '../broker/port.ts';
import { instrumentsAreListed, storeInstruments } from '../db/stores/instrument-store.ts';
import type { Database } from '../db/client.ts';

/**
 * Brings today's list of instruments into the database, by whichever process first finds it missing; the others wait
 * for its lock and find it there (protocol.md). Returns how many were stored; 0 when they were there. `afresh` takes the
 * list again: that of the paper exchange is another one when it starts with other candles.
 */
export async function loadInstruments(
  db: Database,
  broker: BrokerPort,
  options: { readonly afresh?: boolean } = {},
): Promise<number> {
  const { afresh = false } = options;
  if (!afresh && (await instrumentsAreListed(db))) return 0;
  const fetchRows = async () => (await broker.getInstruments()).flatMap(instrumentRow);
  return storeInstruments(db, fetchRows, { afresh });
}

const EXCHANGES = new Set(['NSE', 'BSE', 'NFO', 'BFO', 'CDS', 'BCD', 'MCX']);
const TYPES = new Set(['EQ', 'FUT', 'CE', 'PE']);

function instrumentRow(row: BrokerInstrument): Record<string, unknown>[] {
  if (!EXCHANGES.has(row.exchange) || !TYPES.has(row.instrumentType)) return [];
  if (row.lotSize < 1) return [];
  const isIndex = row.segment === 'INDICES';
  if (row.tickSize.lte(0) && !isIndex) return [];
  return [
    {
      exchange: row.exchange,
      symbol: row.tradingsymbol,
      name: row.name,
      instrument_token: row.instrumentToken,
      exchange_token: row.exchangeToken,
      instrument_type: row.instrumentType,
      segment: row.segment,
      tick_size: row.tickSize.lte(0) ? '0.05' : row.tickSize.toFixed(),
      lot_size: row.lotSize,
      expiry: row.expiry,
      strike: row.strike.isZero() ? null : row.strike.toFixed(),
      underlying: row.expiry === null ? null : row.name,
    },
  ];
}
