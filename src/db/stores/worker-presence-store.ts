import type { Database } from '../client.ts';

/** Silent for longer than this, a process counts as gone: four beats. */
const ALIVE_MS = 20_000;

export interface WorkerIdentity {
  /** Of this life of the process. */
  readonly id: string;
  readonly role: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** The newest migration that its build knows. */
  readonly schemaVersion: string;
}

export interface PresentWorker extends WorkerIdentity {
  readonly startedAt: Date;
  readonly beatAt: Date;
  readonly isAlive: boolean;
}

/** Says that a process lives; drops those that fell silent a day ago. */
export async function beatPresence(db: Database, worker: WorkerIdentity): Promise<void> {
  const { id, role, host, pid, version, schemaVersion } = worker;
  await db.beats.query({
    name: 'sauda_beat_presence',
    text: `with gone as (delete from workers where beat_at < clock_timestamp() - interval '1 day' and id <> $1)
      insert into workers (id, role, host, pid, version, schema_version, started_at, beat_at)
        values ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp())
        on conflict (id) do update set beat_at = excluded.beat_at`,
    values: [id, role, host, pid, version, schemaVersion],
  });
}

/** It ended as it was asked to. */
export async function endPresence(db: Database, id: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_end_presence',
    text: 'delete from workers where id = $1',
    values: [id],
  });
}

/** Processes that live, and those that fell silent within a day, by role. */
export async function readWorkers(db: Database): Promise<PresentWorker[]> {
  const { rows } = await db.reads.query<PresentWorker>({
    name: 'sauda_workers',
    text: `select id, role, host, pid, version, schema_version as "schemaVersion", started_at as "startedAt",
        beat_at as "beatAt", beat_at >= clock_timestamp() - $1 * interval '1 millisecond' as "isAlive"
      from workers order by role, started_at limit 500`,
    values: [ALIVE_MS],
  });
  return rows;
}
