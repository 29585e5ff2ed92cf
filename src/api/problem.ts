/**
 * Refusals as RFC 9457 problems. The one place where a code meets its HTTP status and title; everything else in
 * src/api throws `ApiProblem` with a code, or a failure that problem-of-error.ts turns into one.
 */
export const PROBLEMS = {
  BAD_JSON: [400, 'The body is not valid I-JSON'],
  INVALID_BODY: [400, 'The body has fields that are missing, unknown or of the wrong type'],
  INVALID_QUERY: [400, 'The query has parameters that are unknown, repeated or out of range'],
  INVALID_ID: [400, 'The address does not hold a valid id'],
  INVALID_HEADER: [400, 'A header has a value that is not allowed'],
  ACCOUNT_REQUIRED: [400, 'There are several accounts: accountId is required'],
  UNAUTHENTICATED: [401, 'A valid bearer token is required'],
  FORBIDDEN: [403, 'The token may not do this'],
  CROSS_SITE: [403, 'The request does not come from a page of this server'],
  LOGIN_REFUSED: [403, 'The broker was not logged in to'],
  NOT_FOUND: [404, 'There is nothing here'],
  METHOD_NOT_ALLOWED: [405, 'This address does not take this method'],
  IDEMPOTENCY_CONFLICT: [409, 'The id or key was used for something else'],
  ORDER_NOT_UNKNOWN: [409, 'The order is not in doubt'],
  BROKER_ORDER_NOT_FOUND: [409, 'The broker order is not in the book'],
  BROKER_ORDER_DIFFERS: [409, 'The broker order can not be this one'],
  ORDER_FINISHED: [409, 'The order is finished'],
  CANCEL_PENDING: [409, 'The end of the order was asked for; its terms can not change any more'],
  ACCOUNT_EXISTS: [409, 'The account exists'],
  STRATEGY_EXISTS: [409, 'The strategy exists'],
  PRICES_NOT_PUSHED: [409, 'Prices come from the broker and can not be pushed'],
  HALT_CHANGED: [409, 'The halt that is meant is not in force'],
  RELEASE_NEEDS_LIMIT: [409, 'The halt would trip again at once'],
  RECONCILIATION_RUNS: [409, 'A reconciliation of the account is under way'],
  DIFFERENCE_SETTLED: [409, 'The difference is settled'],
  DIFFERENCE_CHANGED: [409, 'The difference is not what it was'],
  NOTHING_WAITS: [409, 'Nothing of the job waits any more'],
  NOTHING_TO_CLOSE: [409, 'There is nothing to close'],
  EXITS_LEFT_TO_OPERATORS: [409, 'Trading is halted and exits are left to operators'],
  EXTERNAL_NOT_MANAGED: [409, 'External quantity has to be adopted before it can be closed'],
  BODY_TOO_LARGE: [413, 'The body is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body must be application/json without an encoding'],
  UPGRADE_REQUIRED: [426, 'This address takes WebSockets only'],
  INVALID_ORDER: [422, 'The order breaks a rule'],
  SIGNAL_REFUSED: [422, 'The alert is not one that the hook takes'],
  INVALID_CLOSE: [422, 'What is to be closed breaks a rule'],
  ADJUSTMENT_REFUSED: [422, 'The adjustment breaks a rule'],
  INVALID_LIMITS: [422, 'The limits break a rule'],
  INVALID_PRICES: [422, 'The prices break a rule'],
  VALUE_OUT_OF_RANGE: [422, 'A value is beyond what can be stored'],
  RATE_LIMITED: [429, 'Too many requests'],
  INTERNAL: [500, 'Something went wrong here'],
  UNAVAILABLE: [503, 'The service can not answer now'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One bad field: where, a stable code, and a sentence. */
export interface FieldProblem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly errors?: readonly FieldProblem[];
}

export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by handlers to end a request with a problem. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly code: ProblemCode;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? PROBLEMS[code][1]);
    this.code = code;
    this.options = options;
  }
}

/** Most bad fields named in one answer. */
const MAX_ERRORS = 50;

export function problemBody(code: ProblemCode, options: ProblemOptions = {}): ProblemBody {
  const [status, title] = PROBLEMS[code];
  const errors = options.errors?.slice(0, MAX_ERRORS);
  return {
    type: `urn:sauda:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: options.detail ?? errors?.map(({ message }) => message).join('; ') ?? title,
    code,
    ...(errors === undefined ? {} : { errors }),
  };
}

/** Longest name of a field that is repeated in an answer: unknown ones are the sender's text. */
const MAX_NAME_LENGTH = 100;

/** A bad field; `says` goes on from its name: "quantity" "must be a whole number". */
export function fieldProblem(pointer: string, code: string, says: string): FieldProblem {
  const name = pointer.slice(Math.max(pointer.lastIndexOf('/'), pointer.lastIndexOf('?')) + 1);
  const subject = name === '' ? 'the body' : name.replaceAll('~1', '/').replaceAll('~0', '~');
  return {
    pointer: pointer.slice(0, MAX_NAME_LENGTH),
    code,
    message: `${subject.slice(0, MAX_NAME_LENGTH)} ${says}`,
  };
}

/** The problem as an answer; the body never holds anything that JSON would not escape. */
export function problemResponse(code: ProblemCode, options: ProblemOptions = {}): Response {
  const body = problemBody(code, options);
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { 'content-type': 'application/problem+json', ...options.headers },
  });
}
