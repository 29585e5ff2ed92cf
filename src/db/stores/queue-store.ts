import type { Database } from '../client.ts';

/** How long minutes and failures are kept. */
const KEEP_MINUTES = '1 day';
const KEEP_FAILURES = '30 days';

export interface QueuePause {
  readonly queue: string;
  readonly pausedBy: string;
  readonly reason: string;
  readonly at: Date;
}

/** Queues that a person paused: rows, so that they stay paused when the queues' store was wiped. */
export async function readQueuePauses(db: Database): Promise<QueuePause[]> {
  const { rows } = await db.reads.query<QueuePause>({
    name: 'sauda_queue_pauses',
    text: 'select queue, paused_by as "pausedBy", reason, at from queue_pauses order by queue',
  });
  return rows;
}

/** False: it was paused already, and stays so in the name of whoever did it first. */
export async function insertQueuePause(
  db: Database,
  { queue, pausedBy, reason }: Omit<QueuePause, 'at'>,
): Promise<boolean> {
  const result = await db.reads.query({
    name: 'sauda_pause_queue',
    text: 'insert into queue_pauses (queue, paused_by, reason) values ($1, $2, $3) on conflict do nothing',
    values: [queue, pausedBy, reason],
  });
  return result.rowCount === 1;
}

/** False: it was not paused. */
export async function deleteQueuePause(db: Database, queue: string): Promise<boolean> {
  const result = await db.reads.query({
    name: 'sauda_resume_queue',
    text: 'delete from queue_pauses where queue = $1',
    values: [queue],
  });
  return result.rowCount === 1;
}

export interface JobFailure {
  readonly id: string;
  readonly queue: string;
  readonly jobId: string;
  readonly accountId: string | null;
  readonly orderId: string | null;
  readonly error: string;
  readonly at: Date;
}

const FAILURE = `id, queue, job_id as "jobId", account_id as "accountId", order_id as "orderId", error, at`;

export async function insertJobFailure(db: Database, failure: Omit<JobFailure, 'at'>): Promise<void> {
  const { id, queue, jobId, accountId, orderId, error } = failure;
  await db.reads.query({
    name: 'sauda_insert_job_failure',
    text: `insert into job_failures (id, queue, job_id, account_id, order_id, error) values ($1, $2, $3, $4, $5, $6)`,
    values: [id, queue, jobId, accountId, orderId, error],
  });
}

/** Runs of a queue that failed, newest first. */
export async function readJobFailures(
  db: Database,
  {
    queue,
    before,
    limit,
  }: {
    readonly queue: string;
    readonly before: { readonly at: Date; readonly id: string } | null;
    readonly limit: number;
  },
): Promise<JobFailure[]> {
  const { rows } = await db.reads.query<JobFailure>({
    name: 'sauda_job_failures',
    text: `select ${FAILURE} from job_failures
      where queue = $1 and ($2::timestamptz is null or (at, id) < ($2, $3::uuid))
      order by at desc nulls first, id desc limit $4`,
    values: [queue, before?.at ?? null, before?.id ?? null, limit],
  });
  return rows;
}

export async function readJobFailure(db: Database, queue: string, id: string): Promise<JobFailure | null> {
  const { rows } = await db.reads.query<JobFailure>({
    name: 'sauda_job_failure_by_id',
    text: `select ${FAILURE} from job_failures where queue = $1 and id = $2`,
    values: [queue, id],
  });
  return rows[0] ?? null;
}

/**
 * Makes the next step of an order, or of its commands, due now and takes it off the parking place. Says nothing of what
 * the step will do: its handler decides by the order as it is. False: nothing of it waits for a step.
 */
export async function dueNow(
  db: Database,
  {
    queue,
    accountId,
    orderId,
  }: { readonly queue: string; readonly accountId: string; readonly orderId: string },
): Promise<boolean> {
  const of =
    queue === 'command'
      ? { table: 'order_commands', key: 'order_id', open: `state <> 'DONE'` }
      : { table: 'orders', key: 'id', open: 'finished_at is null' };
  const result = await db.reads.query({
    name: `sauda_due_now_${of.table}`,
    text: `update ${of.table} set next_step_at = clock_timestamp(), step_failures = 0, parked_at = null
      where account_id = $1 and ${of.key} = $2 and ${of.open} and (next_step_at is not null or parked_at is not null)`,
    values: [accountId, orderId],
  });
  return (result.rowCount ?? 0) > 0;
}

export interface QueueMinute {
  readonly queue: string;
  readonly done: number;
  readonly failed: number;
}

/** Adds to the counts of the minute that runs. */
export async function addToMinute(db: Database, counts: readonly QueueMinute[]): Promise<void> {
  await db.beats.query({
    name: 'sauda_queue_minute',
    text: `insert into queue_minutes as m (queue, minute, done, failed)
      select queue, date_trunc('minute', clock_timestamp()), done, failed
        from unnest($1::text[], $2::int[], $3::int[]) as c (queue, done, failed)
      on conflict (queue, minute) do update set done = m.done + excluded.done, failed = m.failed + excluded.failed`,
    values: [
      counts.map(({ queue }) => queue),
      counts.map(({ done }) => done),
      counts.map(({ failed }) => failed),
    ],
  });
}

/** Jobs that ended in the last whole minute, by queue. */
export async function readLastMinute(db: Database): Promise<QueueMinute[]> {
  const { rows } = await db.reads.query<QueueMinute>({
    name: 'sauda_queue_last_minute',
    text: `select queue, done, failed from queue_minutes
      where minute = date_trunc('minute', clock_timestamp()) - interval '1 minute'`,
  });
  return rows;
}

/** Drops what nobody looks at any more. */
export async function sweepQueueRecords(db: Database): Promise<void> {
  await db.beats.query(
    `delete from queue_minutes where minute < clock_timestamp() - interval '${KEEP_MINUTES}'`,
  );
  await db.beats.query(`delete from job_failures where at < clock_timestamp() - interval '${KEEP_FAILURES}'`);
}
