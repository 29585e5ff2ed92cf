import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { execute, TEMPLATE_DATABASE, withDatabase } from './servers/template.ts';

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Ends all sessions on it and removes it. */
  drop(): Promise<void>;
}

/** A migrated database of its own; one per test file, made in beforeAll and dropped in afterAll. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const failure = inject('templateError');
  if (failure !== null) throw new Error(`there is no template database to clone: ${failure}`);
  const server = inject('postgresUrl');
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await execute(server, `create database ${name} template ${TEMPLATE_DATABASE}`);
  return {
    url: withDatabase(server, name),
    name,
    drop: () => execute(server, `drop database if exists ${name} with (force)`),
  };
}
