import { type DueCommand, type DueOrder, readDueSteps } from '../db/stores/due-store.ts';
import type { Context } from './context.ts';
import { nextQueue } from './next-step.ts';
import { runStep } from './run-step.ts';
import { sendCommand } from './send-command.ts';
import { submitOrder } from './submit-order.ts';
import { validateOrder } from './validate-order.ts';

/** Steps side by side: a burst must pass while it is young, also where each call takes the broker a second. */
const STEPS_AT_ONCE = 16;
/** A step that is still due right after it ran is left for a while, milliseconds. */
const AGAIN_AFTER_MS = 1000;

export interface DueSteps {
  /** What a person paused is not run past the queue either: its steps are left out. */
  readonly paused: ReadonlySet<string>;
  readonly commands: readonly DueCommand[];
  readonly orders: readonly DueOrder[];
}

/** What is due, without the steps of queues that are paused. */
export function stepsToRun(due: Awaited<ReturnType<typeof readDueSteps>>): DueSteps {
  const paused = new Set(due.paused.map(({ queue }) => queue));
  return {
    paused,
    commands: paused.has('command') ? [] : due.commands,
    orders: due.orders.filter((order) => !paused.has(nextQueue(order) ?? '')),
  };
}

interface Step {
  readonly key: string;
  readonly run: () => Promise<void>;
}

export interface DirectSteps {
  /** Runs what has been due for longer than `afterMs`, and then what came due meanwhile, until nothing is left. */
  run(due: DueSteps, afterMs: number): void;
}

/**
 * The path when the queue is down or leaves work lying: steps of orders and commands run in this process through the
 * same services as a worker's, cancels first, then exits. A step that runs elsewhere too does nothing twice.
 */
export function createDirectSteps(context: Context): DirectSteps {
  const running = new Set<string>();
  const ranAtMs = new Map<string, number>();
  let waiting: Step[] = [];
  let afterMs = 0;
  let reading = false;

  const isFree = ({ key }: Step): boolean =>
    !running.has(key) && performance.now() - (ranAtMs.get(key) ?? -Infinity) > AGAIN_AFTER_MS;

  const begin = (step: Step): void => {
    running.add(step.key);
    void step
      .run()
      .catch((error: unknown) => context.log.error({ err: error, step: step.key }, 'a direct step failed'))
      .finally(() => {
        running.delete(step.key);
        ranAtMs.set(step.key, performance.now());
        if (waiting.length === 0) void readAgain();
        fill();
      });
  };
  const fill = (): void => {
    while (running.size < STEPS_AT_ONCE) {
      const step = waiting.shift();
      if (step === undefined) return;
      if (isFree(step)) begin(step);
    }
  };
  /** What a step makes due next (a validated order is to be sent) does not wait for the next beat. */
  const readAgain = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      waiting = stepsOf(context, stepsToRun(await readDueSteps(context.db)), afterMs);
      fill();
    } catch (error) {
      context.log.warn({ err: error }, 'due steps could not be read again');
    } finally {
      reading = false;
    }
  };

  return {
    run: (due, olderThanMs) => {
      afterMs = olderThanMs;
      for (const [key, at] of ranAtMs) if (performance.now() - at > AGAIN_AFTER_MS) ranAtMs.delete(key);
      waiting = stepsOf(context, due, afterMs);
      fill();
    },
  };
}

/** Cancels, then orders with exits first, as they were read; then modifies. */
function stepsOf(context: Context, { commands, orders }: DueSteps, afterMs: number): Step[] {
  const late = commands.filter(({ overdueMs }) => overdueMs >= afterMs);
  const ofKind = (kind: DueCommand['kind']): Step[] =>
    late
      .filter((command) => command.kind === kind)
      .map((command) => ({
        key: `${command.id}/${command.sends}`,
        run: () => runStep(context, 'command', command, sendCommand),
      }));
  return [
    ...ofKind('CANCEL'),
    ...orders
      .filter(({ overdueMs }) => overdueMs >= afterMs)
      .map((order) => ({ key: `${order.id}/${order.version}`, run: () => stepOf(context, order) })),
    ...ofKind('MODIFY'),
  ];
}

async function stepOf(context: Context, order: DueOrder): Promise<void> {
  const queue = nextQueue(order);
  if (queue === null) return;
  const step = { accountId: order.accountId, orderId: order.id };
  await runStep(context, queue, step, order.status === 'PENDING' ? validateOrder : submitOrder);
}
