import { UnknownAccountError, causesOf, isPassing } from '../db/errors.ts';
import type { Log } from '../services/context.ts';
import { ApiProblem, fieldProblem, problemResponse } from './problem.ts';

/** Data that Postgres can not hold: the request's, since nothing else is new. Nothing was written. */
const VALUE_SQLSTATE = /^22[0-9A-Z]{3}$/;
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

function violates(error: unknown, constraint: string): boolean {
  return causesOf(error).some((cause) => Reflect.get(cause, 'constraint') === constraint);
}
