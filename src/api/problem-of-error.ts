import { CommitUnknownError, ConflictError, UnknownAccountError } from '../db/errors.ts';
import type { Log } from '../services/context.ts';
import { ApiProblem, fieldProblem, problemResponse } from './problem.ts';

/** SQLSTATE classes and codes that pass by themselves: connection, resources, operator, lock and time limits. */
const PASSING_SQLSTATE = /^(08|53|57P|57014|55P03|40001|40P01|25P03|25006)/;
/** Data that Postgres can not hold: the request's, since nothing else is new. Nothing was written. */
const VALUE_SQLSTATE = /^22[0-9A-Z]{3}$/;
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

/** Every failure as an answer; only what nobody expected is logged as an error, and its words stay in the log. */
export function responseOfError(
  error: unknown,
  log: Log,
  request: { readonly method: string; readonly path: string; readonly requestId?: string },
): Response {
  if (error instanceof ApiProblem) return problemResponse(error.code, error.options);
  if (error instanceof UnknownAccountError)
    return problemResponse('NOT_FOUND', { detail: 'there is no such account' });
  if (violates(error, 'metadata_is_bounded')) {
    const errors = [fieldProblem('/metadata', 'TOO_LARGE', 'takes more than 16384 bytes when stored')];
    return problemResponse('INVALID_BODY', { errors });
  }
  if (causesOf(error).some((cause) => VALUE_SQLSTATE.test(String(Reflect.get(cause, 'code'))))) {
    log.error({ err: error, ...request }, 'a value got past the checks of the API; the database refused it');
    return problemResponse('VALUE_OUT_OF_RANGE');
  }
  if (isPassing(error)) {
    log.warn({ err: error, ...request }, 'a request could not be answered; the database did not answer');
    return problemResponse('UNAVAILABLE', {
      detail:
        'The database did not answer. The same request, with the same clientOrderId, may be sent again.',
      headers: { 'retry-after': '1' },
    });
  }
  log.error({ err: error, ...request }, 'a request failed');
  return problemResponse('INTERNAL', { detail: 'The failure was logged.' });
}

/** True when the same request may succeed later: nothing is wrong with it. */
export function isPassing(error: unknown): boolean {
  if (error instanceof CommitUnknownError || error instanceof ConflictError) return true;
  return causesOf(error).some((cause) => {
    if (cause instanceof AggregateError && cause.errors.some(isPassing)) return true;
    const code: unknown = Reflect.get(cause, 'code');
    if (typeof code === 'string') return PASSING_ERRNO.has(code) || PASSING_SQLSTATE.test(code);
    return PASSING_WORDS.test(cause.message);
  });
}

function violates(error: unknown, constraint: string): boolean {
  return causesOf(error).some((cause) => Reflect.get(cause, 'constraint') === constraint);
}

function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let cause = error; cause instanceof Error && causes.length < MAX_CAUSES; cause = cause.cause)
    causes.push(cause);
  return causes;
}
