import { createHash, timingSafeEqual } from 'node:crypto';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { refuseOtherMethods } from './mount.ts';
import { ApiProblem, problemResponse } from './problem.ts';
import { readJsonBody } from './request-body.ts';

/** Where a chat service posts what people sent. */
export interface ChatWebhook {
  /** The service sends it with every call. */
  readonly secret: string;
  /** Resolves once the update is kept; throws when it has to be sent again. */
  readonly take: (update: unknown) => Promise<unknown>;
}

const PATH = '/telegram/webhook';
const HEADER = 'x-telegram-bot-api-secret-token';

/** Keeps the update and answers; what it asks for is done elsewhere, so that no call waits for it. */
export function mountChatWebhook(app: OpenAPIHono, { secret, take }: ChatWebhook): void {
  app.post(PATH, async (c) => {
    if (!isSame(c.req.header(HEADER) ?? '', secret)) return problemResponse('UNAUTHENTICATED');
    const update = await readJsonBody(c.req.raw, { mayBeLeftOut: false }).catch((error: unknown) => {
      // What can not be read now can not be read later either: sent again, it would hold up all that follow.
      if (error instanceof ApiProblem) return null;
      throw error;
    });
    if (update !== null) await take(update);
    return c.json({});
  });
  refuseOtherMethods(app, PATH, ['POST']);
}

/** Takes as long for any text: hashes have one length. */
function isSame(given: string, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(secret));
}
