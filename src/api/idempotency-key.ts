import { name64 } from './fields.ts';
import { ApiProblem } from './problem.ts';

/** The header Idempotency-Key, which may stand in quotes (a structured field); null when it is not there. */
export function idempotencyKeyOf(header: string | undefined): string | null {
  const unquoted = header?.replace(/^"(.*)"$/, '$1');
  if (unquoted === undefined) return null;
  if (name64().safeParse(unquoted).success) return unquoted;
  throw new ApiProblem('INVALID_HEADER', {
    detail: 'Idempotency-Key must be 1 to 64 of A-Z a-z 0-9 . _ -',
  });
}
