import { readOverdueChannels } from '../db/stores/alert-delivery-store.ts';
import { takeLease } from '../db/stores/lease-store.ts';
import { sweepQueueRecords } from '../db/stores/queue-store.ts';
import { readDueProtections } from '../db/stores/protection-store.ts';
import { readDueOperations } from '../db/stores/operation-store.ts';
import {
  type DueCommand,
  type DueOrder,
  readDueCommands,
  readDueOrders,
  readOverduePolls,
  readOverdueRisk,
  readTradingAccounts,
} from '../db/stores/step-store.ts';
import { orderJobId } from '../queues/names.ts';
import type { Queues, Schedule } from '../queues/queues.ts';
import { failpoint } from '../lib/failpoint.ts';
import { checkRisk } from './check-risk.ts';
import type { Context } from './context.ts';
import { deliverAlerts } from './deliver-alerts.ts';
import { keepGtts } from './keep-gtts.ts';
import { keepQueuePauses, readPausedQueues } from './keep-queue-pauses.ts';
import { nextQueue } from './next-step.ts';
import { pollAccount } from './poll-account.ts';
import { protectAccount } from './protect-account.ts';
import { runOperation } from './run-operation.ts';
import { runStep } from './run-step.ts';
import { sendCommand } from './send-command.ts';
import { enqueueOperation } from './stage-operation.ts';
import { submitOrder } from './submit-order.ts';
import { validateOrder } from './validate-order.ts';
import { tellWorkersDown } from './watch-workers.ts';

/** The dispatcher's lease: two leaders do no harm, they only look twice (protocol.md). */
const LEASE_MS = 5000;
/** A step that was due this long ago and has not begun is run here: the path when the queue is down. */
const DIRECT_AFTER_MS = 2000;
const DUE_AT_ONCE = 500;
const DIRECT_AT_ONCE = 4;
/** How many beats lie between two looks at the schedules. */
const SCHEDULES_EVERY = 5;

export interface Dispatcher {
  /** One look; call it every second. True when this process is the leader. */
  beat(): Promise<boolean>;
}

/**
 * The safety net: finds what is due in Postgres and tells the queues again; runs itself what the queues leave lying;
 * puts back schedules that a flush removed. It keeps no state that matters.
 */
