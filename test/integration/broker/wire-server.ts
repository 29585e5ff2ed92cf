import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** One request as it came over the wire. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What the server does with one request; it may write anything, or nothing. */
export type Play = (socket: Socket, request: WireRequest) => void;

export interface WireServer {
  readonly root: string;
  readonly requests: WireRequest[];
  /** Sockets open at this moment. */
  openSockets(): number;
  /** Sockets ever accepted. */
  acceptedSockets(): number;
  play: Play;
  close(): Promise<void>;
}

/** A TCP server on loopback that reads HTTP requests whole and answers with raw bytes. */
export async function startWireServer(play: Play): Promise<WireServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server: Server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const taken = takeRequest(pending);
        if (!taken) return;
        pending = pending.subarray(taken.length);
        wire.requests.push(taken.request);
        wire.play(socket, taken.request);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const wire: WireServer = {
    root: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    openSockets: () => sockets.size,
    acceptedSockets: () => accepted,
    play,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return wire;
}

function takeRequest(bytes: Buffer): { request: WireRequest; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const bodyStart = headEnd + 4;
  const length = bodyStart + Number(headers.get('content-length') ?? 0);
  if (bytes.length < length) return null;
  const [method = '', path = ''] = first.split(' ');
  return { request: { method, path, headers, body: bytes.toString('utf8', bodyStart, length) }, length };
}

/** A whole HTTP answer, with a Content-Length unless the headers bring their own framing. */
export function answer(
  status: string,
  contentType: string | null,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): Play {
  const bytes = Buffer.from(body);
  const lines = [
    `HTTP/1.1 ${status}`,
    ...(contentType === null ? [] : [`Content-Type: ${contentType}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(status.startsWith('204') ? [] : [`Content-Length: ${bytes.length}`]),
  ];
  const whole = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
  return (socket) => void socket.write(whole);
}

export function jsonAnswer(status: string, body: unknown): Play {
  return answer(status, 'application/json', JSON.stringify(body));
}

export function kiteError(status: string, errorType: string, message: string): Play {
  return jsonAnswer(status, { status: 'error', message, error_type: errorType, data: null });
}

export function kiteData(data: unknown): Play {
  return jsonAnswer('200 OK', { status: 'success', data });
}
