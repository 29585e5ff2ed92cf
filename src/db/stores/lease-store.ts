import type { Database } from '../client.ts';

/**
 * Takes or prolongs a lease for `forMs`, by the database's real clock. False: somebody else holds it.
 * A holder that dies simply lets it end.
 */
export async function takeLease(db: Database, name: string, holder: string, forMs: number): Promise<boolean> {
  const result = await db.beats.query({
    name: 'sauda_take_lease',
    text: `insert into leases as l (name, holder, until)
      values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
      on conflict (name) do update set holder = excluded.holder, until = excluded.until
      where l.holder = excluded.holder or l.until < clock_timestamp()`,
    values: [name, holder, forMs],
  });
  return result.rowCount === 1;
}

/** Gives a lease back before its time; nothing when somebody else holds it by now. */
export async function endLease(db: Database, name: string, holder: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_end_lease',
    text: 'delete from leases where name = $1 and holder = $2',
    values: [name, holder],
  });
}
