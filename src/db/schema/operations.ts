import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import type { AlertSeverity, DeliveryState } from '../../domain/alert-delivery.ts';
import type { OperationDetails, OperationKind, OperationState } from '../../domain/operation.ts';
import { accountId, instant } from './columns.ts';

/** Append-only, gapless per account, hash-chained: domain/journal.ts has the format. */
export const journal = pgTable(
  'journal',
  {
    accountId: accountId(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    version: smallint('version').notNull(),
    /** The text that was hashed; never re-formatted. */
    at: text('at').notNull(),
    actor: text('actor').notNull(),
    kind: text('kind').notNull(),
    entity: text('entity').notNull(),
    data: text('data').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [
    primaryKey({ name: 'journal_pk', columns: [t.accountId, t.seq] }),
    index('journal_of_entity').on(t.accountId, t.entity, t.seq),
    check('journal_starts_at_one', sql`${t.seq} > 0`),
  ],
);

export const alerts = pgTable(
  'alerts',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    severity: text('severity').$type<AlertSeverity>().notNull(),
    type: text('type').notNull(),
    message: text('message').notNull(),
    details: jsonb('details').$type<Readonly<Record<string, unknown>>>().notNull(),
    orderId: uuid('order_id'),
    /** One alert per condition until it clears. */
    condition: text('condition').notNull(),
    at: instant('at').notNull(),
    clearedAt: instant('cleared_at'),
    acknowledgedAt: instant('acknowledged_at'),
    acknowledgedBy: text('acknowledged_by'),
    /** When its deliveries were laid out, outside the lock and the journal; null: not yet. */
    routedAt: instant('routed_at'),
  },
  (t) => [
    primaryKey({ name: 'alerts_pk', columns: [t.accountId, t.id] }),
    index('alerts_newest').on(t.accountId, t.at.desc().nullsFirst()),
    index('alerts_not_routed')
      .on(t.at)
      .where(sql`${t.routedAt} is null`),
    check('severity_is_known', sql`${t.severity} in ('CRITICAL','WARNING','INFO')`),
  ],
);

/** One alert on its way to one channel: neither journaled nor under the account's lock (domain/alert-delivery.ts). */
export const alertDeliveries = pgTable(
  'alert_deliveries',
  {
    accountId: accountId(),
    alertId: uuid('alert_id').notNull(),
    channel: text('channel').notNull(),
    state: text('state').$type<DeliveryState>().notNull().default('PENDING'),
    /** Tries of all rounds. */
    attempts: integer('attempts').notNull().default(0),
    /** Failed tries of this round: the first telling is a round, and so is each reminder. */
    failures: integer('failures').notNull().default(0),
    /** Tellings that the channel took: the first one and its reminders. */
    told: integer('told').notNull().default(0),
    /** Null: nothing more is to be done. */
    nextAttemptAt: instant('next_attempt_at').default(sql`clock_timestamp()`),
    /** The first time. */
    deliveredAt: instant('delivered_at'),
    /** Of the newest try; null when it went well. */
    lastError: text('last_error'),
    /** What the channel calls the newest telling, where it has a name for it. */
    messageId: text('message_id'),
  },
  (t) => [
    primaryKey({ name: 'alert_deliveries_pk', columns: [t.accountId, t.alertId, t.channel] }),
    index('alert_deliveries_due')
      .on(t.channel, t.nextAttemptAt)
      .where(sql`${t.nextAttemptAt} is not null`),
    foreignKey({
      name: 'delivery_of_an_alert',
      columns: [t.accountId, t.alertId],
      foreignColumns: [alerts.accountId, alerts.id],
    }),
    check('delivery_state_is_known', sql`${t.state} in ('PENDING','DELIVERED','FAILED')`),
    check('delivered_has_a_time', sql`(${t.state} = 'DELIVERED') = (${t.deliveredAt} is not null)`),
  ],
);

/** One difference between our books and the broker's, and what became of it. */
export interface StoredDifference {
  /** Absent: a run of an older version, of positions. */
  readonly kind?: 'ORDER' | 'TRADE' | 'POSITION' | 'MARGIN';
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly ours: number;
  readonly brokers: number;
  readonly cause:
    | 'MANUAL_TRADE'
    | 'RMS_SQUARE_OFF'
    | 'MISSED_FILL'
    | 'T_PLUS_ONE'
    | 'CORPORATE_ACTION'
    | 'SELF_TRADE_CANCEL'
    | 'ORPHAN'
    | 'TWIN'
    | 'MARGIN'
    | 'UNKNOWN';
  /**
   * SEEN: by one run; the next decides whether it counts. EXPLAINED: nothing is wrong. REPAIRED: by the broker's ids.
   * PROPOSED: a person decides. TOLD: a person was told, nothing can be repaired. APPROVED: a person took the figure.
   */
  readonly state: 'SEEN' | 'EXPLAINED' | 'REPAIRED' | 'PROPOSED' | 'TOLD' | 'APPROVED';
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly settledBy: string | null;
  readonly settledReason: string | null;
}

/** What a run read, and what the next one measures by. */
export interface ReconciliationEvidence {
  /** The account's journal entry up to which our books were read. */
  readonly seq: number;
  readonly positionsRead: number;
  readonly holdingsRead: number;
  /** By segment, rupees as text. */
  readonly available: Readonly<Record<string, string | null>>;
  /** By key of delivery that we hold. */
  readonly delivery: Readonly<
    Record<string, { readonly ours: number; readonly inHoldings: number; readonly inPositions: number }>
  >;
}

/** Each comparison of our books with the broker's. */
export const reconciliationLog = pgTable(
  'reconciliation_log',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    startedAt: instant('started_at').notNull(),
    startedBy: text('started_by').notNull(),
    finishedAt: instant('finished_at'),
    status: text('status').$type<'RUNNING' | 'CLEAN' | 'DIFFERENCES' | 'FAILED'>().notNull(),
    checked: integer('checked').notNull().default(0),
    /** Keys whose difference stays unsettled because an order of theirs is in doubt are not in it. */
    differences: jsonb('differences').$type<readonly StoredDifference[]>().notNull().default([]),
    fault: text('fault'),
    /** Null: it was not finished, failed, or is of an older version. */
    evidence: jsonb('evidence').$type<ReconciliationEvidence | null>(),
  },
  (t) => [
    primaryKey({ name: 'reconciliation_log_pk', columns: [t.accountId, t.id] }),
    index('reconciliations_newest').on(t.accountId, t.startedAt.desc().nullsFirst()),
  ],
);

