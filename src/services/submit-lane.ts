import { setTimeout as sleep } from 'node:timers/promises';
import type { SubmitLane } from './context.ts';
import { runStep } from './run-step.ts';
import { claimAfterUnknownCommit, decideClaim, sendClaimed } from './submit-order.ts';

/** A lane that takes `limit` calls at a time. It is closed until the process runs a submitter. */
export function createSubmitLane(limit: number): SubmitLane & {
  open(): void;
  /** While true it takes no more claims: they wait in the queue, which is paused. */
  pause(paused: boolean): void;
  /** Takes no more claims, and waits for the calls under way at most so long. */
  close(options: { readonly timeoutMs: number }): Promise<void>;
} {
  const sending = new Set<Promise<void>>();
  let isOpen = false;
  let isPaused = false;
  return {
    hasRoom: () => isOpen && !isPaused && sending.size < limit,
    decide: decideClaim,
    recover: claimAfterUnknownCommit,
    send: (context, claim) => {
      const { accountId, id: orderId } = claim.order;
      const step = runStep(context, 'submit', { accountId, orderId }, () => sendClaimed(context, claim));
      const done = step
        .catch((error: unknown) => context.log.error({ err: error, accountId, orderId }, 'a step was lost'))
        .finally(() => sending.delete(done));
      sending.add(done);
    },
    open: () => {
      isOpen = true;
    },
    pause: (paused) => {
      isPaused = paused;
    },
    close: async ({ timeoutMs }) => {
      isOpen = false;
      await Promise.race([Promise.all(sending), sleep(timeoutMs, undefined, { ref: false })]);
    },
  };
}
