import { insertJobFailure } from '../db/stores/queue-store.ts';
import { errorText } from '../queues/bounds.ts';
import type { OnFailed } from '../queues/queues.ts';
import type { Context } from './context.ts';

/**
 * Keeps a job that failed as a row: the queue itself forgets it at once. What the job was about, an operation or a
 * channel, stands in the place of its id, so that a retry needs nothing else.
 */
export async function recordJobFailure(
  { db, newId }: Pick<Context, 'db' | 'newId'>,
  [queue, jobId, payload, error]: Parameters<OnFailed>,
): Promise<void> {
  const of = (name: string): string | null => {
    const value: unknown =
      typeof payload === 'object' && payload !== null ? Reflect.get(payload, name) : null;
    return typeof value === 'string' ? value : null;
  };
  await insertJobFailure(db, {
    id: newId(),
    queue,
    jobId: of('operationId') ?? of('channel') ?? jobId,
    accountId: of('accountId'),
    orderId: of('orderId'),
    error: error instanceof Error ? `${error.name}: ${errorText(error)}` : errorText(error),
  });
}
