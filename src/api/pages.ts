import type { OpenAPIHono } from '@hono/zod-openapi';

/** What a page may load, ask and be framed by: only what is named, and from this server. */
export function pagePolicy(allowed: Readonly<Record<string, string>>): string {
  const policy = {
    'default-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...allowed,
  };
  return Object.entries(policy)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
}

/** To be called before the headers of all answers are set: the page's policy replaces the API's, which allows nothing. */
export function keepPolicy(app: OpenAPIHono, path: string, policy: string): void {
  app.use(path, async (c, next) => {
    await next();
    if (!(c.res.headers.get('content-type') ?? '').includes('problem+json')) {
      c.header('content-security-policy', policy);
    }
  });
}

/** A local address of plain characters; anything else could lead away from here, or out of an attribute. */
const LOCAL = /^\/(?![/\\])[\w/.-]{0,200}$/;

export function localPath(text: string | null | undefined, fallback: string): string {
  return text != null && LOCAL.test(text) ? text : fallback;
}