/** Halts and flattens: durable, finished by the dispatcher after a crash. */
export const operations = pgTable(
  'operations',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    kind: text('kind').$type<OperationKind>().notNull(),
    state: text('state').$type<OperationState>().notNull(),
    details: jsonb('details').$type<OperationDetails>().notNull(),
    startedBy: text('started_by').notNull(),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    nextStepAt: instant('next_step_at'),
    /** Delivery state, not journaled: looks that failed in a row. */
    stepFailures: integer('step_failures').notNull().default(0),
  },
  (t) => [
    primaryKey({ name: 'operations_pk', columns: [t.accountId, t.id] }),
    index('operations_due')
      .on(t.nextStepAt)
      .where(sql`next_step_at is not null`),
    check('operation_kind_is_known', sql`${t.kind} in ('HALT', 'FLATTEN')`),
    check('running_operations_have_a_step', sql`(${t.state} = 'RUNNING') = (${t.nextStepAt} is not null)`),
    check('finished_operations_have_an_end', sql`(${t.state} = 'RUNNING') = (${t.finishedAt} is null)`),
  ],
);

/** Failed runs of jobs: the queue keeps none, so we do. */
export const jobFailures = pgTable(
  'job_failures',
  {
    id: uuid('id').primaryKey(),
    queue: text('queue').notNull(),
    jobId: text('job_id').notNull(),
    accountId: text('account_id'),
    orderId: uuid('order_id'),
    error: text('error').notNull(),
    at: instant('at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (t) => [index('job_failures_newest').on(t.queue, t.at.desc().nullsFirst())],
);

/** Paused queues are rows, applied again after the queue's store was wiped. */
export const queuePauses = pgTable('queue_pauses', {
  queue: text('queue').primaryKey(),
  pausedBy: text('paused_by').notNull(),
  reason: text('reason').notNull(),
  at: instant('at')
    .notNull()
    .default(sql`clock_timestamp()`),
});

/** How many jobs of a queue ended in a minute, over all processes; kept for a day. */
export const queueMinutes = pgTable(
  'queue_minutes',
  {
    queue: text('queue').notNull(),
    minute: instant('minute').notNull(),
    done: integer('done').notNull().default(0),
    failed: integer('failed').notNull().default(0),
  },
  (t) => [primaryKey({ name: 'queue_minutes_pk', columns: [t.queue, t.minute] })],
);

/** Processes that live, or fell silent: one row each, written every few seconds, gone when one ends as asked. */
export const workers = pgTable('workers', {
  /** Of this life of the process. */
  id: uuid('id').primaryKey(),
  role: text('role').notNull(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  version: text('version').notNull(),
  /** The newest migration that its build knows. */
  schemaVersion: text('schema_version').notNull(),
  startedAt: instant('started_at').notNull(),
  beatAt: instant('beat_at').notNull(),
});

/** Who may do what only one should: the dispatcher, an account's poll. Judged by the database clock. */
export const leases = pgTable('leases', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  until: instant('until').notNull(),
});

/** When each periodic duty last began and succeeded, by account. */
export const heartbeats = pgTable(
  'heartbeats',
  {
    accountId: accountId(),
    duty: text('duty').notNull(),
    startedAt: instant('started_at').notNull(),
    succeededAt: instant('succeeded_at'),
    failed: boolean('failed').notNull().default(false),
    detail: text('detail'),
  },
  (t) => [primaryKey({ name: 'heartbeats_pk', columns: [t.accountId, t.duty] })],
);
