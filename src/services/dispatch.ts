import { type DueCommand, type DueOrder, readDue, readDueSteps } from '../db/stores/due-store.ts';
import { takeLease } from '../db/stores/lease-store.ts';
import { sweepQueueRecords } from '../db/stores/queue-store.ts';
import { readTradingAccounts } from '../db/stores/step-store.ts';
import { orderJobId } from '../queues/names.ts';
import type { Queues, Schedule } from '../queues/queues.ts';
import { failpoint } from '../lib/failpoint.ts';
import { isMutant } from '../lib/mutant.ts';
import { checkRisk } from './check-risk.ts';
import type { Context } from './context.ts';
import { createDirectRuns } from './direct-runs.ts';
import { deliverAlerts } from './deliver-alerts.ts';
import { createDirectSteps, stepsToRun } from './direct-steps.ts';
import { keepGtts } from './keep-gtts.ts';
import { keepQueuePauses } from './keep-queue-pauses.ts';
import { nextQueue } from './next-step.ts';
import { pollAccount } from './poll-account.ts';
import { protectAccount } from './protect-account.ts';
import { reconcileAccount } from './reconcile-account.ts';
import { runOperation } from './run-operation.ts';
import { enqueueOperation } from './stage-operation.ts';
import { tellJournalHeads } from './tell-journal-heads.ts';
import { tellChannelsOut } from './watch-channels.ts';
import { tellWorkersDown } from './watch-workers.ts';

/** The dispatcher's lease: two leaders do no harm, they only look twice (protocol.md). */
const LEASE_MS = 5000;
/** A step that was due this long ago and has not begun is run here: the path when a worker is down. */
const DIRECT_AFTER_MS = 2000;
const DIRECT_AT_ONCE = 4;
/** Looks at protection that run at once; further ones wait for their turn in this beat. */
const GUARDS_AT_ONCE = 8;
/** How many beats lie between two looks at the schedules. */
const SCHEDULES_EVERY = 5;

type Due = Awaited<ReturnType<typeof readDue>>;

export interface Dispatcher {
  /** One look; call it every second. True when this process is the leader. */
  beat(): Promise<boolean>;
}

type DispatcherQueues = Pick<Queues, 'ping' | 'ensureSchedules' | 'enqueueMany' | 'isPaused' | 'setPaused'>;

/**
 * The safety net: finds what is due in Postgres and tells the queues again; runs itself what the queues leave lying,
 * and everything at once when they do not answer; puts back schedules that a flush removed. It keeps no state that
 * matters.
 */
