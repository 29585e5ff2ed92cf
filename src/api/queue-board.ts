import { createRequire } from 'node:module';
import path from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Hono } from 'hono';
import type { Context as HonoContext } from 'hono';
import type { Context } from '../services/context.ts';
import { pauseQueue, resumeQueue } from '../services/pause-queue.ts';
import type { QueueDesk } from '../services/read-queues.ts';
import { isQueueName } from '../services/retry-job.ts';
import { requireScope } from './access.ts';
import type { Authenticator } from './authenticate.ts';
import { credentialsOf, originOf } from './connection.ts';
import { loginInstead } from './login-page.ts';
import { keepPolicy, pagePolicy } from './pages.ts';
import { type Principal, actorOf, hasRole } from './principal.ts';
import { ApiProblem, problemResponse } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';

/**
 * /queues: Bull Board over the queues of either backend, served from this process alone, for operators. It only shows.
 * What an admin may do there is pausing, by the same service as POST /v1/queues/NAME/pause, so that it is in the
 * journal and survives a flush; nothing else of Bull Board's own changes a queue, whoever asks.
 */
const BASE = '/queues';
const ALL = `${BASE}/*`;

/** Styles are written into its page and elements. Its base element names this address. */
const POLICY = pagePolicy({
  'base-uri': "'self'",
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
});

/** BullMQ's own queue objects as they are now; one that could not connect is replaced by another. */
export type BoardQueues = () => readonly object[];

export interface QueueBoardOptions {
  readonly context: Context;
  readonly authenticate: Authenticator;
  readonly limits: RateLimits;
  readonly queues: QueueDesk;
  readonly board: BoardQueues;
}

/** To be called before the headers of all answers are set. */
export function keepQueueBoardPolicy(app: OpenAPIHono): void {
  keepPolicy(app, ALL, POLICY);
}

export function mountQueueBoard(app: OpenAPIHono, options: QueueBoardOptions): void {
  const boards = { viewing: keptBoard(options.board, true), pausing: keptBoard(options.board, false) };
  app.all(ALL, async (c) => {
    let principal: Principal;
    try {
      principal = await options.authenticate.request(credentialsOf(c));
    } catch (error) {
      const login = loginInstead(c, error);
      if (login !== null) return login;
      throw error;
    }
    options.limits.principal(c, principal);
    requireOperator(principal);
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    if (!isRead) return change(c, principal, options);
    const answer = await boards[hasRole(principal, 'admin') ? 'pausing' : 'viewing']().fetch(c.req.raw);
    return ownAnswer(answer);
  });
}

function requireOperator(principal: Principal): void {
  if (!hasRole(principal, 'operator')) {
    throw new ApiProblem('FORBIDDEN', {
      detail: `This needs the role operator; you have ${principal.role}.`,
    });
  }
  // Queues serve every account.
  requireScope(principal, 'installation');
}

const PAUSE = /^\/queues\/api\/queues\/([A-Za-z0-9._-]{1,64})\/(pause|resume)$/;

async function change(
  c: HonoContext,
  principal: Principal,
  { context, queues }: QueueBoardOptions,
): Promise<Response> {
  const [, queue = '', verb = ''] = PAUSE.exec(c.req.path) ?? [];
  if (!isQueueName(queue) || c.req.method !== 'PUT') {
    const detail = 'This page only shows; POST /v1/queues/NAME/jobs/ID/retry looks at a failed job again.';
    return problemResponse('METHOD_NOT_ALLOWED', { detail, headers: { allow: 'GET, HEAD' } });
  }
  if (!hasRole(principal, 'admin')) {
    throw new ApiProblem('FORBIDDEN', { detail: 'Only an admin may pause queues here.' });
  }
  const asked = { ...originOf(c, context, principal), queues };
  const of = { queue, actor: actorOf(principal), reason: `${verb}d on the page /queues` };
  await (verb === 'pause' ? pauseQueue : resumeQueue)(asked, of);
  return c.json({});
}

/** The page without the fonts that it would load from elsewhere; failures as problems, without their stacks. */
async function ownAnswer(answer: Response): Promise<Response> {
  if (answer.status >= 500) return problemResponse('UNAVAILABLE', { detail: 'The queues do not answer.' });
  if (answer.status >= 400) return problemResponse('NOT_FOUND');
  if (!(answer.headers.get('content-type') ?? '').startsWith('text/html')) return answer;
  const page = (await answer.text()).replaceAll(/<link [^>]*https?:[^>]*>/g, '');
  return new Response(page, {
    status: answer.status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
  });
}

/** The parts of Bull Board that are used here; it is loaded when somebody first looks. */
interface BoardLibrary {
  readonly createBullBoard: (of: {
    readonly queues: readonly object[];
    readonly serverAdapter: BoardAdapter;
    readonly options: { readonly uiBasePath: string; readonly uiConfig: object };
  }) => unknown;
}
interface BoardAdapter {
  setBasePath(path: string): unknown;
  registerPlugin(): Hono;
}
type New<Of extends readonly unknown[], Made> = new (...of: Of) => Made;

const require = createRequire(import.meta.url);

/** A board, built again when a queue object was replaced. */
function keptBoard(queuesNow: BoardQueues, readOnlyMode: boolean): () => Hono {
  let built: { readonly of: readonly object[]; readonly board: Hono } | null = null;
  return () => {
    const of = queuesNow();
    const isSame = built?.of.length === of.length && of.every((queue, n) => queue === built?.of[n]);
    if (built === null || !isSame) built = { of, board: buildBoard(of, readOnlyMode) };
    return built.board;
  };
}

function buildBoard(queues: readonly object[], readOnlyMode: boolean): Hono {
  const { createBullBoard } = require('@bull-board/api') as BoardLibrary;
  const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter') as {
    BullMQAdapter: New<[object, object], object>;
  };
  const { HonoAdapter } = require('@bull-board/hono') as {
    HonoAdapter: New<[typeof serveStatic], BoardAdapter>;
  };
  const serverAdapter = new HonoAdapter(serveStatic);
  serverAdapter.setBasePath(BASE);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode, allowRetries: false })),
    serverAdapter,
    options: {
      uiBasePath: path.dirname(require.resolve('@bull-board/ui/package.json')),
      uiConfig: { boardTitle: 'Sauda queues' },
    },
  });
  // The page is asked for with and without the slash.
  const board = new Hono({ strict: false });
  board.route(BASE, serverAdapter.registerPlugin());
  return board;
}
