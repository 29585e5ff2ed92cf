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
