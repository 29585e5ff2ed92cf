import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Market } from './market.ts';
import type { Order, Status } from './order.ts';
import { streamRow } from './order-rows.ts';
import { authenticate } from './rest-app.ts';
import { isRecord } from './settings.ts';
import { encodeFrame, HEARTBEAT, type Subscribed, TICKER_MODES, type TickerMode } from './ticker-frames.ts';

const HEARTBEAT_MS = 1000;
const MAX_CONNECTIONS = 200;
/** Kite's limit per connection (kite.md 3.5). */
const MAX_TOKENS = 3000;
const MAX_MESSAGE_BYTES = 262_144;
/** A client that reads this slowly misses ticks instead of filling memory. */
const MAX_BUFFERED_BYTES = 1_048_576;

interface Connection {
  readonly socket: WebSocket;
  readonly user: string;
  readonly modes: Map<number, TickerMode>;
}

/** Kite's WebSocket: ticks of subscribed instruments, order updates of the connection's user, a heartbeat each second. */
export class Ticker {
  private readonly server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  private readonly connections = new Set<Connection>();
  private readonly market: Market;
  private readonly nowMs: () => number;
  private heartbeat: NodeJS.Timeout | null = null;

  constructor(market: Market, nowMs: () => number) {
    this.market = market;
    this.nowMs = nowMs;
  }

  /** Takes the upgrade requests of the REST server. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const url = new URL(request.url ?? '/', 'http://localhost');
      const { searchParams } = url;
      const user = authenticate(searchParams.get('api_key') ?? '', searchParams.get('access_token') ?? '');
      if (url.pathname !== '/') refuse(socket, '404 Not Found');
      else if (user === null) refuse(socket, '403 Forbidden');
      else if (this.connections.size >= MAX_CONNECTIONS) refuse(socket, '429 Too Many Requests');
      else this.server.handleUpgrade(request, socket, head, (opened) => this.open(opened, user));
    });
  }

  /** Sends what traded to everybody who subscribed to it, one frame each. */
  ticks(tokens: readonly number[]): void {
    for (const connection of this.connections) {
      this.sendTicks(
        connection,
        tokens.filter((token) => connection.modes.has(token)),
      );
    }
  }

  /** Tells every connection of the order's user (kite.md 3.11). */
  order(order: Order, status: Status | 'UPDATE'): void {
    let text: string | null = null;
    for (const { user, socket } of this.connections) {
      if (user !== order.user) continue;
      text ??= JSON.stringify({ type: 'order', data: streamRow(order, status) });
      socket.send(text);
    }
  }

  close(): void {
    for (const { socket } of this.connections) socket.terminate();
    this.server.close();
    this.beat(false);
  }

  private open(socket: WebSocket, user: string): void {
    const connection: Connection = { socket, user, modes: new Map() };
    this.connections.add(connection);
    this.beat(true);
    socket.send(HEARTBEAT);
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.receive(connection, textOf(data));
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      this.connections.delete(connection);
      if (this.connections.size === 0) this.beat(false);
    });
  }

  private beat(on: boolean): void {
    if (this.heartbeat !== null && !on) {
      clearInterval(this.heartbeat);
      this.heartbeat = null;
    } else if (this.heartbeat === null && on) {
      this.heartbeat = setInterval(() => {
        for (const { socket } of this.connections) socket.send(HEARTBEAT);
      }, HEARTBEAT_MS).unref();
    }
  }

  private receive(connection: Connection, text: string): void {
    const message = parseMessage(text);
    if (message === null) {
      connection.socket.send(JSON.stringify({ type: 'error', data: 'Invalid message.' }));
      return;
    }
    const known = message.tokens.filter((token) => this.market.quotes.has(token));
    if (message.action === 'unsubscribe') {
      for (const token of message.tokens) connection.modes.delete(token);
      return;
    }
    for (const token of known) {
      const isNew = !connection.modes.has(token);
      if (isNew && connection.modes.size >= MAX_TOKENS) break;
      // Subscribing again leaves the mode as it was; a new subscription starts in quote mode.
      if (message.mode !== null) connection.modes.set(token, message.mode);
      else if (isNew) connection.modes.set(token, 'quote');
    }
    this.sendTicks(
      connection,
      known.filter((token) => connection.modes.has(token)),
    );
  }

  private sendTicks({ socket, modes }: Connection, tokens: readonly number[]): void {
    if (tokens.length === 0 || socket.bufferedAmount > MAX_BUFFERED_BYTES) return;
    const subscribed: Subscribed[] = tokens.map((token) => ({
      quote: this.market.quote(token),
      mode: modes.get(token) ?? 'quote',
    }));
    socket.send(encodeFrame(subscribed, this.nowMs()));
  }
}

interface Message {
  readonly action: 'subscribe' | 'unsubscribe' | 'mode';
  /** Null unless the action is mode. */
  readonly mode: TickerMode | null;
  readonly tokens: readonly number[];
}

/** `{"a":"subscribe","v":[..]}`, `{"a":"unsubscribe","v":[..]}` or `{"a":"mode","v":["full",[..]]}`; null for anything else. */
function parseMessage(text: string): Message | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(body) || !Array.isArray(body['v'])) return null;
  const values = body['v'] as unknown[];
  if (body['a'] === 'subscribe' || body['a'] === 'unsubscribe') {
    return { action: body['a'], mode: null, tokens: tokensOf(values) };
  }
  const mode = TICKER_MODES.find((name) => name === values[0]);
  if (body['a'] !== 'mode' || mode === undefined || !Array.isArray(values[1])) return null;
  return { action: 'mode', mode, tokens: tokensOf(values[1] as unknown[]) };
}

function tokensOf(values: readonly unknown[]): number[] {
  return values.map(Number).filter((token) => Number.isSafeInteger(token));
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.from(data as Buffer).toString('utf8');
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
