import type { BrokerInstrument, BrokerPort } from '../broker/port.ts';
import { instrumentsAreListed, storeInstruments } from '../db/stores/instrument-store.ts';
import type { Database } from '../db/client.ts';

/**
 * Brings today's list of instruments into the database, by whichever process first finds it missing; the others wait
 * for its lock and find it there (protocol.md). Returns how many were stored; 0 when they were there.
 */
export async function loadInstruments(db: Database, broker: BrokerPort): Promise<number> {
  if (await instrumentsAreListed(db)) return 0;
  return storeInstruments(db, async () => (await broker.getInstruments()).flatMap(instrumentRow));
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
