import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import {
  errorText,
  FETCH_RETRY_MS,
  LOCK_MS,
  MAX_EVENTS,
  MAX_STALLED_COUNT,
  STALLED_INTERVAL_MS,
} from './bounds.ts';
import type { DriverJob, DriverQueue, DriverWorker, QueueDriver } from './driver.ts';
import type { QueueName } from './names.ts';
import type { QueueLog } from './queues.ts';

/**
 * BullMQ on Redis. One connection for all producers, which fails fast; two for each worker, which wait and come back
 * (reliability.md section 2, "Settings to adopt"). The braces of the prefix keep all keys in one slot of a cluster.
 */

/** BullMQ's default backs off to 20 s; a worker should be back within seconds of Redis. */
function retryStrategy(attempt: number): number {
  return Math.min(100 * 2 ** attempt, 2_000);
}

/** None of a producer's commands waits in Redis, so a connection that is silent for this long is dead: a new one is made. */
const PRODUCER_SILENCE_MS = 2_000;

const PRODUCER: RedisOptions = {
  enableOfflineQueue: false,
  socketTimeout: PRODUCER_SILENCE_MS,
  maxRetriesPerRequest: 1,
  connectTimeout: 5_000,
  keepAlive: 5_000,
  retryStrategy,
};

/** A blocking read waits up to 10 s for a job: silence of 20 s is a dead connection. No commandTimeout for that reason. */
const WORKER: RedisOptions = {
  maxRetriesPerRequest: null,
  socketTimeout: 20_000,
  connectTimeout: 5_000,
  keepAlive: 5_000,
  retryStrategy,
};

/**
 * Sends what one turn of the event loop asks for in one packet: a group of orders that was committed together also
 * enqueues and ends its jobs together, and a system call costs more than the command in it.
 */
class PackedConnection extends Redis {
  #corked: Redis['stream'] | null = null;

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    const socket = this.stream as Redis['stream'] | undefined;
    if (socket !== undefined && socket !== this.#corked) {
      socket.cork();
      this.#corked = socket;
      process.nextTick(() => {
        if (this.#corked === socket) this.#corked = null;
        socket.uncork();
      });
    }
    return super.sendCommand(command, stream);
  }
}

/** Remembers the copies BullMQ makes of it, so that they can be cut when BullMQ's own close hangs. */
class WorkerConnection extends PackedConnection {
  readonly #copies: Redis[] = [];

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const copy = super.duplicate(override);
    this.#copies.push(copy);
    return copy;
  }

  disconnectAll(): void {
    for (const connection of [this, ...this.#copies]) connection.disconnect();
  }
}

export function openRedisDriver(
  redisUrl: string,
  options: { readonly prefix: string; readonly callTimeoutMs: number; readonly log: QueueLog },
): QueueDriver {
  const { prefix, callTimeoutMs, log } = options;
  const producer = new PackedConnection(redisUrl, { ...PRODUCER, commandTimeout: callTimeoutMs });
  let complained = false;
  // The queues report each error of the shared connection themselves; without a listener ioredis prints it.
  producer.on('error', () => undefined);
  producer.on('ready', () => {
    void producer
      .info('memory')
      .then((text) => {
        const policy = /maxmemory_policy:(\S+)/.exec(text)?.[1] ?? 'unknown';
        if (policy === 'noeviction' || complained) return;
        complained = true;
        log.warn(
          { maxmemoryPolicy: policy },
          'Redis may evict jobs and locks: set maxmemory-policy noeviction and give the queues a Redis of their own',
        );
      })
      .catch((error: unknown) => {
        log.warn({ error: errorText(error) }, 'could not read the eviction policy of Redis');
      });
  });
  return {
    kind: 'redis',
    openQueue: (name) => openQueue(name, producer, prefix),
    openWorker: (name, run, concurrency) => openWorker(name, run, concurrency, redisUrl, prefix),
    // Each of BullMQ's scripts is one step for Redis.
    exclusively: async (work) => {
      await work();
    },
    ping: async () => {
      await producer.ping();
    },
    close: async () => {
      await producer.quit();
    },
    destroy: () => producer.disconnect(),
  };
}

function openQueue(name: QueueName, connection: Redis, prefix: string): DriverQueue {
  const queue = new Queue(name, {
    connection,
    prefix,
    // The check is an INFO whose failure would leave this object dead for good.
    skipVersionCheck: true,
    streams: { events: { maxLen: MAX_EVENTS } },
  });
  return Object.assign(queue, {
    schedules: () => queue.getBackend().getJobSchedulersRange(0, -1, true),
    counts: async () => {
      const of = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
      return {
        waiting: (of['waiting'] ?? 0) + (of['prioritized'] ?? 0),
        active: of['active'] ?? 0,
        delayed: of['delayed'] ?? 0,
      };
    },
    onError: (listener: (error: Error) => void) => void queue.on('error', listener),
  });
}

function openWorker(
  name: QueueName,
  run: (job: DriverJob) => Promise<void>,
  concurrency: number,
  redisUrl: string,
  prefix: string,
): DriverWorker {
  const connection = new WorkerConnection(redisUrl, WORKER);
  const worker = new Worker(name, run, {
    connection,
    prefix,
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    runRetryDelay: FETCH_RETRY_MS,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  return {
    waitUntilReady: () => worker.waitUntilReady(),
    close: async () => {
      await worker.close();
      connection.disconnectAll();
    },
    destroy: () => {
      void worker.close(true).catch(() => undefined);
      connection.disconnectAll();
    },
    onError: (listener) => void worker.on('error', listener),
  };
}
