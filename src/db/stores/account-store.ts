import type { Database } from '../client.ts';

/** Adds an account row unless it exists. */
export async function insertAccount(
  db: Database,
  account: { readonly id: string; readonly name: string; readonly capital: string },
): Promise<void> {
  await db.reads.query(
    'insert into accounts (id, name, capital) values ($1, $2, $3) on conflict do nothing',
    [account.id, account.name, account.capital],
  );
}