export function createDispatcher(context: Context, queues: DispatcherQueues): Dispatcher {
  const holder = `${context.processName}/${context.newId()}`;
  const steps = createDirectSteps(context);
  // Each kind has places of its own, so that none waits behind another: limits are watched however many operations
  // run, a position gets its stop, and a broker or a channel that does not answer holds up nothing else.
  const operating = new Set<string>();
  // Every account that is due has its look at protection, whatever runs already.
  const guarding = createDirectRuns(GUARDS_AT_ONCE, (name, error) =>
    context.log.error({ err: error, name }, 'a direct run failed'),
  );
  const netting = new Set<string>();
  const polling = new Set<string>();
  const watching = new Set<string>();
  const reconciling = new Set<string>();
  const telling = new Set<string>();
  let beats = 0;

  const runDirectly = (name: string, work: () => Promise<unknown>, under: Set<string>): void => {
    if (under.has(name) || under.size >= DIRECT_AT_ONCE) return;
    under.add(name);
    void work()
      .catch((error: unknown) => context.log.error({ err: error, name }, 'a direct run failed'))
      .finally(() => under.delete(name));
  };
  const operate = async (due: Due, afterMs: number): Promise<void> => {
    for (const operation of due.operations) {
      const { accountId, operationId: id, overdueMs } = operation;
      if (overdueMs >= afterMs)
        runDirectly(`operation:${id}`, () => runOperation(context, operation), operating);
      else await enqueueOperation(context, { accountId, id, state: 'RUNNING' });
    }
  };
  const protect = (due: Due): void => {
    for (const { accountId } of due.protections) {
      const look = async () => {
        const { hasGtts } = await protectAccount(context, { accountId });
        if (hasGtts) runDirectly(`gtt:${accountId}`, () => keepGtts(context, { accountId }), netting);
      };
      guarding.run(`protect:${accountId}`, look);
    }
  };
  const readBroker = (due: Due, paused: ReadonlySet<string>): void => {
    for (const { accountId } of paused.has('poll') ? [] : due.polls) {
      runDirectly(`poll:${accountId}`, () => pollAccount(context, accountId), polling);
    }
    for (const { accountId } of paused.has('reconcile') ? [] : due.reconciliations) {
      const startedBy = context.processName;
      runDirectly(accountId, () => reconcileAccount(context, accountId, { startedBy }), reconciling);
    }
  };
  const watch = (due: Due, paused: ReadonlySet<string>): void => {
    for (const { accountId } of paused.has('risk') ? [] : due.risk) {
      runDirectly(`risk:${accountId}`, () => checkRisk(context, accountId), watching);
    }
    for (const { channel } of paused.has('alert') ? [] : due.channels) {
      runDirectly(`alert:${channel}`, () => deliverAlerts(context, channel), telling);
    }
  };
  const readAll = (isHeard: boolean): Promise<Due> => {
    const { pollIntervalMs, reconcileIntervalMs, monitor } = context.settings;
    return readDue(context.db, {
      pollMs: overdueAfter(pollIntervalMs, isHeard),
      reconcileMs: overdueAfter(reconcileIntervalMs, isHeard),
      riskMs: overdueAfter(monitor.intervalMs, isHeard),
      channelMs: DIRECT_AFTER_MS,
      channels: context.alertChannels.map(({ name }) => name),
    });
  };

  return {
    beat: async () => {
      await failpoint('dispatch.beat');
      if (!(await takeLease(context.db, 'dispatcher', holder, LEASE_MS))) return false;
      if (isMutant('no-sweeper')) return true;
      // Asked once a beat: what would only wait for a dead queue is not tried.
      const isHeard = (await queues.ping()).ok;
      const afterMs = isHeard ? DIRECT_AFTER_MS : 0;
      const all = await readAll(isHeard).catch(async (error: unknown) => {
        // Orders go on also where another kind can not be read.
        steps.run(stepsToRun(await readDueSteps(context.db)), afterMs);
        throw error;
      });
      const due = stepsToRun(all);
      const { paused } = due;
      // None of these waits: what is enqueued comes last, where it can hold up nothing.
      steps.run(due, afterMs);
      protect(all);
      readBroker(all, paused);
      watch(all, paused);
      if (!paused.has('operation')) await operate(all, afterMs);
      if (beats++ % SCHEDULES_EVERY === 0) {
        runDirectly('queue records', () => sweepQueueRecords(context.db), telling);
        runDirectly('workers', () => tellWorkersDown(context), telling);
        runDirectly('channels', () => tellChannelsOut(context), telling);
        runDirectly('journal heads', () => tellJournalHeads(context), telling);
        if (isHeard) {
          await queues.ensureSchedules(await schedulesOf(context));
          await keepQueuePauses(context, queues, paused);
        }
      }
      if (!isHeard) return true;
      await enqueueCommands(
        queues,
        due.commands.filter(({ overdueMs }) => overdueMs < afterMs),
      );
      await enqueueDue(
        queues,
        due.orders.filter(({ overdueMs }) => overdueMs < afterMs),
      );
      return true;
    },
  };
}

/** Recurring work is late after three intervals; when no queue brings it, after one. */
function overdueAfter(intervalMs: number, isHeard: boolean): number {
  return isHeard ? Math.max(3 * intervalMs, DIRECT_AFTER_MS) : intervalMs;
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
