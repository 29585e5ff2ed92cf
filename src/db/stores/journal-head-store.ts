import { SYSTEM_ACCOUNT } from '../../domain/ids.ts';
import type { Database } from '../client.ts';

/** The last entry of an account's journal before a day began. */
export interface JournalHead {
  readonly accountId: string;
  readonly seq: number;
  readonly hash: string;
}

export interface HeadsOfDay {
  /** Indian date that the heads are from before. */
  readonly day: string;
  readonly heads: readonly JournalHead[];
}

export const headsCondition = (day: string): string => `journal-heads:${day}`;

/** Heads as the Indian day began; null when they were told already, or when there is none. */
export async function readUntoldHeads(db: Database): Promise<HeadsOfDay | null> {
  const { rows } = await db.reads.query<{ day: string; account_id: string; seq: string; hash: string }>({
    name: 'sauda_untold_heads',
    text: `with d as materialized (
        select (sauda.clock() at time zone 'Asia/Kolkata')::date as day),
      b as materialized (select d.day, d.day::timestamp at time zone 'Asia/Kolkata' as began from d),
      -- The journal keeps its times as text, whose order is theirs.
      t as materialized (select b.*,
          to_char(b.began at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as began_text from b)
      select t.day::text as day, a.id as account_id, j.seq, j.hash from t
      join accounts a on a.created_at < t.began
      cross join lateral (
        select j.seq, j.hash from journal j where j.account_id = a.id and j.at < t.began_text
        order by j.seq desc limit 1) j
      where not exists (select from alerts x
        where x.account_id = $1 and x.condition = 'journal-heads:' || t.day)
      order by a.id`,
    values: [SYSTEM_ACCOUNT],
  });
  const [first] = rows;
  if (first === undefined) return null;
  return {
    day: first.day,
    heads: rows.map(({ account_id: accountId, seq, hash }) => ({ accountId, seq: Number(seq), hash })),
  };
}
