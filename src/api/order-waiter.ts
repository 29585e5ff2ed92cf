import type { OrderStatus } from '../domain/order-status.ts';
import type { Clock } from '../time/clock.ts';

/**
 * Waiting for orders: any number of requests wait, and one statement looks at all that are due. Each is looked at
 * after 15 ms, then ever more rarely, down to every 100 ms. A look that fails is only a later look: the caller's
 * time limit decides.
 */
export interface WaitedOrder {
  readonly accountId: string;
  readonly orderId: string;
  readonly isDone: (status: OrderStatus) => boolean;
  readonly timeoutMs: number;
  /** Ends the wait at once. */
  readonly signal: AbortSignal;
}

/** Resolves when the order is done, the time is up, or the signal is aborted; never rejects. */
export type OrderWait = (order: WaitedOrder) => Promise<void>;

/** Statuses of orders by "accountId/orderId", those that exist. */
export type ReadStatuses = (
  orders: readonly { readonly accountId: string; readonly orderId: string }[],
) => Promise<ReadonlyMap<string, OrderStatus>>;

const FIRST_LOOK_MS = 15;
const LAST_LOOK_MS = 100;
const GROWTH = 1.4;
/** Looks this close together are one. */
const SAME_LOOK_MS = 5;
const NOTHING: ReadonlyMap<string, OrderStatus> = new Map();
/** Orders in one statement. */
const MAX_BATCH = 200;

interface Waiting extends WaitedOrder {
  readonly end: () => void;
  intervalMs: number;
  nextLookMs: number;
}

export function createOrderWaiter(readStatuses: ReadStatuses, clock: Clock): OrderWait {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  const schedule = (): void => {
    clearTimeout(timer);
    if (isLooking || waiting.size === 0) return;
    const soonest = Math.min(...[...waiting].map(({ nextLookMs }) => nextLookMs));
    timer = setTimeout(() => void look(), Math.max(1, soonest - clock.monotonicMs()));
  };

  const look = async (): Promise<void> => {
    isLooking = true;
    const nowMs = clock.monotonicMs();
    const due = [...waiting]
      .filter(({ nextLookMs }) => nextLookMs <= nowMs + SAME_LOOK_MS)
      .slice(0, MAX_BATCH);
    const statuses = due.length === 0 ? NOTHING : await readStatuses(due).catch(() => NOTHING);
    for (const order of due) {
      const status = statuses.get(`${order.accountId}/${order.orderId}`);
      if (status !== undefined && order.isDone(status)) order.end();
      order.intervalMs = Math.min(LAST_LOOK_MS, order.intervalMs * GROWTH);
      order.nextLookMs = clock.monotonicMs() + order.intervalMs;
    }
    isLooking = false;
    schedule();
  };

  return (order) =>
    new Promise((resolve) => {
      if (order.signal.aborted || order.timeoutMs <= 0) {
        resolve();
        return;
      }
      const end = (): void => {
        clearTimeout(deadline);
        order.signal.removeEventListener('abort', end);
        waiting.delete(entry);
        resolve();
      };
      const deadline = setTimeout(end, order.timeoutMs);
      const entry: Waiting = {
        ...order,
        end,
        intervalMs: FIRST_LOOK_MS,
        nextLookMs: clock.monotonicMs() + FIRST_LOOK_MS,
      };
      order.signal.addEventListener('abort', end);
      waiting.add(entry);
      schedule();
    });
}
