import type { Database } from '../db/client.ts';
import { type InstrumentRow, findInstrument, findInstrumentsById } from '../db/stores/instrument-store.ts';
import { hasUnitMultiplier, instrumentKey, type Exchange, type Instrument } from '../domain/instrument.ts';
import { decimal } from '../domain/money.ts';

/**
 * Instruments by name, read from the database on first use and kept for a while: the day's file has a hundred
 * thousand rows and a strategy trades a dozen of them.
 */
export interface InstrumentDirectory {
  /** Null when the broker's file of instruments does not list it. */
  find(exchange: Exchange, symbol: string): Promise<Instrument | null>;
  byId(id: number): Promise<Instrument | null>;
  /** The instrument when it is in memory, for synchronous work under the account lock. */
  cached(id: number): Instrument | null;
  byIds(ids: readonly number[]): Promise<ReadonlyMap<number, Instrument>>;
}

const KEEP_MS = 300_000;
const KEEP_AT_MOST = 5000;

interface Kept {
  readonly instrument: Instrument;
  readonly until: number;
}

/** `freezeQuantities` (FREEZE_QUANTITIES), by symbol or underlying, stand for what the broker's list does not tell. */
export function createInstrumentDirectory(
  db: Database,
  monotonicMs: () => number,
  freezeQuantities: ReadonlyMap<string, number> = new Map(),
): InstrumentDirectory {
  const byName = new Map<string, Kept>();
  const byNumber = new Map<number, Kept>();
  /** Reads under way, by name: hundreds of first orders of one share ask once. */
  const asked = new Map<string, Promise<InstrumentRow | null>>();

  const keep = (row: InstrumentRow): Instrument => {
    const instrument = toInstrument(row, freezeQuantities);
    if (byName.size >= KEEP_AT_MOST) {
      byName.clear();
      byNumber.clear();
    }
    const kept = { instrument, until: monotonicMs() + KEEP_MS };
    byName.set(instrumentKey(instrument), kept);
    byNumber.set(instrument.id, kept);
    return instrument;
  };

  const fresh = (kept: Kept | undefined): Instrument | null =>
    kept !== undefined && kept.until > monotonicMs() ? kept.instrument : null;

  const directory: InstrumentDirectory = {
    find: async (exchange, symbol) => {
      const name = `${exchange}:${symbol}`;
      const kept = fresh(byName.get(name));
      if (kept !== null) return kept;
      const reading =
        asked.get(name) ?? findInstrument(db, exchange, symbol).finally(() => asked.delete(name));
      asked.set(name, reading);
      const row = await reading;
      return row === null ? null : (fresh(byName.get(name)) ?? keep(row));
    },
    byId: async (id) => (await directory.byIds([id])).get(id) ?? null,
    cached: (id) => byNumber.get(id)?.instrument ?? null,
    byIds: async (ids) => {
      const found = new Map<number, Instrument>();
      const missing: number[] = [];
      for (const id of new Set(ids)) {
        const kept = fresh(byNumber.get(id));
        if (kept === null) missing.push(id);
        else found.set(id, kept);
      }
      if (missing.length > 0) {
        for (const row of await findInstrumentsById(db, missing)) found.set(row.id, keep(row));
      }
      return found;
    },
  };
  return directory;
}

function toInstrument(row: InstrumentRow, freezeQuantities: ReadonlyMap<string, number>): Instrument {
  const named = (name: string | null) => freezeQuantities.get(`${row.exchange}:${name ?? ''}`) ?? null;
  return {
    id: row.id,
    exchange: row.exchange,
    symbol: row.symbol,
    name: row.name,
    instrumentToken: row.instrumentToken,
    instrumentType: row.instrumentType,
    segment: row.segment,
    tickSize: row.tickSize,
    lotSize: row.lotSize,
    expiry: row.expiry,
    strike: row.strike,
    underlying: row.underlying,
    freezeQuantity: row.freezeQuantity ?? named(row.symbol) ?? named(row.underlying),
    multiplier: row.multiplier ?? (hasUnitMultiplier(row.exchange) ? decimal(1) : null),
  };
}
