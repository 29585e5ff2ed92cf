import { SYSTEM_ACCOUNT } from '../../domain/ids.ts';
import type { Database } from '../client.ts';

/** Heartbeats of worker processes belong to no account. */
const DUTY = 'process:';

/** A process of this role lives; several of one role share the row. */
export async function beatWorker(db: Database, role: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_beat_worker',
    text: `insert into heartbeats (account_id, duty, started_at) values ($1, $2, clock_timestamp())
      on conflict (account_id, duty) do update set started_at = excluded.started_at`,
    values: [SYSTEM_ACCOUNT, `${DUTY}${role}`],
  });
}

/** It ends as it was asked to: nobody is to miss it. */
export async function endWorker(db: Database, role: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_end_worker',
    text: 'delete from heartbeats where account_id = $1 and duty = $2',
    values: [SYSTEM_ACCOUNT, `${DUTY}${role}`],
  });
}

/** Roles of which no process has been heard of for longer than `afterMs`; one that ended as asked is not missed. */
export async function readSilentWorkers(db: Database, afterMs: number): Promise<string[]> {
  const { rows } = await db.reads.query<{ role: string }>({
    name: 'sauda_silent_workers',
    text: `select substr(duty, ${DUTY.length + 1}) as role from heartbeats
      where account_id = $1 and duty like '${DUTY}%'
        and started_at < clock_timestamp() - $2::float8 * interval '1 millisecond' order by 1`,
    values: [SYSTEM_ACCOUNT, afterMs],
  });
  return rows.map(({ role }) => role);
}

export interface WorkerChange {
  readonly role: string;
  /** False: it is back. */
  readonly isDown: boolean;
  readonly silentMs: number;
}

export const workerCondition = (role: string): string => `worker:${role}`;

/** Roles whose alert is not as it should be: silent for longer than `afterMs` and not told, or told and back. */
export async function readWorkerChanges(db: Database, afterMs: number): Promise<WorkerChange[]> {
  const { rows } = await db.reads.query<WorkerChange>({
    name: 'sauda_worker_changes',
    text: `select * from (
        select substr(h.duty, ${DUTY.length + 1}) as role,
          h.started_at < clock_timestamp() - $2::float8 * interval '1 millisecond' as "isDown",
          (extract(epoch from clock_timestamp() - h.started_at) * 1000)::float8 as "silentMs"
        from heartbeats h where h.account_id = $1 and h.duty like '${DUTY}%') w
      where w."isDown" <> exists (select from alerts a
        where a.account_id = $1 and a.condition = 'worker:' || w.role and a.cleared_at is null)`,
    values: [SYSTEM_ACCOUNT, afterMs],
  });
  return rows;
}
