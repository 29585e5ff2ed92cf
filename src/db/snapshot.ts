import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Db } from './client.ts';
import { withConnection } from './connection.ts';
import * as schema from './schema/index.ts';

/** The whole database as it was at one moment, read-only, while everything else goes on. */
export interface Snapshot {
  readonly orm: Db;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** All the statements together took longer than they may: what was asked is not known. */
export class NotFinishedError extends Error {
  override readonly name = 'NotFinishedError';

  constructor(timeoutMs: number) {
    super(`not finished within ${timeoutMs / 1000} s`);
  }
}

interface SnapshotOptions {
  readonly timeoutMs: number;
  readonly applicationName: string;
  /** The time is for all statements together. */
  readonly inAll?: true;
}

/**
 * Runs `work` on a connection and a repeatable-read transaction of its own: no lock that anybody waits for. A statement
 * that takes longer than `timeoutMs` fails; with `inAll`, all of them together, by NotFinishedError. A long snapshot
 * keeps old row versions from being cleaned up until it ends.
 */
export async function withSnapshot<T>(
  url: string,
  { timeoutMs, applicationName, inAll }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const session = {
    statement_timeout: timeoutMs,
    application_name: applicationName,
    options: '-c timezone=UTC -c search_path=public',
  };
  return withConnection(url, session, async (connected) => {
    const client = inAll === true ? bounded(connected, timeoutMs) : connected;
    try {
      await client.query('begin isolation level repeatable read, read only');
      return await work({
        orm: drizzle(client, { schema }),
        query: async <Row extends object>(text: string, values?: readonly unknown[]) =>
          (await client.query<Row & pg.QueryResultRow>(text, values === undefined ? [] : [...values])).rows,
      });
    } catch (error) {
      throw inAll === true && isTimeout(error) ? new NotFinishedError(timeoutMs) : error;
    }
  });
}

/** A client whose every statement has what is left of the time; the setting goes out with it, without a wait. */
function bounded(client: pg.Client, timeoutMs: number): pg.Client {
  const deadlineMs = performance.now() + timeoutMs;
  return new Proxy(client, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const method = value as (...args: unknown[]) => unknown;
      return (...args: unknown[]): unknown => {
        if (name === 'query') {
          const left = Math.ceil(deadlineMs - performance.now());
          if (left <= 0) throw new NotFinishedError(timeoutMs);
          target.query(`set statement_timeout = ${left}`).catch(() => undefined);
        }
        return method.apply(target, args);
      };
    },
  });
}

/** Cancelled by statement_timeout, or not begun any more; Drizzle wraps either. */
function isTimeout(error: unknown): boolean {
  const causes = [error, error instanceof Error ? error.cause : null];
  return causes.some(
    (cause) =>
      cause instanceof NotFinishedError || (cause instanceof pg.DatabaseError && cause.code === '57014'),
  );
}
