import { OpenAPIHono } from '@hono/zod-openapi';
import { secureHeaders } from 'hono/secure-headers';
import { countTodaysOrders } from '../services/read-order-counts.ts';
import { readUnprotectedSeconds } from '../services/read-unprotected.ts';
import { readOrderStatuses } from '../services/read-orders.ts';
import type { Context } from '../services/context.ts';
import { readJournalAfter, readJournalHeads, readSystemMetrics } from '../services/read-metrics.ts';
import { type QueueDesk, readQueueAges } from '../services/read-queues.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { createAccountOf } from './access.ts';
import { createAuthenticator } from './authenticate.ts';
import { credentialsOf, requestIdOf } from './connection.ts';
import { ENDPOINTS } from './endpoints.ts';
import { recordAuthFailures } from '../services/record-auth-failures.ts';
import { type ChatWebhook, mountChatWebhook } from './chat-webhook.ts';
import { keepDocsPolicy, mountDocs } from './docs-page.ts';
import type { EventFeed } from './event-feed.ts';
import { type Probe, mountHealth } from './health.ts';
import { type QueueCountsReader, createMetrics } from './metrics.ts';
import { mountEndpoints, refuseOtherMethods } from './mount.ts';
import {
  describeBrokerLogin,
  describeEndpoints,
  describeHealth,
  describeSignalHook,
  openApiDocument,
} from './openapi.ts';
import { type BrokerLogin, mountKiteLogin, refuseKiteLogin } from './kite-login.ts';
import { keepLoginPolicy, mountLogin } from './login-page.ts';
import { createOrderWaiter } from './order-waiter.ts';
import { problemResponse } from './problem.ts';
import { responseOfError } from './problem-of-error.ts';
import { type BoardQueues, keepQueueBoardPolicy, mountQueueBoard } from './queue-board.ts';
import { createRateLimits, rateHeadersOf } from './rate-limit.ts';
import { loggedPath, mountSignalHook } from './signal-hook.ts';

export interface ApiOptions {
  readonly context: Context;
  /** Authenticates as admin; other tokens are rows. */
  readonly adminToken: string;
  /** Requests a minute per token; 0: no limit. */
  readonly rateLimitPerMinute: number;
  /** Of this build. */
  readonly version: string;
  /** What /readyz asks; see databaseProbes for those of the database. */
  readonly probes: readonly Probe[];
  /** Closed by whoever made it, before the server. */
  readonly events: EventFeed;
  readonly queueCounts?: QueueCountsReader;
  /** Figures of this process for /metrics: calls of the broker, jobs, connections. */
  readonly processMetrics?: () => Promise<string>;
  readonly queues: QueueDesk;
  /** What Bull Board shows at /queues; left out: there is no such page. */
  readonly board?: BoardQueues;
  /** The broker's daily login and postbacks; left out: there are none, as on paper, and who asks is told so. */
  readonly brokerLogin?: BrokerLogin;
  /** Left out: there is no such address. */
  readonly chatWebhook?: ChatWebhook;
  /** PUT /v1/prices is refused unless users bring their own prices: BROKER=paper or PRICE_SOURCE=push. */
  readonly allowPricePush: boolean;
  /** False: /metrics needs a viewer's token. Default true, for a server that listens on loopback. */
  readonly openMetrics?: boolean;
  readonly clock?: Clock;
}

/** Answers hold money and positions: no cache may keep them, no page may frame them. */
const HEADERS = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  strictTransportSecurity: 'max-age=31536000; includeSubDomains',
  xFrameOptions: 'DENY',
});

/** The HTTP API of api.md as a Hono app; `startApi` serves it. */
export function createApi(options: ApiOptions): OpenAPIHono {
  const { context, clock = systemClock } = options;
  const { db, log } = context;
  const app = new OpenAPIHono();
  const limits = createRateLimits(options.rateLimitPerMinute, clock);
  const authenticate = createAuthenticator({
    ...{ adminToken: options.adminToken, db, clock, log },
    limitFailures: (address) => limits.failure(address),
    recordFailures: (failures) => recordAuthFailures(context, failures),
  });
  const metrics = createMetrics(app, {
    clock,
    log,
    countOrders: () => countTodaysOrders(db, clock.now()),
    unprotected: () => readUnprotectedSeconds(db),
    queueCounts: options.queueCounts,
    queueAges: () => readQueueAges(options.queues),
    system: () => readSystemMetrics(context, clock.now()),
    hops: { readAfter: (seen) => readJournalAfter(db, seen), readHeads: () => readJournalHeads(db) },
    processText: options.processMetrics,
  });
  keepDocsPolicy(app);
  keepLoginPolicy(app);
  keepQueueBoardPolicy(app);
  app.use(HEADERS);
  app.use(async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-request-id', requestIdOf(c, context.newId));
    for (const [name, value] of Object.entries(rateHeadersOf(c))) c.header(name, value);
  });

  mountHealth(app, options.probes, options.version);
  app.get('/metrics', async (c) => {
    // Any token will do: whoever holds one is a viewer at least.
    if (options.openMetrics === false) limits.principal(c, await authenticate.request(credentialsOf(c)));
    return c.body(await metrics.scrape(), 200, { 'content-type': metrics.contentType });
  });
  refuseOtherMethods(app, '/metrics', ['GET']);

  const ports = {
    context,
    clock,
    accountOf: createAccountOf(db, clock),
    waitForOrder: createOrderWaiter((orders) => readOrderStatuses(db, orders), clock),
    events: options.events,
    queues: options.queues,
    allowPricePush: options.allowPricePush,
  };
  mountEndpoints(app, ENDPOINTS, {
    ports,
    authenticate,
    limits,
  });
  mountSignalHook(app, { context, limits });
  mountLogin(app, { context, authenticate, limits });
  if (options.board !== undefined) {
    mountQueueBoard(app, { context, authenticate, limits, queues: options.queues, board: options.board });
  }
  if (options.brokerLogin !== undefined) {
    mountKiteLogin(app, {
      ...{ context, clock, authenticate, limits },
      accountOf: ports.accountOf,
      login: options.brokerLogin,
    });
  } else refuseKiteLogin(app);
  if (options.chatWebhook !== undefined) mountChatWebhook(app, options.chatWebhook);
  describeHealth(app.openAPIRegistry);
  if (options.brokerLogin !== undefined) describeBrokerLogin(app.openAPIRegistry);
  describeSignalHook(app.openAPIRegistry);
  describeEndpoints(app.openAPIRegistry, ENDPOINTS);
  const document = openApiDocument(app, options.version);
  app.get('/openapi.json', (c) => c.json(document));
  refuseOtherMethods(app, '/openapi.json', ['GET']);
  mountDocs(app);

  app.notFound(() => problemResponse('NOT_FOUND'));
  app.onError((error, c) =>
    responseOfError(error, log, {
      method: c.req.method,
      path: loggedPath(c.req.path),
      requestId: requestIdOf(c, context.newId),
    }),
  );
  return app;
}
