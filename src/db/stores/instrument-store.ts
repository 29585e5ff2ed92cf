import { and, eq, inArray } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { instruments } from '../schema/index.ts';

export type InstrumentRow = typeof instruments.$inferSelect;

/** The listed instrument of a name, or null. */
export async function findInstrument(
  db: Database,
  exchange: InstrumentRow['exchange'],
  symbol: string,
): Promise<InstrumentRow | null> {
  const rows = await db.orm
    .select()
    .from(instruments)
    .where(
      and(eq(instruments.exchange, exchange), eq(instruments.symbol, symbol), eq(instruments.active, true)),
    );
  return rows[0] ?? null;
}

/** Instruments by their ids; those that do not exist are absent. */
export async function findInstrumentsById(db: Database, ids: readonly number[]): Promise<InstrumentRow[]> {
  return db.orm
    .select()
    .from(instruments)
    .where(inArray(instruments.id, [...ids]));
}

const LOADER_LOCK = 7_283_202;
const ROWS_PER_STATEMENT = 5000;

/** True when the list of the current trading day is stored. */
export async function instrumentsAreListed(db: Database): Promise<boolean> {
  const { rows } = await db.reads.query<{ listed: boolean }>(
    'select exists (select from instruments where listed_on = sauda.trading_day(sauda.clock())) as listed',
  );
  return rows[0]?.listed === true;
}

/**
 * Stores a list under an advisory lock, unless somebody else stored today's first and it is not asked for afresh. An
 * instrument keeps its id; one that is not listed any more becomes inactive. An empty list changes nothing.
 */
export async function storeInstruments(
  db: Database,
  fetchRows: () => Promise<readonly Record<string, unknown>[]>,
  options: { readonly afresh: boolean },
): Promise<number> {
  const client = await db.reads.connect();
  try {
    await client.query('begin');
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [LOADER_LOCK]);
    const listed = await client.query<{ listed: boolean }>(
      'select exists (select from instruments where listed_on = sauda.trading_day(sauda.clock())) as listed',
    );
    const isKnown = !options.afresh && listed.rows[0]?.listed === true;
    const rows = isKnown ? [] : await fetchRows();
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      await client.query(UPSERT, [JSON.stringify(rows.slice(from, from + ROWS_PER_STATEMENT))]);
    }
    if (rows.length > 0) {
      await client.query(
        'update instruments set active = false where active and listed_on < sauda.trading_day(sauda.clock())',
      );
    }
    await client.query('commit');
    return rows.length;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

const UPSERT = `insert into instruments as i (exchange, symbol, name, instrument_token, exchange_token,
    instrument_type, segment, tick_size, lot_size, expiry, strike, underlying, listed_on)
  select s.exchange, s.symbol, s.name, s.instrument_token, s.exchange_token, s.instrument_type, s.segment,
    s.tick_size, s.lot_size, s.expiry, s.strike, s.underlying, sauda.trading_day(sauda.clock())
  from json_populate_recordset(null::instruments, $1::json) s
  on conflict (exchange, symbol) do update set name = excluded.name,
    instrument_token = excluded.instrument_token, exchange_token = excluded.exchange_token,
    instrument_type = excluded.instrument_type, segment = excluded.segment, tick_size = excluded.tick_size,
    lot_size = excluded.lot_size, expiry = excluded.expiry, strike = excluded.strike,
    underlying = excluded.underlying, listed_on = excluded.listed_on, active = true,
    updated_at = clock_timestamp()`;
