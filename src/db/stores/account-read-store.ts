import { and, asc, desc, eq, gt, lt, ne } from 'drizzle-orm';
import { SYSTEM_ACCOUNT } from '../../domain/ids.ts';
import { present } from '../../lib/assert.ts';
import type { AccountRow, DayRow, StrategyRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { accounts, dailyStats, strategies } from '../schema/index.ts';

/** Calendar time of the database: what decides whether something has expired. */
export async function readClock(db: Database): Promise<Date> {
  const { rows } = await db.reads.query<{ now: Date }>('select sauda.clock() as now');
  return present(rows[0], 'the clock').now;
}

/** Trading accounts by id; `only` asks for one. */
export async function listAccounts(
  db: Database,
  of: {
    readonly only?: string | null | undefined;
    readonly after?: string | null | undefined;
    readonly limit: number;
  },
): Promise<AccountRow[]> {
  return db.orm
    .select()
    .from(accounts)
    .where(
      and(
        ne(accounts.id, SYSTEM_ACCOUNT),
        typeof of.only === 'string' ? eq(accounts.id, of.only) : undefined,
        typeof of.after === 'string' ? gt(accounts.id, of.after) : undefined,
      ),
    )
    .orderBy(asc(accounts.id))
    .limit(of.limit);
}

export async function findAccount(db: Database, id: string): Promise<AccountRow | null> {
  const rows = await db.orm.select().from(accounts).where(eq(accounts.id, id));
  return rows[0] ?? null;
}

export async function listStrategies(
  db: Database,
  of: {
    readonly accountId: string;
    readonly only?: string | null | undefined;
    readonly after?: string | null | undefined;
    readonly limit: number;
  },
): Promise<StrategyRow[]> {
  return db.orm
    .select()
    .from(strategies)
    .where(
      and(
        eq(strategies.accountId, of.accountId),
        typeof of.only === 'string' ? eq(strategies.id, of.only) : undefined,
        typeof of.after === 'string' ? gt(strategies.id, of.after) : undefined,
      ),
    )
    .orderBy(asc(strategies.id))
    .limit(of.limit);
}

/** Newest day first. */
export async function listDays(
  db: Database,
  of: {
    readonly accountId: string;
    readonly day?: string | undefined;
    readonly before?: string | null | undefined;
    readonly limit: number;
  },
): Promise<DayRow[]> {
  return db.orm
    .select()
    .from(dailyStats)
    .where(
      and(
        eq(dailyStats.accountId, of.accountId),
        of.day === undefined ? undefined : eq(dailyStats.day, of.day),
        typeof of.before === 'string' ? lt(dailyStats.day, of.before) : undefined,
      ),
    )
    .orderBy(desc(dailyStats.day))
    .limit(of.limit);
}
