import type { Database } from '../client.ts';

interface CopyOf {
  readonly accountId: string;
  readonly day: string;
  /** When it was due, IST, "HH:MM". */
  readonly mark: string;
}

/** True once a whole copy of the broker's books was kept for this time of the day. */
export async function hasBookCopy(db: Database, { accountId, day, mark }: CopyOf): Promise<boolean> {
  const { rows } = await db.reads.query({
    name: 'sauda_has_book_copy',
    text: `select from broker_books where account_id = $1 and day = $2 and mark = $3 and fault is null`,
    values: [accountId, day, mark],
  });
  return rows.length > 0;
}

/** Keeps a copy; one that was whole stays as it is. */
export async function storeBookCopy(
  db: Database,
  copy: CopyOf & {
    readonly readAt: Date;
    /** Null: the read was whole. */
    readonly fault: string | null;
    readonly orders: readonly Readonly<Record<string, unknown>>[];
    readonly trades: readonly Readonly<Record<string, unknown>>[];
  },
): Promise<void> {
  const { accountId, day, mark, readAt, fault, orders, trades } = copy;
  await db.reads.query({
    name: 'sauda_store_book_copy',
    text: `insert into broker_books as b (account_id, day, mark, read_at, fault, orders, trades)
      values ($1, $2, $3, $4, $5, $6, $7)
      on conflict (account_id, day, mark) do update set read_at = excluded.read_at, fault = excluded.fault,
        orders = excluded.orders, trades = excluded.trades where b.fault is not null`,
    values: [accountId, day, mark, readAt, fault, JSON.stringify(orders), JSON.stringify(trades)],
  });
}
