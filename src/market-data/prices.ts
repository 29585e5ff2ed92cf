import type { BrokerFaultCode, BrokerPort, BrokerQuote } from '../broker/port.ts';
import type { Database } from '../db/client.ts';
import type { Instrument } from '../domain/instrument.ts';
import { instrumentKey } from '../domain/instrument.ts';
import { type Decimal, decimal } from '../domain/money.ts';
import type { PriceView } from '../risk/check.ts';

/**
 * Last prices with their ages. A price comes from the last_prices table (fed by the market-data worker or pushed by
 * an operator) or, when that is too old, from the broker: one call for all waiting instruments, at most one a second
 * (kite.md section 3.5). A pushed price stands against the broker's while it is young enough to decide on: whoever
 * pushes it knows better. An age is measured once by the database clock and then by this process's monotonic clock.
 */
export interface PriceReader {
  /** The newest price this process has seen, fresh up to `maxAgeMs` (the configured age); null when none is known. */
  peek(instrumentId: number, maxAgeMs?: number): PriceView | null;
  /** Tries to have a fresh price of each; resolves in any case, at the latest after the broker's answer. */
  refresh(instruments: readonly Instrument[], maxAgeMs?: number): Promise<void>;
  /** Reads quotes from the broker, stores and keeps them; the market-data worker's beat. Rejects when it could not. */
  pull(instruments: readonly Instrument[]): Promise<void>;
  /** What this process has seen of them is out of date: the table has newer prices. */
  forget(instrumentIds: readonly number[]): void;
}

interface Seen {
  readonly last: Decimal;
  readonly bestBid: Decimal | null;
  readonly bestOffer: Decimal | null;
  readonly lowerCircuit: Decimal | null;
  readonly upperCircuit: Decimal | null;
  readonly previousClose: Decimal | null;
  /** Monotonic instant at which the price was current. */
  readonly atMs: number;
  /** The price before it, when that was seen shortly before. */
  readonly previous: Decimal | null;
}

interface PriceRow {
  readonly instrument_id: number;
  readonly price: string;
  readonly best_bid: string | null;
  readonly best_offer: string | null;
  readonly lower_circuit: string | null;
  readonly upper_circuit: string | null;
  readonly previous_close: string | null;
  readonly age_ms: number;
}

