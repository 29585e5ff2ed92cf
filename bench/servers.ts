import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startPrivatePostgres } from '../src/runtime/private-postgres.ts';
import { startReaper } from '../test/support/servers/reaper.ts';

/** A server of the bench: its data lie on the disk of the temporary folder and go with it. */
export interface BenchServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The project's own Postgres with its production settings: every commit is forced to disk. */
export async function startPostgres(): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sauda-bench-postgres-'));
  const reaper = startReaper(join(folder, 'postgres', 'postmaster.pid'), folder, 'INT');
  try {
    const postgres = await startPrivatePostgres({ dataDir: folder });
    return {
      url: postgres.url,
      pid: Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]),
      stop: async () => {
        await postgres.stop();
        await reaper.dismiss();
      },
    };
  } catch (error) {
    await reaper.dismiss();
    throw error;
  }
}

/** Redis as BullMQ wants it in production: an append-only file synced every second, nothing evicted. */
export async function startRedis(): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sauda-bench-redis-'));
  const pidFile = join(folder, 'redis.pid');
  const reaper = startReaper(pidFile, folder, 'TERM');
  const port = await freePort();
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    pidfile: pidFile,
    logfile: join(folder, 'redis.log'),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn('redis-server', flags, { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}`;
  try {
    await Promise.race([failure(child), answers(url)]);
  } catch (error) {
    child.kill('SIGTERM');
    await reaper.dismiss();
    throw error;
  }
  return {
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await reaper.dismiss();
    },
  };
}

async function failure(child: ChildProcess): Promise<never> {
  const reason = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`it ended with code ${code}`));
  });
  throw new Error(
    `The bench needs a redis-server of its own and could not start one (${reason}). Install it, for example ` +
      'with "apt-get install redis-server" or "brew install redis", and run it again.',
  );
}

async function answers(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  try {
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
