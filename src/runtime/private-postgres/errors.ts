/** Why the private Postgres cannot be used; each message says what to do about it. */
export type PrivatePostgresErrorCode =
  | 'BINARIES_MISSING'
  | 'BINARIES_BROKEN'
  | 'NO_DATABASE_USER'
  | 'FOLDER_NOT_REACHABLE'
  | 'OWNED_BY_ANOTHER_USER'
  | 'INITDB_FAILED'
  | 'VERSION_MISMATCH'
  | 'WRONG_PASSWORD'
  | 'NOT_DURABLE'
  | 'START_FAILED'
  | 'STOP_FAILED';

export class PrivatePostgresError extends Error {
  override readonly name = 'PrivatePostgresError';
  readonly code: PrivatePostgresErrorCode;

  constructor(code: PrivatePostgresErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}
