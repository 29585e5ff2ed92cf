import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { refuseOtherMethods } from './mount.ts';
import { keepPolicy, pagePolicy } from './pages.ts';

/**
 * /docs: the OpenAPI document as a page to read and try, served from this process alone. Open to everyone, as the
 * document is; trying a call needs a token, which the page keeps nowhere, or the session of /login.
 */

const require = createRequire(import.meta.url);

/** What the page may load and ask: this server, and the styles that Swagger UI writes into its elements. */
const POLICY = pagePolicy({
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
});

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Sauda API</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="docs"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null,
  persistAuthorization: false,
  syntaxHighlight: false,
});
`;

const FILES: Readonly<Record<string, { readonly type: string; readonly text: () => Promise<string> }>> = {
  '/docs': { type: 'text/html; charset=utf-8', text: () => Promise.resolve(PAGE) },
  '/docs/start.js': { type: 'text/javascript; charset=utf-8', text: () => Promise.resolve(START) },
  '/docs/swagger-ui.css': {
    type: 'text/css; charset=utf-8',
    text: () => readFile(require.resolve('swagger-ui-dist/swagger-ui.css'), 'utf8'),
  },
  '/docs/swagger-ui-bundle.js': {
    type: 'text/javascript; charset=utf-8',
    text: () => readFile(require.resolve('swagger-ui-dist/swagger-ui-bundle.js'), 'utf8'),
  },
};

/** To be called before the headers of all answers are set. */
export function keepDocsPolicy(app: OpenAPIHono): void {
  for (const path of Object.keys(FILES)) keepPolicy(app, path, POLICY);
}

export function mountDocs(app: OpenAPIHono): void {
  for (const [path, { type, text }] of Object.entries(FILES)) {
    app.get(path, async (c) => c.body(await text(), 200, { 'content-type': type }));
    refuseOtherMethods(app, path, ['GET']);
  }
}
