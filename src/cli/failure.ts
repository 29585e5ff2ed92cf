import { ApiError, NotReachableError } from '../client/index.ts';
import { DatabaseNotReachableError } from '../db/connection.ts';
import { EXIT } from '../runtime/process.ts';

/** 1 refused, 3 not reachable: a program must not take a database that is down for books that are wrong. */
export function exitCodeOf(error: unknown): number {
  return isNotReachable(error) ? EXIT.notReachable : EXIT.refused;
}

function isNotReachable(error: unknown): boolean {
  return error instanceof NotReachableError || error instanceof DatabaseNotReachableError;
}

export function tellFailure(error: unknown, json: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const fields = error instanceof ApiError ? error.errors : [];
  if (json) {
    const code = error instanceof ApiError ? error.code : isNotReachable(error) ? 'NOT_REACHABLE' : 'FAILED';
    process.stderr.write(`${JSON.stringify({ code, message, errors: fields })}\n`);
    return;
  }
  process.stderr.write(`${message}\n`);
  for (const { pointer, message: rule } of fields) process.stderr.write(`  ${pointer.slice(1)}: ${rule}\n`);
}
