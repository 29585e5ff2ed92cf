import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { problemResponse } from './problem.ts';
import { type Fetch, isWebSocket, serveWebSockets } from './web-socket.ts';

export interface RunningApi {
  readonly url: string;
  readonly port: number;
  /** Takes no more connections; those that are busy have 500 ms to end. Returns within a second. */
  close(): Promise<void>;
}

export interface StartApiOptions {
  readonly app: { readonly fetch: Parameters<typeof getRequestListener>[0] & Fetch };
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** How long running requests may still take once the server is told to stop. */
const DRAIN_MS = 500;
/** Longer than the pauses of a busy strategy, so that its connection is not closed under its next order. */
const KEEP_ALIVE_MS = 65_000;
/** A client that sends its request slower than this is cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** From Node 22.21 and 24.9 on; older ones leave every Upgrade header to the listener. */
const ONLY_WEB_SOCKETS = { shouldUpgradeCallback: isWebSocket };

/** Listens; rejects when the address can not be had. */
export async function startApi({ app, host, port }: StartApiOptions): Promise<RunningApi> {
  const listener = getRequestListener(app.fetch, { errorHandler: () => problemResponse('INVALID_HEADER') });
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      ...ONLY_WEB_SOCKETS,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  const webSockets = serveWebSockets(server, app.fetch);
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () => stop(server, webSockets),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function stop(server: Server, webSockets: { terminate(): void }): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => {
      server.closeAllConnections();
      webSockets.terminate();
    }, DRAIN_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
