/**
 * A proxy on 127.0.0.1 between a client and a server, with the faults of a network:
 *  - pass: bytes go both ways.
 *  - refuse: nobody listens (ECONNREFUSED); open connections go on, see resetAll.
 *  - blackhole: connections open, nothing moves; the bytes held back are delivered when the mode changes.
 *  - dropReplies: requests reach the server, answers are lost: the outcome is unknown to the client. A connection
 *    that lost an answer is reset when the mode changes, since it could never be trusted again.
 *  - latency: each piece waits that long, each way, in order.
 *  - severed: connections that were open are dead for good without a word, also after the mode changes, as when a
 *    firewall forgot them; new ones pass.
 *  - cutAfter: each connection is ended once so many bytes of answers have passed, in the middle of one.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePort } from './servers/port.ts';

export type ProxyMode =
  | 'pass'
  | 'refuse'
  | 'blackhole'
  | 'dropReplies'
  | 'severed'
  | { readonly latencyMs: number }
  | { readonly cutAfter: number };

export interface TcpProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  setMode(mode: ProxyMode): Promise<void>;
  /** Cuts every open connection with RST, as a restarted router does. */
  resetAll(): void;
  /** Connections open now. */
  openConnections(): number;
  /** Bytes of requests passed to the server and of answers lost, since the start. */
  traffic(): { readonly toServer: number; readonly repliesDropped: number };
  /** The same URL, through the proxy. */
  through(url: string): string;
  close(): Promise<void>;
}

export async function startTcpProxy(target: { host?: string; port: number }): Promise<TcpProxy> {
  const proxy = new FaultProxy(target.host ?? '127.0.0.1', target.port);
  await proxy.listen(await findFreePort());
  return proxy;
}

interface Link {
  readonly client: Socket;
  /** Null until the mode lets the connection through. */
  server: Socket | null;
  lostReply: boolean;
  severed: boolean;
  /** Bytes of answers that may still pass; null: any number. */
  repliesLeft: number | null;
  /** Actions not done yet, per direction: pieces keep their order when the latency changes. */
  readonly waiting: Record<Direction, (() => void)[]>;
}

type Direction = 'request' | 'reply';

function repliesOf(mode: ProxyMode): number | null {
  return typeof mode === 'object' && 'cutAfter' in mode ? mode.cutAfter : null;
}

class FaultProxy implements TcpProxy {
  readonly host = '127.0.0.1';
  port = 0;
  readonly #targetHost: string;
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  #listener: Server | null = null;
  #mode: ProxyMode = 'pass';
  #toServer = 0;
  #repliesDropped = 0;

  constructor(targetHost: string, targetPort: number) {
    this.#targetHost = targetHost;
    this.#targetPort = targetPort;
  }

  /** The same port again after `refuse`, so one that no outgoing connection takes meanwhile. */
  async listen(port: number): Promise<void> {
    const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) =>
      this.#accept(client),
    );
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, this.host, resolve);
    });
    this.port = port;
    this.#listener = listener;
  }

  async setMode(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    for (const link of this.#links) {
      link.severed ||= mode === 'severed';
      link.repliesLeft = repliesOf(mode);
    }
    if (mode === 'refuse') {
      // Listening ends at once; the callback of close() would wait for open connections.
      this.#listener?.close();
      this.#listener = null;
    } else if (this.#listener === null) {
      await this.listen(this.port);
    }
    for (const link of this.#links) {
      if (link.lostReply && mode !== 'dropReplies') this.#reset(link);
      else this.#apply(link);
    }
  }

  resetAll(): void {
    for (const link of this.#links) this.#reset(link);
  }

  openConnections(): number {
    return this.#links.size;
  }

  traffic(): { toServer: number; repliesDropped: number } {
    return { toServer: this.#toServer, repliesDropped: this.#repliesDropped };
  }

  through(url: string): string {
    const result = new URL(url);
    result.hostname = this.host;
    result.port = String(this.port);
    return result.href;
  }

  async close(): Promise<void> {
    this.resetAll();
    const listener = this.#listener;
    this.#listener = null;
    if (listener === null) return;
    await new Promise<void>((resolve) => {
      listener.close(() => resolve());
    });
  }

  #accept(client: Socket): void {
    const link: Link = {
      ...{ client, server: null, lostReply: false, severed: false, waiting: { request: [], reply: [] } },
      repliesLeft: repliesOf(this.#mode),
    };
    this.#links.add(link);
    client.setNoDelay(true);
    client.once('close', () => this.#drop(link));
    client.on('error', () => this.#drop(link));
    client.on('data', (chunk) => this.#forward(link, 'request', chunk));
    client.on('end', () => this.#afterLatency(link, 'request', () => link.server?.end()));
    client.pause();
    this.#apply(link);
  }

  /** Brings one connection in line with the mode: open to the server or not, both sides flowing or held. */
  #apply(link: Link): void {
    if (this.#mode === 'blackhole' || link.severed) {
      link.client.pause();
      link.server?.pause();
      return;
    }
    link.server ??= this.#open(link);
    link.client.resume();
    link.server.resume();
  }

  #open(link: Link): Socket {
    const server = connect({ host: this.#targetHost, port: this.#targetPort, allowHalfOpen: true });
    server.setNoDelay(true);
    server.once('close', () => this.#drop(link));
    server.on('error', () => this.#reset(link));
    server.on('data', (chunk) => this.#forward(link, 'reply', chunk));
    server.on('end', () => this.#afterLatency(link, 'reply', () => link.client.end()));
    return server;
  }

  #forward(link: Link, direction: Direction, chunk: Buffer): void {
    if (direction === 'reply' && this.#mode === 'dropReplies') {
      link.lostReply = true;
      this.#repliesDropped += chunk.length;
      return;
    }
    if (direction === 'request') this.#toServer += chunk.length;
    if (direction === 'reply' && link.repliesLeft !== null) {
      if (chunk.length >= link.repliesLeft) {
        link.client.write(chunk.subarray(0, link.repliesLeft), () => this.#reset(link));
        return;
      }
      link.repliesLeft -= chunk.length;
    }
    this.#afterLatency(link, direction, () => {
      const to = direction === 'request' ? link.server : link.client;
      if (to?.writable === true) to.write(chunk);
    });
  }

  /** Each timer does the oldest waiting action, not its own, so that order holds whatever the timers do. */
  #afterLatency(link: Link, direction: Direction, action: () => void): void {
    const waiting = link.waiting[direction];
    const latencyMs = typeof this.#mode === 'object' && 'latencyMs' in this.#mode ? this.#mode.latencyMs : 0;
    if (latencyMs === 0 && waiting.length === 0) {
      action();
      return;
    }
    waiting.push(action);
    setTimeout(() => waiting.shift()?.(), latencyMs);
  }

  #reset(link: Link): void {
    this.#links.delete(link);
    reset(link.client);
    if (link.server !== null) reset(link.server);
  }

  #drop(link: Link): void {
    this.#links.delete(link);
    link.client.destroy();
    link.server?.destroy();
  }
}

/** libuv refuses to reset a socket whose end is under way, and Node then never closes it: not even its process ends. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
