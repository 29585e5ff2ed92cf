import type { EventLine } from '../db/stores/journal-store.ts';

/** The journal as streams tell it. Transports reach the store through here (design.md section 8). */
export { readEventsAfter, readJournalHead, searchJournal } from '../db/stores/journal-store.ts';
export type {
  EventLine,
  EventOrderState,
  EventPosition,
  JournalLine,
  JournalPlace,
} from '../db/stores/journal-store.ts';

const ALERTS = new Set(['AlertRaised', 'AlertCleared', 'AlertAcknowledged']);

/**
 * Whether an entry concerns a strategy, for tokens that are bound to one: its own orders and its own row, trading
 * state and limits of the account, which hold for it too, and alerts that are about no order, which such a token may
 * list as well. Everything else belongs to others.
 */
export function concernsStrategy({ order, kind, entity, data }: EventLine, strategyId: string): boolean {
  if (order !== null) return order.strategyId === strategyId;
  if (ALERTS.has(kind)) return true;
  if (kind === 'TradingStateChanged') return member(data, 'scope') === 'account' || entity === strategyId;
  if (kind === 'LimitChanged') return [null, strategyId].includes(member(data, 'strategyId'));
  return kind.startsWith('Strategy') && entity === strategyId;
}

function member(json: string, name: string): string | null {
  return (JSON.parse(json) as Record<string, string | null>)[name] ?? null;
}
