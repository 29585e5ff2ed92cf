/** One bad field of a request. */
export interface FieldProblem {
  /** JSON pointer ("/price"), or "?name" for a query parameter. */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** The server refused: `code` is stable, `errors` names the bad fields. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly errors: readonly FieldProblem[];
  /** When the server asks to come back later, milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(refusal: {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly errors?: readonly FieldProblem[];
    readonly retryAfterMs?: number | null;
  }) {
    super(refusal.detail);
    this.status = refusal.status;
    this.code = refusal.code;
    this.errors = refusal.errors ?? [];
    this.retryAfterMs = refusal.retryAfterMs ?? null;
  }
}

/** No answer, after every try. Whether an order was accepted is not known: place it again with the same id. */
export class NotReachableError extends Error {
  override readonly name = 'NotReachableError';

  constructor(baseUrl: string, cause: unknown) {
    super(`${baseUrl} can not be reached: ${reasonOf(cause)}`, { cause });
  }
}

/** What fetch says itself is only that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** Time ran out before the order reached the status. */
export class WaitTimeoutError extends Error {
  override readonly name = 'WaitTimeoutError';
}

/** Reads an RFC 9457 problem, or whatever stands in its place. */
export async function errorOf(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
  const { status } = response;
  try {
    const problem = (await response.json()) as { code?: unknown; detail?: unknown; errors?: unknown };
    return new ApiError({
      status,
      code: typeof problem.code === 'string' ? problem.code : 'UNRECOGNISED',
      detail: typeof problem.detail === 'string' ? problem.detail : `HTTP ${status}`,
      errors: Array.isArray(problem.errors) ? (problem.errors as FieldProblem[]) : [],
      retryAfterMs,
    });
  } catch {
    return new ApiError({ status, code: 'UNRECOGNISED', detail: `HTTP ${status}`, retryAfterMs });
  }
}
