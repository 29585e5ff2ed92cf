import { dueNow, readJobFailure } from '../db/stores/queue-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { QUEUE_NAMES, type QueueName, parsePayload } from '../queues/names.ts';
import type { Context } from './context.ts';

export interface RetryJob {
  readonly queue: QueueName;
  /** Of the failure, as the list of failed jobs names it. */
  readonly failureId: string;
  readonly actor: string;
  /** Failures of other accounts are not there for a token that is bound to one. */
  readonly accountId: string | null;
}

/** NOTHING_WAITS: the order went on since, or has ended. */
export type RetryRefusal = 'NOT_FOUND' | 'NOTHING_WAITS' | 'QUEUE_AWAY';

/** Queues whose jobs are steps of orders: rows, which a retry makes due. */
const STEPS: ReadonlySet<QueueName> = new Set(['validate', 'submit', 'exit', 'command']);

/**
 * Lets a failed job be looked at again, now. It asks and never repeats: the handler decides by the order as it is, so
 * one whose call to the broker may have gone out is searched for by its tag, and nothing is sent a second time.
 */
export async function retryJob(
  context: Pick<Context, 'db' | 'withAccount' | 'queues' | 'newId'>,
  { queue, failureId, actor, accountId }: RetryJob,
): Promise<Result<null, RetryRefusal>> {
  const failure = await readJobFailure(context.db, queue, failureId);
  if (failure === null || (accountId !== null && failure.accountId !== accountId)) return err('NOT_FOUND');
  const { jobId, orderId } = failure;
  const of = failure.accountId ?? SYSTEM_ACCOUNT;
  await context.withAccount({
    accountId: of,
    actor,
    needs: orderId === null ? {} : { openAlerts: true },
    run: (view) => {
      view.note('JobRetried', orderId ?? queue, { queue, jobId, failureId });
      if (orderId !== null) view.clearAlert(`order:${orderId}:parked`);
    },
  });
  if (STEPS.has(queue) && failure.accountId !== null && orderId !== null) {
    const isDue = await dueNow(context.db, { queue, accountId: failure.accountId, orderId });
    if (!isDue) return err('NOTHING_WAITS');
  }
  return (await enqueueAgain(context, queue, failure)) ? ok(null) : err('QUEUE_AWAY');
}

/** Steps are found by the dispatcher too, so that a queue that is away does not matter to them. */
async function enqueueAgain(
  { queues, newId }: Pick<Context, 'queues' | 'newId'>,
  queue: QueueName,
  failure: { readonly jobId: string; readonly accountId: string | null; readonly orderId: string | null },
): Promise<boolean> {
  const payload = parsePayload(queue, {
    accountId: failure.accountId ?? undefined,
    orderId: failure.orderId ?? undefined,
    operationId: queue === 'operation' ? failure.jobId : undefined,
    channel: queue === 'alert' ? failure.jobId : undefined,
  });
  if (!payload.ok) return STEPS.has(queue);
  const added = await queues.enqueue(queue, `retry-${newId()}`, payload.value);
  return added || STEPS.has(queue);
}

export function isQueueName(text: string): text is QueueName {
  return (QUEUE_NAMES as readonly string[]).includes(text);
}
