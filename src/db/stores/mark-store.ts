import type { Database } from '../client.ts';

/** Instruments of open positions and unfinished orders: their prices matter now. */
export async function readInstrumentsOfInterest(db: Database): Promise<number[]> {
  const { rows } = await db.beats.query<{ instrument_id: number }>({
    name: 'sauda_instruments_of_interest',
    text: `select instrument_id from positions where status = 'OPEN'
      union
      select instrument_id from orders
      where finished_at is null
        and status in ('VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED')`,
  });
  return rows.map((row) => row.instrument_id);
}

/** Marks every open position whose instrument has a newer price; keeps the extremes seen. */
export async function markOpenPositions(db: Database): Promise<void> {
  await db.beats.query({
    name: 'sauda_mark_positions',
    text: `insert into position_marks as m (account_id, instrument_id, product, managed_by, cycle, last_price,
        last_price_at, unrealized_pnl, highest_price, lowest_price, updated_at)
      select p.account_id, p.instrument_id, p.product, p.managed_by, p.cycle, l.price, l.at,
        sign(p.quantity) * (l.price * p.multiplier * abs(p.quantity) - p.open_value),
        greatest(l.price, p.highest_price), least(l.price, p.lowest_price), clock_timestamp()
      from positions p join last_prices l on l.instrument_id = p.instrument_id
      where p.status = 'OPEN'
      order by 1, 2, 3, 4, 5
      on conflict (account_id, instrument_id, product, managed_by, cycle) do update set
        last_price = excluded.last_price, last_price_at = excluded.last_price_at,
        unrealized_pnl = excluded.unrealized_pnl, updated_at = excluded.updated_at,
        highest_price = greatest(m.highest_price, excluded.highest_price),
        lowest_price = least(m.lowest_price, excluded.lowest_price)
      where (excluded.last_price_at, excluded.unrealized_pnl) is distinct from (m.last_price_at, m.unrealized_pnl)
        and excluded.last_price_at >= m.last_price_at`,
  });
}

/** Stored prices by instrument, as decimal text; one that has none is absent. */
export async function readStoredPrices(
  db: Database,
  instrumentIds: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const { rows } = await db.beats.query<{ id: number; price: string }>({
    name: 'sauda_stored_prices',
    text: `select instrument_id as id, trim_scale(price)::text as price from last_prices
      where instrument_id = any($1::int[])`,
    values: [instrumentIds],
  });
  return new Map(rows.map(({ id, price }) => [id, price]));
}
