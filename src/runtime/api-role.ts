import path from 'node:path';
import type { ChatWebhook } from '../api/chat-webhook.ts';
import { createApi } from '../api/create-api.ts';
import { databaseProbes } from '../api/database-probes.ts';
import { createEventFeed } from '../api/event-feed.ts';
import type { Probe } from '../api/health.ts';
import { startApi } from '../api/start-api.ts';
import type { BrokerPort } from '../broker/port.ts';
import type { Config } from '../config/config.ts';
import { QUEUE_NAMES } from '../queues/names.ts';
import type { Queues } from '../queues/queues.ts';
import { readEventsAfter, readJournalHead } from '../services/read-events.ts';
import { systemClock } from '../time/clock.ts';
import type { Composition } from './compose.ts';
import { openDataDir, readOrCreateSecret } from './data-dir.ts';
import { packageVersion } from './package-version.ts';
import type { Running } from './roles.ts';
import { telegramInbox } from './telegram-inbox.ts';

export interface RunningApiRole extends Running {
  readonly url: string;
  readonly token: string;
  /** Where the token is kept; null when the configuration gave it. */
  readonly tokenFile: string | null;
}

const TOKEN_FILE = 'admin.token';
const TOKEN_BYTES = 24;
/** Readiness may be asked by anyone at any rate; the broker is asked this often at most. */
const BROKER_PROBE_KEEP_MS = 10_000;

/** The HTTP API of one process, with the probes of everything it depends on. */
export async function startApiRole(
  parts: Composition,
  config: Config,
  dataDir: string,
): Promise<RunningApiRole> {
  const token =
    config.adminToken ?? (await readOrCreateSecret(await openDataDir(dataDir), TOKEN_FILE, TOKEN_BYTES));
  const { database } = parts;
  const events = createEventFeed({
    readAfter: (places, limit) => readEventsAfter(database, places, limit),
    readHead: (accountId) => readJournalHead(database, accountId),
    clock: systemClock,
    log: parts.context.log,
  });
  const app = createApi({
    events,
    context: parts.context,
    adminToken: token,
    rateLimitPerMinute: config.rateLimitPerMinute,
    version: packageVersion(),
    probes: probesOf(parts, config),
    queueCounts: () => queueCounts(parts.queues),
    queues: parts.queues,
    ...chatWebhookOf(parts, config),
    allowPricePush: config.broker === 'paper' || config.priceSource === 'push',
    openMetrics: config.host === '127.0.0.1' || config.host === 'localhost' || config.host === '::1',
  });
  const server = await startApi({ app, host: config.host, port: config.port });
  return {
    role: 'api',
    url: server.url,
    token,
    tokenFile: config.adminToken === null ? path.join(dataDir, TOKEN_FILE) : null,
    stop: () => {
      events.close();
      return server.close();
    },
  };
}

/** Where Telegram posts updates, when it was told to. */
function chatWebhookOf(parts: Composition, config: Config): { readonly chatWebhook?: ChatWebhook } {
  const webhook = config.telegram?.webhook ?? null;
  const inbox = webhook === null ? null : telegramInbox(parts, config);
  if (webhook === null || inbox === null) return {};
  return { chatWebhook: { secret: webhook.secret, take: (update) => inbox.take([update]) } };
}

/** Everything that the system depends on. */
export function probesOf(parts: Composition, config: Config): Probe[] {
  return [
    ...databaseProbes(parts.database),
    queueProbe(parts.queues, config.queueBackend),
    brokerProbe(parts.defaultBroker),
  ];
}

/** Redis may be down: the dispatcher runs what is due itself. Queues on Postgres stand and fall with it. */
function queueProbe(queues: Queues, backend: 'redis' | 'postgres'): Probe {
  return {
    name: `queues (${backend})`,
    required: backend === 'postgres',
    probe: async () => {
      const health = await queues.ping();
      return health.ok ? { ok: true } : { ok: false, detail: 'does not answer' };
    },
  };
}

function brokerProbe(broker: BrokerPort): Probe {
  let known: { readonly ok: boolean; readonly detail?: string } | null = null;
  let knownUntilMs = 0;
  return {
    name: 'broker',
    required: false,
    probe: async () => {
      if (known !== null && performance.now() < knownUntilMs) return known;
      known = await broker.getMargins().then(
        () => ({ ok: true }),
        () => ({ ok: false, detail: 'not reachable, or logged out' }),
      );
      knownUntilMs = performance.now() + BROKER_PROBE_KEEP_MS;
      return known;
    },
  };
}

export async function queueCounts(
  queues: Queues,
): Promise<Record<string, { waiting: number; active: number; delayed: number }>> {
  const counted = await Promise.all(
    QUEUE_NAMES.map(async (name) => [name, await queues.counts(name)] as const),
  );
  return Object.fromEntries(counted.flatMap(([name, counts]) => (counts === null ? [] : [[name, counts]])));
}
