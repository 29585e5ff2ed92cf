import { setTimeout as sleep } from 'node:timers/promises';
import { readTradingAccounts } from '../db/stores/step-store.ts';
import type { QueueWorker } from '../queues/queues.ts';
import { checkRisk } from '../services/check-risk.ts';
import { deliverAlerts } from '../services/deliver-alerts.ts';
import { createDispatcher } from '../services/dispatch.ts';
import { readPausedQueues } from '../services/keep-queue-pauses.ts';
import { loadInstruments } from '../services/load-instruments.ts';
import { markPositions } from '../services/mark-positions.ts';
import { pollAccount } from '../services/poll-account.ts';
import { reconcileAccount } from '../services/reconcile-account.ts';
import { runOperation } from '../services/run-operation.ts';
import { runStep } from '../services/run-step.ts';
import { sendCommand } from '../services/send-command.ts';
import { submitOrder } from '../services/submit-order.ts';
import { validateOrder } from '../services/validate-order.ts';
import { startWorkerWatch } from '../services/watch-workers.ts';
import type { Composition } from './compose.ts';

/** Part of the system, running: what a process starts, alone or together with others. */
export interface Running {
  readonly role: string;
  stop(): Promise<void>;
}

// Many at once, though connections are few: work on one account that waits for its turn shares a transaction. Not more,
// because BullMQ fetches up to so many, one after the other, before it begins the first.
const VALIDATIONS_AT_ONCE = 256;
const SUBMISSIONS_AT_ONCE = 256;
const EXITS_AT_ONCE = 16;
const COMMANDS_AT_ONCE = 64;
const OPERATIONS_AT_ONCE = 8;
const POLLS_AT_ONCE = 8;
const RISK_AT_ONCE = 4;
// Looks at one channel do not overlap, so this many channels can hang before another waits.
const LOOKS_AT_ONCE = 16;
const BEAT_MS = 1000;
/** How soon a submitter that takes orders straight from their checks hears that its queue is paused. */
const PAUSE_LOOK_MS = 1000;
const INSTRUMENTS_RETRY_MS = 2000;
const CLOSE_TIMEOUT_MS = 1500;

/** Checks PENDING orders. */
export function startValidator({ context, queues }: Composition): Running {
  const worker = queues.startWorker('validate', (step) => runStep(context, 'validate', step, validateOrder), {
    concurrency: VALIDATIONS_AT_ONCE,
  });
  return running('validator', [worker]);
}

/** Sends VALIDATED orders, cancels and modifies, and runs halts and flattens; none of these waits behind entries. */
export function startSubmitter({ context, queues, lane }: Composition): Running {
  lane.open();
  const entries = queues.startWorker('submit', (step) => runStep(context, 'submit', step, submitOrder), {
    concurrency: SUBMISSIONS_AT_ONCE,
  });
  const exits = queues.startWorker(
    'exit',
    (step) =>
      runStep(context, 'exit', step, async () => {
        await validateOrder(context, step);
        await submitOrder(context, step);
      }),
    { concurrency: EXITS_AT_ONCE },
  );
  const commands = queues.startWorker('command', (step) => runStep(context, 'command', step, sendCommand), {
    concurrency: COMMANDS_AT_ONCE,
  });
  const operations = queues.startWorker(
    'operation',
    async (step) => {
      await runOperation(context, step);
    },
    { concurrency: OPERATIONS_AT_ONCE },
  );
  const workers = running('submitter', [entries, exits, commands, operations]);
  const looking = setInterval(() => {
    void readPausedQueues(context)
      .then((paused) => lane.pause(paused.has('submit')))
      .catch(() => undefined);
  }, PAUSE_LOOK_MS);
  return {
    ...workers,
    stop: async () => {
      clearInterval(looking);
      await Promise.all([lane.close({ timeoutMs: CLOSE_TIMEOUT_MS }), workers.stop()]);
    },
  };
}

