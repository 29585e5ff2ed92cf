import { setTimeout as sleep } from 'node:timers/promises';
import { createLogChannel } from '../alert-channels/log-channel.ts';
import type { AlertChannel } from '../alert-channels/port.ts';
import { createWebhookChannel } from '../alert-channels/webhook-channel.ts';
import type { BrokerPort } from '../broker/port.ts';
import { createKiteBroker, type KiteBroker } from '../broker/kite/kite-broker.ts';
import type { Config } from '../config/config.ts';
import { type AlertMode, toldOutcomes } from '../config/telegram.ts';
import { createAccountTransactions } from '../db/account-transaction.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import type { Sealer } from '../lib/sealer.ts';
import { tellOrderSpan } from '../lib/order-trace.ts';
import type { Logger } from '../logging/logger.ts';
import { createFundsReader } from '../market-data/funds.ts';
import { createHoldingsReader } from '../market-data/holdings.ts';
import { createInstrumentDirectory } from '../market-data/instruments.ts';
import { createMarginReader } from '../market-data/margins.ts';
import { createPriceReader } from '../market-data/prices.ts';
import { connectQueues } from '../queues/backend.ts';
import type { OnEnded, OnFailed, Queues } from '../queues/queues.ts';
import { createJobCounter } from '../services/count-jobs.ts';
import { recordJobFailure } from '../services/record-job-failure.ts';
import type { Context } from '../services/context.ts';
import { DEFAULT_ACCOUNT } from '../services/open-account.ts';
import { type BrokerSessions, createBrokerSessions } from '../services/broker-session.ts';
import { createSubmitLane } from '../services/submit-lane.ts';
import { createTelegramChannel } from '../telegram/alert-channel.ts';
import type { OperatorChat } from '../telegram/port.ts';
import { Sender } from '../telegram/sender.ts';
import { createTelegrafChat } from '../telegram/telegraf-chat.ts';
import { systemClock } from '../time/clock.ts';
import { newId } from '../time/random.ts';
import { sealerOf } from './broker-login.ts';
import { type ProcessMetrics, createProcessMetrics } from './process-metrics.ts';

/** Everything a process works with, and how to let go of it. */
export interface Composition {
  readonly context: Context;
  readonly queues: Queues;
  readonly database: Database;
  readonly defaultBroker: BrokerPort;
  readonly metrics: ProcessMetrics;
  /** Of what is stored encrypted; null: nothing is, as on paper. */
  readonly sealer: Sealer | null;
  /** Null: no bot is configured. */
  readonly telegram: TelegramParts | null;
  /** Opened by a submitter of this process. */
  readonly lane: ReturnType<typeof createSubmitLane>;
  /** Cuts calls to the broker that have no answer yet: the outcome of a placement among them is unknown, and kept so. */
  cutBroker(): void;
  close(): Promise<void>;
}

/** What alerts and answers are sent through. */
export interface TelegramParts {
  readonly chat: OperatorChat;
  readonly sender: Sender;
}

export interface CompositionOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Root of the server that speaks Kite's wire. */
  readonly brokerRoot: string;
  readonly processName: string;
  readonly log: Logger;
  /** Tests are patient: a pause of a busy machine must not look to them like a process or a server that is dead. */
  readonly patience?: Patience;
}

/** Time limits that have one right value in production (protocol.md). */
export interface Patience {
  readonly silentHolderMs: number;
  readonly queueCallMs: number;
}

/** Calls of the lane at a time; each is bounded by the broker's time-out. */
const SENDS_AT_ONCE = 512;
const DATABASE_CLOSE_MS = 1000;

