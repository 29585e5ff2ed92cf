/** How often each rare state was reached: a simulation that never meets what it is for proves nothing. */
import type { Ledger } from './load.ts';
import type { World } from './world.ts';

export type Sometimes = Record<string, number>;

const JOURNAL = (kind: string) => `journal where kind = '${kind}'`;
const QUERIES: Readonly<Record<string, string>> = {
  'submission unknown': JOURNAL('SubmissionUnknown'),
  'claim found after its worker died': `journal where kind = 'SubmissionUnknown' and data like '%never reported%'`,
  'adopted by its tag': `order_attempts where outcome = 'ADOPTED'`,
  'released and tried again': JOURNAL('SubmissionReleased'),
  'told of an order in doubt': `alerts where type = 'order_unknown'`,
  'filled in parts': `(select order_id from trades group by 1 having count(*) > 1) t`,
  'ended by the fence': `orders where failed_check = 'CIRCUIT_BREAKER'`,
  'order of somebody else': `orders where cause = 'EXTERNAL'`,
  'cancelled at the exchange': `orders where status = 'CANCELLED' and broker_order_id is not null`,
  'changed at the exchange': JOURNAL('OrderModified'),
  'read that was not clean': `broker_reads where not clean`,
  'repaired by reconciliation': `reconciliation_log where differences::text like '%REPAIRED%'`,
  'reconciliation that failed': `reconciliation_log where status = 'FAILED'`,
};
/** Shown, but too rare in a short run to be asked for. */
const RARE: Readonly<Record<string, string>> = {
  'told, then adopted': `alerts a join orders o on o.account_id = a.account_id and o.id = a.order_id
    where a.type = 'order_unknown' and o.broker_order_id is not null`,
  'trade taken back': `trades where annulled_at is not null`,
  'session that died': `alerts where type = 'broker_session_expired'`,
  'missed its slot': `order_attempts where outcome_reason like 'MISSED_SLOT%'`,
  'waited for its trades': `journal where kind = 'BrokerStatusChanged' and (data::jsonb ->> 'awaitingTrades')::boolean`,
  'late trade': `alerts where type = 'late_trade'`,
  'late twin': `alerts where type in ('late_twin', 'broker_twin')`,
  'position folded again': JOURNAL('PositionRefolded'),
  'step failed': 'job_failures',
};

export async function countRareStates({ ask, workers }: World, { counts }: Ledger): Promise<Sometimes> {
  const found: Sometimes = {};
  for (const [name, from] of Object.entries({ ...QUERIES, ...RARE })) {
    const [row] = await ask<{ count: number }>(`select count(*)::int as count from ${from}`);
    found[name] = row?.count ?? 0;
  }
  found['processes killed'] = workers.kills;
  found['processes killed at a failpoint'] = workers.failpointKills;
  return { ...found, ...counts };
}

/** What a whole set of seeds must have met. */
export function neverReached(all: Sometimes): string[] {
  const wanted = [
    ...Object.keys(QUERIES),
    ...['processes killed', 'processes killed at a failpoint', 'halted', 'orders placed elsewhere'],
    ...['commands asked for', 'sent again with the same id', 'POST while Postgres is down: 503'],
  ];
  return wanted.filter((name) => (all[name] ?? 0) === 0);
}
