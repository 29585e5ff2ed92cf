import { spawn, type ChildProcess } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { eventually } from '../wait.ts';
import { findFreePort } from './port.ts';
import { startReaper, type Reaper } from './reaper.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export interface TestRedisOptions {
  /** Keeps commands in an append-only file, so that data outlive `restart`. Off unless asked for. */
  readonly appendOnly?: boolean;
}

export interface TestRedis {
  /** Stays the same over `restart`. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now. */
  pid(): number;
  flushAll(): Promise<void>;
  /** One inline command and its raw answer. */
  command(text: string): Promise<string>;
  /** Stops answering without closing a connection (SIGSTOP), as a hung machine does. */
  pause(): void;
  continue(): void;
  /** Ends the process; `start` brings it back on the same port. */
  kill(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

/** What a test run uses: REDIS_URL when set, else a server of its own, else null after a loud warning. */
export async function findTestRedis(): Promise<{ url: string; stop: () => Promise<void> } | null> {
  const given = process.env['REDIS_URL'];
  if (given !== undefined && given !== '') return { url: given, stop: async () => undefined };
  return startTestRedis();
}

/**
 * A redis-server of our own on a free loopback port, for tests that hurt it. Null, after a loud warning, when the
 * program is not installed; with REQUIRE_REDIS=1 that is an error.
 */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis | null> {
  const program = await findProgram('redis-server');
  if (program === null) {
    const message =
      'redis-server is not installed and REDIS_URL is not set: every test on Redis is SKIPPED ' +
      '(apt-get install redis-server).';
    if (process.env['REQUIRE_REDIS'] === '1') throw new Error(`REQUIRE_REDIS=1, but ${message}`);
    console.warn(`\n${'!'.repeat(100)}\n! ${message}\n${'!'.repeat(100)}\n`);
    return null;
  }
  const folder = await makeTemporaryFolder('test-redis');
  const reaper = startReaper(join(folder, 'redis.pid'), folder, 'TERM');
  const server = new RedisProcess(program, folder, await findFreePort(), options.appendOnly ?? false);
  try {
    await server.start();
  } catch (error) {
    await reaper.dismiss();
    throw error;
  }
  return describe(server, reaper);
}

function describe(server: RedisProcess, reaper: Reaper): TestRedis {
  return {
    url: `redis://127.0.0.1:${server.port}`,
    port: server.port,
    pid: () => server.pid(),
    flushAll: async () => {
      const reply = await sendCommand(server.port, 'FLUSHALL');
      if (!reply.startsWith('+OK')) throw new Error(`FLUSHALL was answered ${reply}`);
    },
    command: (text) => sendCommand(server.port, text),
    pause: () => void process.kill(server.pid(), 'SIGSTOP'),
    continue: () => void process.kill(server.pid(), 'SIGCONT'),
    kill: (signal = 'SIGTERM') => server.end(signal),
    start: () => server.start(),
    restart: async () => {
      await server.end('SIGTERM');
      await server.start();
    },
    stop: async () => {
      await server.end('SIGTERM');
      await reaper.dismiss();
    },
  };
}

class RedisProcess {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  readonly #appendOnly: boolean;
  #child: ChildProcess | null = null;

  constructor(program: string, folder: string, port: number, appendOnly: boolean) {
    this.#program = program;
    this.#folder = folder;
    this.port = port;
    this.#appendOnly = appendOnly;
  }

  pid(): number {
    if (this.#child?.pid === undefined) throw new Error('redis-server does not run');
    return this.#child.pid;
  }

  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('redis-server runs already');
    const child = spawn(
      this.#program,
      [
        ...['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.#folder],
        ...['--save', '', '--appendonly', this.#appendOnly ? 'yes' : 'no', '--appendfsync', 'always'],
        ...['--maxmemory-policy', 'noeviction', '--pidfile', join(this.#folder, 'redis.pid')],
        ...['--logfile', join(this.#folder, 'redis.log')],
      ],
      { cwd: this.#folder, env: { PATH: '/usr/bin:/bin' }, stdio: 'ignore', detached: true },
    );
    child.once('error', () => undefined);
    this.#child = child;
    await eventually(
      async () => {
        if (child.pid === undefined || child.exitCode !== null) return;
        const reply = await sendCommand(this.port, 'PING');
        if (!reply.startsWith('+PONG')) throw new Error(`PING was answered ${reply}`);
      },
      { what: `redis-server to answer on port ${this.port}` },
    );
    if (child.pid === undefined || child.exitCode !== null) {
      this.#child = null;
      throw new Error(`redis-server ended at once (code ${child.exitCode}), port ${this.port}`);
    }
  }

  /** A paused process acts on SIGTERM only once it goes on. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    child.kill('SIGCONT');
    await ended;
  }
}

const ANSWER_TIMEOUT_MS = 10_000;

/** One inline command over a raw socket: the helpers must not depend on the client under test. */
function sendCommand(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error(`no answer to ${command}`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed before the answer to ${command}`)));
    socket.once('data', (reply) => {
      resolve(reply.toString('utf8'));
      socket.destroy();
    });
    socket.write(`${command}\r\n`);
  });
}

async function findProgram(name: string): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}