/** Builds the context of one process: connections first, so that nothing is constructed on a dead database. */
export async function compose(options: CompositionOptions): Promise<Composition> {
  const { config, databaseUrl, brokerRoot, processName, log, patience } = options;
  const database = connectDatabase(databaseUrl, {
    applicationName: processName,
    ...(patience && { silentHolderMs: patience.silentHolderMs }),
    onError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  const metrics = createProcessMetrics();
  metrics.watchPools(database);
  const counter = createJobCounter({ db: database, log });
  const onEnded: OnEnded = (queue, succeeded) => {
    counter.onEnded(queue, succeeded);
    metrics.jobEnded(queue, succeeded);
  };
  const onFailed: OnFailed = (...failed) => recordJobFailure({ db: database, newId }, failed);
  const queues = await connectQueues(
    config.queueBackend === 'redis'
      ? { backend: 'redis', redisUrl: config.redisUrl ?? 'redis://127.0.0.1:6379' }
      : { backend: 'postgres', databaseUrl },
    {
      ...{ log, onFailed, onEnded },
      ...(patience && { callTimeoutMs: patience.queueCallMs }),
    },
  );
  const transactions = createAccountTransactions(database, {
    tells: toldOutcomes(config.telegram),
    onTransitions: (accountId, transitions) => {
      for (const one of transitions) {
        log.info({ accountId, ...one }, 'order');
        const { orderId, event, from, to, reason } = one;
        tellOrderSpan(event, orderId, {
          attributes: { 'sauda.account_id': accountId, from: from ?? '', to, reason: reason ?? '' },
        });
      }
    },
  });
  const sealer = config.broker === 'kite' ? await sealerOf(config) : null;
  const sessions =
    sealer === null
      ? null
      : createBrokerSessions({
          ...{ ...transactions, db: database, sealer, log, actor: processName },
          ...{ clock: systemClock, apiKey: config.zerodha?.apiKey ?? '' },
          fallback: config.zerodha?.accessToken ?? null,
        });
  const brokers = new Map<string, KiteBroker>();
  const broker = (accountId: string): KiteBroker => {
    let found = brokers.get(accountId);
    if (found === undefined)
      brokers.set(
        accountId,
        (found = brokerOf(config, { root: brokerRoot, accountId, sessions, metrics, log })),
      );
    return found;
  };
  const cutBroker = (): void => {
    for (const session of brokers.values()) session.close();
  };
  const monotonicMs = () => performance.now();
  const defaultBroker = broker(DEFAULT_ACCOUNT);
  const lane = createSubmitLane(SENDS_AT_ONCE);
  const telegram = telegramPartsOf(config, database);
  const context: Context = {
    ...transactions,
    db: database,
    queues,
    broker,
    instruments: createInstrumentDirectory(database, monotonicMs, config.freezeQuantities),
    prices: createPriceReader({
      db: database,
      broker: defaultBroker,
      maxAgeMs: config.limits.priceMaxAgeMs,
      pushedOnly: config.priceSource === 'push',
      monotonicMs,
      log,
    }),
    funds: createFundsReader({ db: database, broker, monotonicMs, log }),
    margins: createMarginReader(broker, monotonicMs, log),
    lane,
    holdings: createHoldingsReader(broker, monotonicMs, log),
    alertChannels: alertChannelsOf(config, telegram, log),
    settings: {
      limits: config.limits,
      session: config.session,
      budget: config.budget,
      accountBalance: config.accountBalance,
      brokerTimeoutMs: config.brokerTimeoutMs,
      freezeQuantity: config.freezeQuantity,
      sendWindowMs: config.sendWindowMs,
      unknownHorizonMs: config.unknownHorizonMs,
      unknownPolicy: config.unknownPolicy,
      modifyConfirmMs: config.modifyConfirmMs,
      pollIntervalMs: config.pollIntervalMs,
      reconcileIntervalMs: config.reconcileIntervalMs,
      monitor: config.monitor,
      protection: config.protection,
      alertRepeatMs: config.alerts.repeatMs,
    },
    newId,
    log,
    processName,
  };
  return {
    context,
    queues,
    database,
    defaultBroker,
    metrics,
    sealer,
    telegram,
    lane,
    cutBroker,
    close: async () => {
      await queues.close({ timeoutMs: 2000 });
      await counter.stop();
      cutBroker();
      // A pool waits for a query under way without end; the server drops what is left when we are gone.
      await Promise.race([database.close(), sleep(DATABASE_CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

/** The ways to reach a person that are configured; the log is always one. */
function alertChannelsOf(config: Config, telegram: TelegramParts | null, log: Logger): AlertChannel[] {
  const { webhook } = config.alerts;
  const mode = modeOf(config);
  return [
    createLogChannel(log),
    ...(webhook === null ? [] : [createWebhookChannel({ ...webhook, mode, now: () => systemClock.now() })]),
    ...(telegram === null ? [] : telegramChannelsOf(config, telegram)),
  ];
}

/** PAPER or LIVE, which stands first in every message. */
export function modeOf({ broker }: Config): 'PAPER' | 'LIVE' {
  return broker === 'kite' ? 'LIVE' : 'PAPER';
}

function telegramPartsOf(config: Config, database: Database): TelegramParts | null {
  if (config.telegram === null) return null;
  const chat = createTelegrafChat(config.telegram);
  return { chat, sender: new Sender(database, chat, modeOf(config)) };
}

/** As rows, answers and /mute name the chat that is told first. */
export const TELEGRAM_CHANNEL = 'telegram';

function telegramChannelsOf(config: Config, { sender }: TelegramParts): AlertChannel[] {
  const { telegram } = config;
  if (telegram === null) return [];
  const { chatId, escalation, modes } = telegram;
  const typesOf = (wanted: AlertMode) =>
    [...modes].filter(([, mode]) => mode === wanted).map(([type]) => type);
  const of = {
    ...{ sender, mode: modeOf(config) },
    ...{ silentTypes: new Set(typesOf('silent')), offTypes: typesOf('off') },
  };
  const first = createTelegramChannel({ ...of, name: TELEGRAM_CHANNEL, chatId, escalatesAfterMs: null });
  if (escalation === null) return [first];
  const name = `${TELEGRAM_CHANNEL}-escalation`;
  const { afterMs: escalatesAfterMs } = escalation;
  return [first, createTelegramChannel({ ...of, name, chatId: escalation.chatId, escalatesAfterMs })];
}

interface BrokerOf {
  readonly root: string;
  readonly accountId: string;
  /** Null on paper, where each account is a user of the exchange with books of its own. */
  readonly sessions: BrokerSessions | null;
  readonly metrics: ProcessMetrics;
  readonly log: Logger;
}

function brokerOf(config: Config, { root, accountId, sessions, metrics, log }: BrokerOf): KiteBroker {
  const paperToken = accountId === DEFAULT_ACCOUNT ? 'paper' : `paper-${accountId}`;
  return createKiteBroker({
    root,
    timeoutMs: config.brokerTimeoutMs,
    apiKey: sessions === null ? 'paper' : (config.zerodha?.apiKey ?? ''),
    accessToken: sessions === null ? paperToken : () => sessions.token(accountId),
    ...(sessions !== null && {
      onSessionExpired: (token) =>
        sessions.refused(accountId, token).catch((error: unknown) => {
          log.warn({ err: error, accountId }, 'the end of the broker session could not be noted');
        }),
    }),
    log: (entry) => {
      metrics.brokerCall(entry);
      if (entry.fault === null) log.trace(entry, 'broker call');
      else log.warn(entry, 'broker call');
    },
  });
}
