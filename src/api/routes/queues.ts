import { z } from '@hono/zod-openapi';
import { formatIst } from '../../domain/calendar.ts';
import { pauseQueue, resumeQueue } from '../../services/pause-queue.ts';
import { listJobFailures, listWorkers } from '../../services/read-lists.ts';
import {
  JOB_STATES,
  type JobState,
  type QueueName,
  type QueueView,
  readQueues,
} from '../../services/read-queues.ts';
import { isQueueName, retryJob } from '../../services/retry-job.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { idParams, name64, plainText } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { actorOf, hasRole } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { pageQuery } from '../query.ts';
import {
  type JobJson,
  type QueueJson,
  type WorkerJson,
  jobListSchema,
  queueSchema,
  queuesSchema,
  retriedSchema,
} from '../schemas/queue.ts';

const REASON = z.strictObject({ reason: plainText(500) }).openapi('QueueChange');
/** What ends risk: only an admin may keep it waiting. */
const RISK_ENDING: ReadonlySet<QueueName> = new Set(['exit', 'command', 'operation', 'risk', 'poll']);

export const queueEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/queues',
    role: 'viewer',
    summary: 'The queues: jobs by state, age, throughput, pauses, and the processes that work on them',
    query: z.object({}),
    answers: { 200: { description: 'Every queue, and every process.', schema: queuesSchema } },
    handle: async ({ context, queues }) => {
      const [views, workers] = await Promise.all([readQueues(context, queues), listWorkers(context.db)]);
      return {
        status: 200,
        body: { items: views.map(queueJson), workers: workers.map(workerJson), nextCursor: null },
      };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/queues/{name}/jobs',
    params: z.object({ name: name64() }),
    role: 'operator',
    // Queues serve every account.
    concerns: 'installation',
    summary: 'Jobs of a queue by state; failed ones newest first, with the reason',
    query: z.object({ state: z.enum([...JOB_STATES, 'failed']).default('waiting'), ...pageQuery }),
    answers: { 200: { description: 'A page of jobs.', schema: jobListSchema } },
    handle: async ({ query, context, queues, params }) => {
      const queue = queueOf(params.name);
      if (query.state === 'failed') {
        const rows = await listJobFailures(context.db, {
          queue,
          before: decodeInstantAndId(query.cursor),
          limit: query.limit + 1,
        });
        return {
          status: 200,
          body: page(rows, query.limit, failureJson, ({ at, id }) => [at.toISOString(), id]),
        };
      }
      const jobs = await queues.jobs(queue, query.state, query.limit);
      if (jobs === null) throw new ApiProblem('UNAVAILABLE', { detail: 'The queues do not answer.' });
      return {
        status: 200,
        body: { items: jobs.map((job) => jobJson(job, query.state as JobState)), nextCursor: null },
      };
    },
  }),
  ...(['pause', 'resume'] as const).map((verb) =>
    endpoint({
      method: 'post',
      path: `/v1/queues/{name}/${verb}`,
      params: z.object({ name: name64() }),
      role: 'operator',
      concerns: 'installation',
      summary:
        verb === 'pause'
          ? 'Begin no more jobs of a queue; those that bring exits, cancels and fills need an admin'
          : 'Let a paused queue go on',
      query: z.object({}),
      body: REASON,
      answers: { 200: { description: 'The queue as it stands now.', schema: queueSchema } },
      handle: async ({ body, principal, context, queues, params }) => {
        const queue = queueOf(params.name);
        if (verb === 'pause' && RISK_ENDING.has(queue) && !hasRole(principal, 'admin')) {
          throw new ApiProblem('FORBIDDEN', {
            detail: `The queue ${queue} ends risk: only an admin may pause it.`,
          });
        }
        const change = { queue, actor: actorOf(principal), reason: body.reason };
        await (verb === 'pause' ? pauseQueue : resumeQueue)({ ...context, queues }, change);
        const view = (await readQueues(context, queues)).find(({ name }) => name === queue);
        if (view === undefined) throw new ApiProblem('NOT_FOUND');
        return { status: 200, body: queueJson(view) };
      },
    }),
  ),
  endpoint({
    method: 'post',
    path: '/v1/queues/{name}/jobs/{id}/retry',
    params: idParams.extend({ name: name64() }),
    role: 'operator',
    concerns: 'account',
    summary: 'Look at a failed job again now. It asks, and never repeats a call of the broker',
    query: z.object({}),
    answers: { 202: { description: 'It is due.', schema: retriedSchema } },
    handle: async ({ principal, context, params }) => {
      const queue = queueOf(params.name);
      const { accountId } = principal;
      const retried = await retryJob(context, {
        queue,
        failureId: params.id,
        actor: actorOf(principal),
        accountId,
      });
      if (retried.ok) return { status: 202, body: { id: params.id, queue } };
      if (retried.error === 'NOT_FOUND')
        throw new ApiProblem('NOT_FOUND', { detail: 'There is no such failed job.' });
      if (retried.error === 'QUEUE_AWAY')
        throw new ApiProblem('UNAVAILABLE', { detail: 'The queues do not answer.' });
      throw new ApiProblem('NOTHING_WAITS', { detail: 'The order went on since, or has ended.' });
    },
  }),
];

function queueOf(text: string): QueueName {
  if (isQueueName(text)) return text;
  throw new ApiProblem('NOT_FOUND', { detail: 'There is no such queue.' });
}

function queueJson(view: QueueView): QueueJson {
  return {
    name: view.name,
    counts: view.counts,
    oldestWaitingAgeMs: view.oldestWaitingMs === null ? null : Math.round(view.oldestWaitingMs),
    paused: view.paused !== null,
    pausedBy: view.paused?.pausedBy ?? null,
    pausedAt: istOrNull(view.paused?.at ?? null),
    pauseReason: view.paused?.reason ?? null,
    throughputPerMinute: view.perMinute.done + view.perMinute.failed,
    failedPerMinute: view.perMinute.failed,
    workers: view.workers.map(({ id }) => id),
  };
}

function workerJson({
  startedAt,
  beatAt,
  isAlive,
  ...of
}: Awaited<ReturnType<typeof listWorkers>>[number]): WorkerJson {
  return { ...of, startedAt: formatIst(startedAt), heartbeatAt: formatIst(beatAt), alive: isAlive };
}

function failureJson(row: Awaited<ReturnType<typeof listJobFailures>>[number]): JobJson {
  const { id, jobId, accountId, orderId, error, at } = row;
  return { id, jobId, state: 'failed', accountId, orderId, payload: null, at: formatIst(at), error };
}

function jobJson(
  { id, payload, addedAt }: { readonly id: string; readonly payload: unknown; readonly addedAt: Date },
  state: JobState,
): JobJson {
  const data = typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
  const text = (name: string) => (typeof data[name] === 'string' ? data[name] : null);
  return {
    ...{ id, jobId: id, state, payload: data, error: null },
    accountId: text('accountId'),
    orderId: text('orderId'),
    at: formatIst(addedAt),
  };
}
