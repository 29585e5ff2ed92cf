import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { connectQueues, type ConnectOptions } from '../../../src/queues/backend.ts';
import type { QueueLog, Queues } from '../../../src/queues/queues.ts';
import { startTestRedis } from '../../support/servers/redis.ts';
import { execute, withDatabase } from '../../support/servers/template.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

/** A backend under test, with the harm that can be done to it. */
export interface TestBackend {
  connect(options?: Partial<ConnectOptions>): Promise<Queues>;
  /** Loses every job and schedule, as FLUSHALL does. */
  flush(): Promise<void>;
  /** Nobody listens any more and open connections are cut. */
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  /** Connections stay open and nothing is answered. */
  freezeServer(): Promise<void>;
  thawServer(): Promise<void>;
  dispose(): Promise<void>;
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export function recordingLog(): QueueLog & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

export const BACKENDS: Record<'redis' | 'postgres', () => Promise<TestBackend | null>> = {
  redis: async () => {
    const server = await startTestRedis();
    if (server === null) return null;
    return {
      connect: (options = {}) =>
        connectQueues({ backend: 'redis', redisUrl: server.url }, { log: recordingLog(), ...options }),
      flush: () => server.flushAll(),
      stopServer: () => server.kill('SIGKILL'),
      startServer: () => server.start(),
      freezeServer: async () => server.pause(),
      thawServer: async () => server.continue(),
      dispose: () => server.stop(),
    };
  },
  postgres: async () => {
    const database = await createEmptyDatabase();
    const proxy = await startTcpProxy({ port: Number(new URL(database.url).port) });
    const databaseUrl = proxy.through(database.url);
    return {
      connect: (options = {}) =>
        connectQueues({ backend: 'postgres', databaseUrl }, { log: recordingLog(), ...options }),
      flush: () => truncateQueues(database.url),
      stopServer: async () => {
        await proxy.setMode('refuse');
        proxy.resetAll();
      },
      startServer: () => proxy.setMode('pass'),
      freezeServer: () => proxy.setMode('blackhole'),
      thawServer: () => proxy.setMode('pass'),
      dispose: async () => {
        await proxy.close();
        await database.drop();
      },
    };
  },
};

/** Not a clone of the migrated template: the queues need nothing of ours in their database. */
export async function createEmptyDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = inject('postgresUrl');
  const name = `queues_${process.pid}_${randomBytes(6).toString('hex')}`;
  await execute(server, `create database ${name}`);
  return {
    url: withDatabase(server, name),
    drop: () => execute(server, `drop database if exists ${name} with (force)`),
  };
}

async function truncateQueues(databaseUrl: string): Promise<void> {
  await execute(databaseUrl, 'truncate bullmq.job, bullmq.scheduler, bullmq.event, bullmq.meta cascade');
}
