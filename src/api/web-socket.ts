import { type IncomingMessage, STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { EndReason } from './event-feed.ts';
import { problemResponse } from './problem.ts';

/** The part of the app that is used here. */
export type Fetch = (request: Request, env: object) => Response | Promise<Response>;

const PATH = '/v1/ws';
const STREAM_PATH = '/v1/events';
/** What of the upgrade request the stream's own request has. */
const HEADERS = ['host', 'authorization', 'cookie', 'origin', 'sec-fetch-site', 'last-event-id'];
/** Clients have nothing to say. */
const MAX_MESSAGE_BYTES = 1024;
const CLOSE_CODES: Readonly<Record<EndReason['code'], number>> = {
  SHUTTING_DOWN: 1001,
  UNAUTHENTICATED: 1008,
  SLOW_READER: 1013,
};
/** Bytes of a close frame's reason (RFC 6455). */
const MAX_REASON = 123;

/**
 * Serves /v1/ws by asking the app for /v1/events and passing on what it streams, one message an event: token, role,
 * resume and the bounds of a stream are decided in one place. Heartbeats become pings; a client that leaves one
 * unanswered until the next is gone.
 */
export function serveWebSockets(server: Server, fetch: Fetch): { terminate(): void } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const upgrade = async (): Promise<void> => {
      const response = await ask(request, fetch);
      const { status, body } = response;
      if (status !== 200 || body === null) await refuse(socket, response);
      else if (socket.destroyed) await body.cancel();
      else sockets.handleUpgrade(request, socket, head, (opened) => void passOn(body, opened));
    };
    upgrade().catch(() => socket.destroy());
  });
  return {
    terminate: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
  };
}

/** Clients that offer HTTP/2 are meant to be answered in HTTP/1.1, which Node does when it may ask this first. */
export function isWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

async function ask(request: IncomingMessage, fetch: Fetch): Promise<Response> {
  const address = `http://localhost${request.url ?? '/'}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!isWebSocket(request)) {
    return problemResponse('INVALID_HEADER', { detail: 'Upgrade: nothing but websocket is spoken here.' });
  }
  if (url?.pathname !== PATH) {
    return problemResponse('NOT_FOUND', { detail: `Only ${PATH} is a WebSocket.` });
  }
  url.pathname = STREAM_PATH;
  const headers = new Headers();
  for (const name of HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  return fetch(new Request(url, { headers }), { incoming: request });
}

async function refuse(socket: Duplex, response: Response): Promise<void> {
  const body = await response.text();
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Reads on only when what was read has left: a slow client is as slow here as it is there. */
async function passOn(body: ReadableStream<Uint8Array>, socket: WebSocket): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let isAnswered = true;
  socket.on('pong', () => (isAnswered = true));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => void reader.cancel().catch(() => undefined));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // What the stream gives at a time are whole frames.
      for (const frame of decoder.decode(value).split('\n\n')) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (frame.startsWith('event: end')) {
          end(socket, data ?? '');
          return;
        }
        if (data !== undefined) await send(socket, data);
        else if (frame.startsWith(':')) {
          if (!isAnswered) throw new Error('the last ping had no answer');
          isAnswered = false;
          socket.ping();
        }
      }
    }
  } catch {
    socket.terminate(); // it is gone, or the stream broke: the client comes back
  }
}

/** Resolves when the message has left for the network. */
function send(socket: WebSocket, data: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(data, (error) => (error instanceof Error ? reject(error) : resolve()));
  });
}

function end(socket: WebSocket, text: string): void {
  const { code, detail } = JSON.parse(text) as EndReason;
  socket.close(CLOSE_CODES[code], `${code}: ${detail}`.slice(0, MAX_REASON));
}
