import { z } from '@hono/zod-openapi';
import { QUEUE_NAMES } from '../../services/read-queues.ts';
import { instant, listOf, record } from './parts.ts';

export const workerSchema = z
  .object({
    id: z.string(),
    role: z.string(),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    schemaVersion: z.string().openapi({ description: 'The newest migration that its build knows.' }),
    startedAt: instant,
    heartbeatAt: instant,
    alive: z.boolean(),
  })
  .openapi('Worker');
export type WorkerJson = z.infer<typeof workerSchema>;

export const queueSchema = z
  .object({
    name: z.enum(QUEUE_NAMES),
    counts: z
      .object({ waiting: z.int(), active: z.int(), delayed: z.int() })
      .nullable()
      .openapi({ description: 'Null: the queues do not answer; what is due is run all the same.' }),
    oldestWaitingAgeMs: z.int().nullable(),
    paused: z.boolean(),
    pausedBy: z.string().nullable(),
    pausedAt: instant.nullable(),
    pauseReason: z.string().nullable(),
    throughputPerMinute: z.int().openapi({ description: 'Jobs that ended in the last whole minute.' }),
    failedPerMinute: z.int(),
    workers: z.array(z.string()).openapi({ description: 'Ids of the processes that work on it.' }),
  })
  .openapi('Queue');
export type QueueJson = z.infer<typeof queueSchema>;

export const queuesSchema = z
  .object({ items: z.array(queueSchema), workers: z.array(workerSchema), nextCursor: z.null() })
  .openapi('Queues');

export const jobSchema = z
  .object({
    id: z.string().openapi({ description: 'For a retry.' }),
    jobId: z.string(),
    state: z.enum(['waiting', 'active', 'delayed', 'failed']),
    accountId: z.string().nullable(),
    orderId: z.string().nullable(),
    payload: record.nullable(),
    at: instant.openapi({ description: 'When it was added, or failed.' }),
    error: z.string().nullable(),
  })
  .openapi('Job');
export type JobJson = z.infer<typeof jobSchema>;
export const jobListSchema = listOf(jobSchema);

export const retriedSchema = z.object({ id: z.string(), queue: z.enum(QUEUE_NAMES) }).openapi('RetriedJob');
