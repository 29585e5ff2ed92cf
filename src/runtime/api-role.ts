import path from 'node:path';
import type { ChatWebhook } from '../api/chat-webhook.ts';
import { createApi } from '../api/create-api.ts';
import { createEventFeed } from '../api/event-feed.ts';
import { startApi } from '../api/start-api.ts';
import type { Config } from '../config/config.ts';
import { QUEUE_NAMES } from '../queues/names.ts';
import type { Queues } from '../queues/queues.ts';
import { readEventsAfter, readJournalHead } from '../services/read-events.ts';
import { systemClock } from '../time/clock.ts';
import { brokerLoginOf } from './broker-login.ts';
import type { Composition } from './compose.ts';
import { openDataDir, readOrCreateSecret } from './data-dir.ts';
import { packageVersion } from './package-version.ts';
import type { Running } from './roles.ts';
import { probesOf } from './probes.ts';
import { telegramInbox } from './telegram-inbox.ts';

export interface RunningApiRole extends Running {
  readonly url: string;
  readonly token: string;
  /** Where the token is kept; null when the configuration gave it. */
  readonly tokenFile: string | null;
}

const TOKEN_FILE = 'admin.token';
const TOKEN_BYTES = 24;

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
  const login = brokerLoginOf(config, parts.sealer);
  const app = createApi({
    events,
    context: parts.context,
    adminToken: token,
    rateLimitPerMinute: config.rateLimitPerMinute,
    version: packageVersion(),
    probes: probesOf(parts, config),
    queueCounts: () => queueCounts(parts.queues),
    processMetrics: () => parts.metrics.registry.metrics(),
    queues: parts.queues,
    board: () => parts.queues.boardQueues(),
    ...chatWebhookOf(parts, config),
    ...(login !== null && { brokerLogin: login }),
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

export async function queueCounts(
  queues: Queues,
): Promise<Record<string, { waiting: number; active: number; delayed: number }>> {
  const counted = await Promise.all(
    QUEUE_NAMES.map(async (name) => [name, await queues.counts(name)] as const),
  );
  return Object.fromEntries(counted.flatMap(([name, counts]) => (counts === null ? [] : [[name, counts]])));
}
