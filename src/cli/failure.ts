import { ApiError, NotReachableError } from '../client/index.ts';
import { DatabaseNotReachableError } from '../runtime/halt-here.ts';
import { EXIT } from '../runtime/process.ts';

/** 1 refused, 3 not reachable. */
export function exitCodeOf(error: unknown): number {
  const notReachable = error instanceof NotReachableError || error instanceof DatabaseNotReachableError;
  return notReachable ? EXIT.notReachable : EXIT.refused;
}

export function tellFailure(error: unknown, json: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const fields = error instanceof ApiError ? error.errors : [];
  if (json) {
    const code = error instanceof ApiError ? error.code : 'FAILED';
    process.stderr.write(`${JSON.stringify({ code, message, errors: fields })}\n`);
    return;
  }
  process.stderr.write(`${message}\n`);
  for (const { pointer, message: rule } of fields) process.stderr.write(`  ${pointer.slice(1)}: ${rule}\n`);
}
