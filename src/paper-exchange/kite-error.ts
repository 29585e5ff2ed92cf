import { err } from '../lib/result.ts';

/** The error types of Kite Connect (kite.md 3.10). */
export type ErrorType =
  | 'TokenException'
  | 'UserException'
  | 'OrderException'
  | 'InputException'
  | 'MarginException'
  | 'HoldingException'
  | 'NetworkException'
  | 'DataException'
  | 'GeneralException'
  | 'PermissionException';

/** A refusal as Kite answers it: HTTP status, error type and text. */
export interface KiteError {
  readonly status: 400 | 403 | 404 | 405 | 429 | 500 | 502 | 503 | 504;
  readonly errorType: ErrorType;
  readonly message: string;
}

export function inputError(message: string): { readonly ok: false; readonly error: KiteError } {
  return err({ status: 400, errorType: 'InputException', message });
}

export const TOO_MANY_REQUESTS: KiteError = {
  status: 429,
  errorType: 'NetworkException',
  message: 'Too many requests',
};

export const BAD_TOKEN: KiteError = {
  status: 403,
  errorType: 'TokenException',
  message: 'Incorrect `api_key` or `access_token`.',
};

export const ORDER_NOT_FOUND: KiteError = {
  status: 404,
  errorType: 'GeneralException',
  message: "Couldn't find that `order_id`.",
};