/** Follows orders at the broker. */
export function startFillPoller({ context, queues }: Composition): Running {
  const worker = queues.startWorker(
    'poll',
    async ({ accountId }) => {
      await pollAccount(context, accountId, { unlessFresh: true });
    },
    { concurrency: POLLS_AT_ONCE },
  );
  return running('fill-poller', [worker]);
}

/** Compares every account with its broker now and then, also when nothing of ours is known to be there. */
export function startReconciler({ context, queues }: Composition): Running {
  const worker = queues.startWorker(
    'reconcile',
    async ({ accountId }) => {
      await reconcileAccount(context, accountId, { startedBy: context.processName });
    },
    { concurrency: 2 },
  );
  // Once at the start, whatever the schedule says: what happened while nobody looked.
  const began = reconcileAll(context);
  return {
    role: 'reconciler',
    stop: async () => {
      await Promise.all([
        worker.close({ timeoutMs: CLOSE_TIMEOUT_MS }),
        Promise.race([began, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]),
      ]);
    },
  };
}

async function reconcileAll(context: Composition['context']): Promise<void> {
  try {
    for (const accountId of await readTradingAccounts(context.db)) {
      await reconcileAccount(context, accountId, { startedBy: context.processName });
    }
  } catch (error) {
    // The schedule and the dispatcher look again.
    context.log.warn({ err: error }, 'the reconciliation at the start could not be made');
  }
}

/** Watches every account's risk during the trade. */
export function startRiskMonitor({ context, queues }: Composition): Running {
  const worker = queues.startWorker('risk', ({ accountId }) => checkRisk(context, accountId), {
    concurrency: RISK_AT_ONCE,
  });
  return running('risk-monitor', [worker]);
}

/** Reads quotes and marks positions. */
export function startMarketData({ context, queues }: Composition): Running {
  const worker = queues.startWorker('mark', () => markPositions(context, { pull: true }), { concurrency: 1 });
  return running('market-data', [worker]);
}

/** Tells alerts through every channel. */
export function startAlerter({ context, queues }: Composition): Running {
  const worker = queues.startWorker(
    'alert',
    async ({ channel }, signal) => {
      await deliverAlerts(context, channel, signal);
    },
    { concurrency: LOOKS_AT_ONCE },
  );
  const watch = startWorkerWatch(context);
  const workers = running('alerter', [worker]);
  return {
    ...workers,
    stop: async () => {
      watch.stop();
      await workers.stop();
    },
  };
}

/** The one duty on a plain timer: leader by lease, so any number may run. */
export function startDispatcher({ context, queues }: Composition): Running {
  const dispatcher = createDispatcher(context, queues);
  let beating: Promise<unknown> = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    beating = dispatcher
      .beat()
      .catch((error: unknown) => context.log.warn({ err: error }, 'the dispatcher could not look'))
      .finally(() => (idle = true));
  }, BEAT_MS);
  return {
    role: 'dispatcher',
    stop: async () => {
      clearInterval(timer);
      await beating;
    },
  };
}

/** Keeps today's instruments loaded: tries until they are there, then looks now and then for a new day. */
export function startInstrumentLoader({ context, defaultBroker }: Composition): Running {
  let stopped = false;
  let timer: NodeJS.Timeout | null = null;
  const look = async (): Promise<void> => {
    let waitMs = 30 * INSTRUMENTS_RETRY_MS;
    try {
      const stored = await loadInstruments(context.db, defaultBroker);
      if (stored > 0) context.log.info({ count: stored }, "today's instruments are loaded");
    } catch (error) {
      waitMs = INSTRUMENTS_RETRY_MS;
      context.log.warn({ err: error }, "today's instruments could not be loaded yet");
    }
    if (!stopped) timer = setTimeout(() => void look(), waitMs);
  };
  void look();
  return {
    role: 'instruments',
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      return Promise.resolve();
    },
  };
}

function running(role: string, workers: readonly QueueWorker[]): Running {
  return {
    role,
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.close({ timeoutMs: CLOSE_TIMEOUT_MS })));
    },
  };
}