export function createDispatcher(
  context: Context,
  queues: Pick<Queues, 'ensureSchedules' | 'enqueueMany' | 'isPaused' | 'setPaused'>,
): Dispatcher {
  const holder = `${context.processName}/${context.newId()}`;
  const running = new Set<string>();
  // The monitor has places of its own: however many orders are due, limits are watched.
  const watching = new Set<string>();
  // And so has protection: no position waits for its stop behind entries that are due.
  const guarding = new Set<string>();
  // GTTs are the second net: a broker that does not answer about one holds up no stop.
  const netting = new Set<string>();
  // And so have alerts: a channel that hangs holds up no order.
  const telling = new Set<string>();
  let beats = 0;

  const runDirectly = (name: string, work: () => Promise<unknown>, under = running): void => {
    if (under.has(name) || under.size >= DIRECT_AT_ONCE) return;
    under.add(name);
    void work()
      .catch((error: unknown) => context.log.error({ err: error, name }, 'a direct run failed'))
      .finally(() => under.delete(name));
  };

  return {
    beat: async () => {
      await failpoint('dispatch.beat');
      if (!(await takeLease(context.db, 'dispatcher', holder, LEASE_MS))) return false;
      // What a person paused is not run past the queue either.
      const paused = await readPausedQueues(context);
      if (beats++ % SCHEDULES_EVERY === 0) {
        await queues.ensureSchedules(await schedulesOf(context));
        await keepQueuePauses(queues, paused);
        runDirectly('queue records', () => sweepQueueRecords(context.db), telling);
        runDirectly('workers', () => tellWorkersDown(context), telling);
      }
      const operations = paused.has('operation') ? [] : await readDueOperations(context.db, DUE_AT_ONCE);
      for (const operation of operations) {
        const { accountId, operationId: id, overdueMs } = operation;
        if (overdueMs > DIRECT_AFTER_MS)
          runDirectly(`operation:${id}`, () => runOperation(context, operation));
        else await enqueueOperation(context, { accountId, id, state: 'RUNNING' });
      }
      const commands = paused.has('command') ? [] : await readDueCommands(context.db, DUE_AT_ONCE);
      const due = (await readDueOrders(context.db, DUE_AT_ONCE)).filter(
        (order) => !paused.has(nextQueue(order) ?? ''),
      );
      const runOverdue = (kind: DueCommand['kind']) => {
        for (const command of commands) {
          if (command.kind !== kind || command.overdueMs <= DIRECT_AFTER_MS) continue;
          runDirectly(`command:${command.id}`, () => runStep(context, 'command', command, sendCommand));
        }
      };
      runOverdue('CANCEL');
      for (const order of due) {
        if (order.overdueMs > DIRECT_AFTER_MS) runDirectly(order.id, () => stepOf(context, order));
      }
      runOverdue('MODIFY');
      await enqueueCommands(
        queues,
        commands.filter((command) => command.overdueMs <= DIRECT_AFTER_MS),
      );
      await enqueueDue(
        queues,
        due.filter((order) => order.overdueMs <= DIRECT_AFTER_MS),
      );
      for (const { accountId } of await readDueProtections(context.db, DUE_AT_ONCE)) {
        const protect = async () => {
          const { hasGtts } = await protectAccount(context, { accountId });
          if (hasGtts) runDirectly(`gtt:${accountId}`, () => keepGtts(context, { accountId }), netting);
        };
        runDirectly(`protect:${accountId}`, protect, guarding);
      }
      const pollAfterMs = Math.max(3 * context.settings.pollIntervalMs, DIRECT_AFTER_MS);
      for (const accountId of paused.has('poll') ? [] : await readOverduePolls(context.db, pollAfterMs)) {
        runDirectly(`poll:${accountId}`, () => pollAccount(context, accountId));
      }
      const riskAfterMs = Math.max(3 * context.settings.monitor.intervalMs, DIRECT_AFTER_MS);
      for (const accountId of paused.has('risk') ? [] : await readOverdueRisk(context.db, riskAfterMs)) {
        runDirectly(`risk:${accountId}`, () => checkRisk(context, accountId), watching);
      }
      const channels = paused.has('alert') ? [] : context.alertChannels.map(({ name }) => name);
      for (const channel of await readOverdueChannels(context.db, channels, DIRECT_AFTER_MS)) {
        runDirectly(`alert:${channel}`, () => deliverAlerts(context, channel), telling);
      }
      return true;
    },
  };
}

/** One round trip a queue, however many orders are due. */
async function enqueueDue(queues: Pick<Queues, 'enqueueMany'>, due: readonly DueOrder[]): Promise<void> {
  for (const name of ['exit', 'validate', 'submit'] as const) {
    const jobs = due
      .filter((order) => nextQueue(order) === name)
      .map(({ accountId, id, version }) => ({
        jobId: orderJobId(id, version),
        payload: { accountId, orderId: id },
      }));
    if (jobs.length > 0) await queues.enqueueMany(name, jobs);
  }
}

async function enqueueCommands(
  queues: Pick<Queues, 'enqueueMany'>,
  due: readonly DueCommand[],
): Promise<void> {
  if (due.length === 0) return;
  const jobs = due.map(({ accountId, id, orderId, sends }) => ({
    jobId: orderJobId(id, sends),
    payload: { accountId, orderId },
  }));
  await queues.enqueueMany('command', jobs);
}

async function stepOf(context: Context, order: DueOrder): Promise<void> {
  const queue = nextQueue(order);
  if (queue === null) return;
  const step = { accountId: order.accountId, orderId: order.id };
  await runStep(context, queue, step, order.status === 'PENDING' ? validateOrder : submitOrder);
}

/** Recurring work: polls and alerts every second, risk every two, a full look every half minute, marks every second. */
export async function schedulesOf(context: Context): Promise<Schedule[]> {
  const accounts = await readTradingAccounts(context.db);
  const { pollIntervalMs, reconcileIntervalMs, monitor } = context.settings;
  return [
    ...accounts.flatMap((accountId): Schedule[] => [
      { name: 'poll', key: accountId, everyMs: pollIntervalMs, payload: { accountId } },
      { name: 'reconcile', key: accountId, everyMs: reconcileIntervalMs, payload: { accountId } },
      { name: 'risk', key: accountId, everyMs: monitor.intervalMs, payload: { accountId } },
    ]),
    { name: 'mark', key: 'all', everyMs: 1000, payload: { accountId: 'system' } },
    ...context.alertChannels.map(({ name }): Schedule => ({
      name: 'alert',
      key: name,
      everyMs: 1000,
      payload: { channel: name },
    })),
  ];
}
