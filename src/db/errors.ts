import pg from 'pg';

/** The commit had no answer: it may have happened. Re-read on a new connection before acting (protocol.md). */
export class CommitUnknownError extends Error {
  override readonly name = 'CommitUnknownError';

  constructor(cause: unknown) {
    super('the commit had no answer', { cause });
  }
}

/** Somebody else changed what this work was based on. Nothing was written. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

export class UnknownAccountError extends Error {
  override readonly name = 'UnknownAccountError';
  readonly accountId: string;

  constructor(accountId: string) {
    super(`account ${accountId} does not exist`);
    this.accountId = accountId;
  }
}

/** SQLSTATE classes by which Postgres refuses values: data, integrity, and what a trigger raises. */
const REFUSALS = /^(22|23|P0)/;

/** True when Postgres refused what was written: the same rows will be refused again, others may pass. */
export function isRefusedWrite(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && REFUSALS.test(error.code ?? '');
}

/** SQLSTATE classes and codes that pass by themselves: connection, resources, operator, lock and time limits. */
const PASSING_SQLSTATE = /^(08|53|57P|57014|55P03|40001|40P01|25P03|25006)/;
const PASSING_ERRNO = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What node-postgres and its pool say without any code. */
const PASSING_WORDS =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Cannot use a pool after calling end)/;

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 8;

/** True when the same work may succeed later: nothing is wrong with it, the database was not there for it. */
export function isPassing(error: unknown): boolean {
  if (error instanceof CommitUnknownError || error instanceof ConflictError) return true;
  return causesOf(error).some((cause) => {
    if (cause instanceof AggregateError && cause.errors.some(isPassing)) return true;
    const code: unknown = Reflect.get(cause, 'code');
    if (typeof code === 'string') return PASSING_ERRNO.has(code) || PASSING_SQLSTATE.test(code);
    return PASSING_WORDS.test(cause.message);
  });
}

/** An error and what caused it, from the outside in. */
export function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let cause = error; cause instanceof Error && causes.length < MAX_CAUSES; cause = cause.cause)
    causes.push(cause);
  return causes;
}
