import type { BrokerFaultCode } from './port.ts';

export interface BrokerErrorFacts {
  /** The HTTP status, when an answer got far enough to have one. */
  readonly httpStatus?: number;
  /** Would the same call, made again after a pause, have a chance? */
  readonly retryable: boolean;
  /** Did the broker certainly not do what was asked? False when nobody knows. */
  readonly certainlyNotDone: boolean;
  readonly cause?: unknown;
}

/**
 * A call to the broker gave no good answer. "Would a retry help" and "did it certainly not happen" are
 * two separate facts: after a timeout a retry may help, but nobody knows whether the first try happened.
 */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: BrokerFaultCode;
  readonly httpStatus: number | undefined;
  readonly retryable: boolean;
  readonly certainlyNotDone: boolean;

  constructor(code: BrokerFaultCode, message: string, facts: BrokerErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.httpStatus = facts.httpStatus;
    this.retryable = facts.retryable;
    this.certainlyNotDone = facts.certainlyNotDone;
  }
}
