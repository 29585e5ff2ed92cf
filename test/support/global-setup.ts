/**
 * One Postgres and one Redis for the whole run, with a migrated template database that test files clone. Both
 * are ended by pid at the end, and by their reapers should the run be killed.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startTestPostgres, type TestPostgres } from './servers/postgres.ts';
import { findTestRedis } from './servers/redis.ts';
import { execute, TEMPLATE_DATABASE, withDatabase } from './servers/template.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the superuser's own database; test files take theirs from createTestDatabase. */
    postgresUrl: string;
    /** Null when there is no Redis on this machine. */
    redisUrl: string | null;
    /** Why there is no template database: a migration that fails stops database tests, not all tests. */
    templateError: string | null;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis] = await Promise.allSettled([startTestPostgres(), findTestRedis()]);
  const stop = async (): Promise<void> => {
    if (postgres.status === 'fulfilled') await postgres.value.stop();
    if (redis.status === 'fulfilled') await redis.value?.stop();
  };
  try {
    if (postgres.status === 'rejected') throw postgres.reason;
    if (redis.status === 'rejected') throw redis.reason;
    project.provide('postgresUrl', postgres.value.url);
    project.provide('redisUrl', redis.value?.url ?? null);
    project.provide('templateError', await createTemplate(postgres.value));
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The reason of a failure, or null. */
async function createTemplate({ url }: TestPostgres): Promise<string | null> {
  await execute(url, `create database ${TEMPLATE_DATABASE}`);
  try {
    await migrate(withDatabase(url, TEMPLATE_DATABASE));
  } catch (error) {
    const reason = describeCauses(error);
    console.error(`The migrations failed; tests that need a database will fail.\n${reason}`);
    return reason;
  }
  await execute(url, `alter database ${TEMPLATE_DATABASE} with is_template true allow_connections false`);
  return null;
}

async function migrate(url: string): Promise<void> {
  const module = fileURLToPath(new URL('../../src/db/migrate.ts', import.meta.url));
  if (!existsSync(module)) return;
  const { migrate: run } = (await import(module)) as { migrate: (databaseUrl: string) => Promise<void> };
  await run(url);
}

/** The innermost cause first: a migrator repeats the whole file before it names the fault. */
function describeCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${describeCauses(error.cause)}\n${error.message}`;
}
