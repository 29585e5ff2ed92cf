import type { Database } from '../client.ts';

/** What a scrape reads of all accounts together; one statement each, over indexed or small sets. */
export interface SystemFigures {
  readonly rejections: readonly { readonly by: string; readonly check: string; readonly count: number }[];
  readonly alerts: readonly { readonly severity: string; readonly type: string; readonly count: number }[];
  readonly reconciliations: readonly {
    readonly accountId: string;
    /** Differences of the newest finished run that are neither explained, repaired nor approved. */
    readonly differences: number;
    readonly ageSeconds: number;
    readonly isFailed: boolean;
  }[];
  readonly workers: readonly { readonly role: string; readonly version: string; readonly alive: number }[];
  readonly accounts: readonly {
    readonly id: string;
    readonly tradingState: string;
    /** Invariants that the reconciler found broken, as the alert that stands names them. */
    readonly invariantsBroken: number;
  }[];
}

/** Rejections of a trading day that began then. */
export async function readSystemFigures(db: Database, since: Date): Promise<SystemFigures> {
  const [rejections, alerts, reconciliations, workers, accounts] = await Promise.all([
    db.reads.query<SystemFigures['rejections'][number]>({
      name: 'sauda_metrics_rejections',
      text: `select coalesce(rejected_by, 'none') as by, coalesce(failed_check, 'none') as check, count(*)::int as count
        from orders where status = 'REJECTED' and created_at >= $1 group by 1, 2`,
      values: [since],
    }),
    db.reads.query<SystemFigures['alerts'][number]>({
      name: 'sauda_metrics_alerts',
      text: `select severity, type, count(*)::int as count from alerts where cleared_at is null
        and acknowledged_at is null group by 1, 2`,
    }),
    db.reads.query<SystemFigures['reconciliations'][number]>({
      name: 'sauda_metrics_reconciliations',
      text: `select a.id as "accountId", r.status = 'FAILED' as "isFailed",
          extract(epoch from clock_timestamp() - r.started_at)::float8 as "ageSeconds",
          (select count(*)::int from jsonb_array_elements(r.differences) d
            where d ->> 'state' in ('SEEN', 'PROPOSED', 'TOLD')) as differences
        from accounts a cross join lateral (select * from reconciliation_log l
          where l.account_id = a.id and l.finished_at is not null order by l.started_at desc nulls first limit 1) r`,
    }),
    db.reads.query<SystemFigures['workers'][number]>({
      name: 'sauda_metrics_workers',
      text: `select role, version, (count(*) filter (where beat_at > clock_timestamp() - interval '20 s'))::int as alive
        from workers group by 1, 2`,
    }),
    db.reads.query<SystemFigures['accounts'][number]>({
      name: 'sauda_metrics_accounts',
      text: `select a.id, a.trading_state as "tradingState", coalesce((select jsonb_array_length(l.details -> 'broken')
            from alerts l where l.account_id = a.id and l.condition = 'books:invariant' and l.cleared_at is null
            limit 1), 0) as "invariantsBroken"
        from accounts a where a.id <> 'system' order by a.id limit 100`,
    }),
  ]);
  return {
    rejections: rejections.rows,
    alerts: alerts.rows,
    reconciliations: reconciliations.rows,
    workers: workers.rows,
    accounts: accounts.rows,
  };
}
