import type { Database } from '../db/client.ts';
import { type SystemFigures, readSystemFigures } from '../db/stores/metrics-store.ts';
import { startOfTradingDay, tradingDayOf } from '../domain/calendar.ts';
import type { ServiceSettings } from './context.ts';
import { type RiskView, readRisk } from './read-risk.ts';

export { type JournalLine, readJournalAfter, readJournalHeads } from '../db/stores/journal-store.ts';

export interface SystemMetrics extends SystemFigures {
  readonly risks: readonly { readonly accountId: string; readonly risk: RiskView }[];
}

/** Accounts whose money and limits one scrape reads. */
const RISKS_AT_MOST = 20;

/** The figures of the whole system at one moment, for a scrape. */
export async function readSystemMetrics(
  of: { readonly db: Database; readonly settings: ServiceSettings },
  now: Date,
): Promise<SystemMetrics> {
  const figures = await readSystemFigures(of.db, startOfTradingDay(tradingDayOf(now)));
  const risks = await Promise.all(
    figures.accounts
      .slice(0, RISKS_AT_MOST)
      .map(async ({ id }) => ({ accountId: id, risk: await readRisk(of, id) })),
  );
  return { ...figures, risks };
}
