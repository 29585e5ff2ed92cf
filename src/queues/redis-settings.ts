import { Redis } from 'ioredis';

export interface RedisSettings {
  readonly version: string;
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
}

/** What Redis says of itself, on a connection of its own; throws when it does not answer in time. */
export async function readRedisSettings(url: string, timeoutMs: number): Promise<RedisSettings> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const text = await redis.info();
    const field = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? 'unknown';
    return {
      version: field('redis_version'),
      maxmemoryPolicy: field('maxmemory_policy'),
      appendOnly: field('aof_enabled') === '1',
    };
  } finally {
    redis.disconnect();
  }
}