export interface PriceReaderOptions {
  readonly db: Database;
  readonly broker: BrokerPort;
  /** PRICE_MAX_AGE_MS as it is configured: an account may have another. */
  readonly maxAgeMs: number;
  /** PRICE_SOURCE=push: the broker is never asked for prices. */
  readonly pushedOnly?: boolean;
  readonly monotonicMs: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

/** A price that is older than this says nothing of a jump. */
const JUMP_WITHIN_MS = 60_000;
/** The quote family takes one call a second. */
const CALL_GAP_MS = 1000;
const KEYS_PER_CALL = 500;
const RATE_LIMITED: BrokerFaultCode = 'RATE_LIMITED';

export function createPriceReader(options: PriceReaderOptions): PriceReader {
  const { db, broker, maxAgeMs: configuredMs, pushedOnly = false, monotonicMs, log } = options;
  const seen = new Map<number, Seen>();
  /** What was forgotten for a newer price in the table: that one may have jumped from it. */
  const forgotten = new Map<number, Seen>();
  let waiting = new Map<number, Instrument>();
  let nextCall: Promise<Error | null> | null = null;
  let nextTurnMs = -Infinity;

  const isFresh = (id: number, maxAgeMs: number) => {
    const price = seen.get(id);
    return price !== undefined && monotonicMs() - price.atMs <= maxAgeMs;
  };

  const note = (id: number, price: Omit<Seen, 'previous'>): void => {
    const before = seen.get(id) ?? forgotten.get(id);
    forgotten.delete(id);
    const isNear = before !== undefined && price.atMs - before.atMs <= JUMP_WITHIN_MS;
    seen.set(id, { ...price, previous: isNear ? before.last : null });
  };

  const readTable = async (ids: readonly number[]): Promise<void> => {
    const startMs = monotonicMs();
    const { rows } = await db.reads.query<PriceRow>({
      name: 'sauda_last_prices',
      text: `select instrument_id, price, best_bid, best_offer, lower_circuit, upper_circuit, previous_close,
        greatest(0, extract(epoch from clock_timestamp() - at) * 1000)::float8 as age_ms
        from last_prices where instrument_id = any($1)`,
      values: [ids],
    });
    for (const row of rows) {
      const atMs = startMs - row.age_ms;
      if ((seen.get(row.instrument_id)?.atMs ?? -Infinity) >= atMs) continue;
      const optional = (value: string | null) => (value === null ? null : decimal(value));
      note(row.instrument_id, {
        last: decimal(row.price),
        bestBid: optional(row.best_bid),
        bestOffer: optional(row.best_offer),
        lowerCircuit: optional(row.lower_circuit),
        upperCircuit: optional(row.upper_circuit),
        previousClose: optional(row.previous_close),
        atMs,
      });
    }
  };

  const forget = (ids: readonly number[]): void => {
    for (const id of ids) {
      const price = seen.get(id);
      if (price !== undefined) forgotten.set(id, price);
      seen.delete(id);
    }
  };

  /** Waits for the next call's turn; turns are given a second apart, whoever asks. */
  const turn = async (): Promise<void> => {
    const now = monotonicMs();
    const at = Math.max(now, nextTurnMs);
    nextTurnMs = at + CALL_GAP_MS;
    if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
  };

  /** One call; at most KEYS_PER_CALL instruments. */
  const readBroker = async (instruments: readonly Instrument[]): Promise<void> => {
    const atMs = monotonicMs();
    const quotes = await readQuotes(broker, instruments);
    const rows = instruments.flatMap((instrument) => {
      const quote = quotes.get(instrumentKey(instrument));
      // A contract that never traded is quoted at 0: no price is unknown, never zero (protocol.md).
      if (quote === undefined || quote.lastPrice.lte(0)) return [];
      note(instrument.id, {
        last: quote.lastPrice,
        bestBid: quote.bestBid,
        bestOffer: quote.bestOffer,
        lowerCircuit: quote.lowerCircuit,
        upperCircuit: quote.upperCircuit,
        previousClose: quote.previousClose,
        atMs,
      });
      return [priceRow(instrument.id, quote)];
    });
    const held = await storePrices(db, rows, 'BROKER', configuredMs);
    if (held.length === 0) return;
    // The broker's price was never the market's here: nothing jumped from it.
    for (const id of held) seen.delete(id);
    await readTable(held);
  };

  /** One call for everything that waits; more when it is more than a call can hold. Never rejects. */
  const callBroker = async (): Promise<Error | null> => {
    await turn();
    const instruments = [...waiting.values()];
    waiting = new Map();
    nextCall = null;
    try {
      for (let from = 0; from < instruments.length; from += KEYS_PER_CALL) {
        if (from > 0) await turn();
        await readBroker(instruments.slice(from, from + KEYS_PER_CALL));
      }
      return null;
    } catch (error) {
      log.warn({ err: error }, 'prices could not be read from the broker');
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  /** Waits for the answer of the next call, which is shared by all who ask before it begins. */
  const ask = (instruments: readonly Instrument[]): Promise<Error | null> => {
    for (const instrument of instruments) waiting.set(instrument.id, instrument);
    nextCall ??= callBroker();
    return nextCall;
  };

  return {
    forget,
    peek: (instrumentId, maxAgeMs = configuredMs) => {
      const price = seen.get(instrumentId);
      if (price === undefined) return null;
      const ageMs = Math.max(0, monotonicMs() - price.atMs);
      return { ...price, ageMs, fresh: ageMs <= maxAgeMs };
    },
    refresh: async (instruments, maxAgeMs = configuredMs) => {
      const stale = instruments.filter(({ id }) => !isFresh(id, maxAgeMs));
      if (stale.length === 0) return;
      await readTable(stale.map(({ id }) => id)).catch((error: unknown) => {
        log.warn({ err: error }, 'stored prices could not be read');
      });
      const missing = stale.filter(({ id }) => !isFresh(id, maxAgeMs));
      if (missing.length === 0 || pushedOnly) return;
      await ask(missing);
    },
    pull: async (instruments) => {
      const failure = instruments.length === 0 || pushedOnly ? null : await ask(instruments);
      if (failure !== null) throw failure;
    },
  };
}

/** Full quotes; from a server that has none, last prices alone. */
async function readQuotes(
  broker: BrokerPort,
  instruments: readonly Instrument[],
): Promise<ReadonlyMap<string, BrokerQuote>> {
  const keys = instruments.map(instrumentKey);
  try {
    return await broker.getQuotes(keys);
  } catch (error) {
    // The two share one budget of calls: the next would be refused as well, and prolong it.
    if (error instanceof Error && 'code' in error && error.code === RATE_LIMITED) throw error;
    const prices = await broker.getLastPrices(keys);
    return new Map(
      [...prices].map(([key, lastPrice]) => [
        key,
        {
          lastPrice,
          previousClose: null,
          bestBid: null,
          bestOffer: null,
          lowerCircuit: null,
          upperCircuit: null,
          at: null,
        },
      ]),
    );
  }
}

function priceRow(instrumentId: number, quote: BrokerQuote): Record<string, unknown> {
  return {
    instrument_id: instrumentId,
    price: quote.lastPrice.toFixed(),
    best_bid: quote.bestBid?.toFixed() ?? null,
    best_offer: quote.bestOffer?.toFixed() ?? null,
    lower_circuit: quote.lowerCircuit?.toFixed() ?? null,
    upper_circuit: quote.upperCircuit?.toFixed() ?? null,
    previous_close: quote.previousClose?.toFixed() ?? null,
  };
}

/**
 * Writes last prices in one statement, without any account's lock; an older price never replaces a newer one, and one
 * of the broker none that was pushed less than `pushWinsMs` ago. Returns the instruments where a pushed price stands
 * against the broker's.
 */
export async function storePrices(
  db: Database,
  rows: readonly Record<string, unknown>[],
  source: 'BROKER' | 'PUSH',
  pushWinsMs = 0,
): Promise<number[]> {
  if (rows.length === 0) return [];
  const { rows: held } = await db.beats.query<{ instrument_id: number }>({
    name: 'sauda_store_prices',
    text: `with given as materialized (select * from json_populate_recordset(null::last_prices, $1::json)),
      held as (select l.instrument_id from last_prices l join given using (instrument_id)
        where $2 = 'BROKER' and l.source = 'PUSH' and l.at > clock_timestamp() - $3 * interval '1 millisecond'),
      stored as (insert into last_prices as l (instrument_id, price, best_bid, best_offer, lower_circuit,
          upper_circuit, previous_close, source, at)
        select s.instrument_id, s.price, s.best_bid, s.best_offer, s.lower_circuit, s.upper_circuit,
          s.previous_close, $2, coalesce(s.at, clock_timestamp())
        from given s where s.instrument_id not in (select instrument_id from held) order by s.instrument_id
        on conflict (instrument_id) do update set price = excluded.price, best_bid = excluded.best_bid,
          best_offer = excluded.best_offer, lower_circuit = coalesce(excluded.lower_circuit, l.lower_circuit),
          upper_circuit = coalesce(excluded.upper_circuit, l.upper_circuit),
          previous_close = coalesce(excluded.previous_close, l.previous_close), source = excluded.source,
          at = excluded.at
        where excluded.at >= l.at and ($2 = 'PUSH' or l.source <> 'PUSH'
          or l.at <= clock_timestamp() - $3 * interval '1 millisecond'))
      select instrument_id from held`,
    values: [JSON.stringify(rows), source, pushWinsMs],
  });
  return held.map((row) => row.instrument_id);
}
