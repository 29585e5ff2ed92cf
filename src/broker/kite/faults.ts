/**
 * What a call's record means (kite.md sections 2.2 and 7, items 1 to 3).
 * A fault is certain ("not done") only for what never connected, for 429, and for a 400-class JSON refusal whose
 * error_type is known. Everything else leaves the outcome unknown, and so does any text that says "timed out".
 */
import { BrokerError } from '../errors.ts';
import type { BrokerFaultCode } from '../port.ts';
import { isMutant } from '../../lib/mutant.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import { cleanMessage, parseCleanJson } from './text.ts';
import type { Answer, CallRecord, WireFailure } from './transport.ts';

export interface Fault {
  readonly code: BrokerFaultCode;
  readonly message: string;
  readonly httpStatus: number | null;
  /** The broker certainly did not do it. */
  readonly certainlyNotDone: boolean;
  /** What would have to happen before the same call can succeed. */
  readonly retry: 'never' | 'afterPause' | 'afterLogin';
}

/** Refusal of the order itself, by error_type. */
const REFUSALS: ReadonlySet<string> = new Set([
  'InputException',
  'OrderException',
  'MarginException',
  'HoldingException',
  'UserException',
]);
const REFUSAL_STATUSES: ReadonlySet<number> = new Set([400, 403, 404, 428]);
const SESSION_STATUSES: ReadonlySet<number> = new Set([400, 403]);

/** Errno values of a connection that was never made, each with the system call it must come from. */
const NEVER_CONNECTED: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connect'],
  ['ENOTFOUND', 'getaddrinfo'],
  ['EAI_AGAIN', 'getaddrinfo'],
]);
const TIMED_OUT_ERRNOS: ReadonlySet<string> = new Set(['ETIMEDOUT', 'ECONNABORTED', 'ESOCKETTIMEDOUT']);
const LOST_ERRNOS: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Kite has answered 400 "Order request timed out" for an order that was placed (kite.md 3.10). */
const TIMED_OUT = /\btime(?:d)?[\s_-]*out\b/i;
/** Only so much of a body without a message is searched for that text. */
const MAX_SEARCHED_BYTES = 64 * 1024;

export function toBrokerError(fault: Fault): BrokerError {
  return new BrokerError(fault.code, fault.message, {
    ...(fault.httpStatus === null ? {} : { httpStatus: fault.httpStatus }),
    retryable: fault.retry === 'afterPause',
    certainlyNotDone: fault.certainlyNotDone,
  });
}

/** The fault of a call, or its 2xx answer. */
export function answerOf(record: CallRecord): Result<Answer, Fault> {
  if (record.answer) {
    return record.answer.status >= 200 && record.answer.status < 300
      ? ok(record.answer)
      : err(statusFault(record.answer));
  }
  if (!record.isDispatched) return err(notSentFault(record));
  if (record.isTimedOut) {
    const message = `no whole answer within ${record.timeoutMs} ms`;
    return err(unknown('TIMEOUT', message, record.failure?.httpStatus ?? null));
  }
  return err(failureFault(record.failure));
}

/** The `data` of a 2xx JSON answer. Anything else with a 2xx status leaves the outcome unknown. */
export function dataOf(answer: Answer): Result<unknown, Fault> {
  const envelope = envelopeOf(answer);
  if (!envelope) {
    const what = answer.body?.length === 0 ? 'an empty body' : 'a body that is not whole JSON';
    return err(
      unknown('UNREADABLE', `HTTP ${answer.status} with ${what} (${typeName(answer)})`, answer.status),
    );
  }
  if (envelope.error_type !== undefined || envelope.status === 'error') {
    return err(unknown('UNRECOGNISED', wordsOf(envelope, answer), answer.status));
  }
  return ok(envelope.data);
}

function notSentFault(record: CallRecord): Fault {
  const fault = (code: BrokerFaultCode, message: string, retry: Fault['retry']): Fault => ({
    code,
    message: cleanMessage(message),
    httpStatus: null,
    certainlyNotDone: true,
    retry,
  });
  if (record.isTimedOut) return fault('TIMEOUT', 'no time was left; nothing was sent', 'afterPause');
  if (record.localError !== null) {
    // Without a token yet, the token's source failed and may recover; with one, these parameters cannot be sent.
    const retry = record.accessToken === '' ? 'afterPause' : 'never';
    return fault('UNRECOGNISED', `nothing was sent: ${record.localError.message}`, retry);
  }
  return fault('SESSION_EXPIRED', 'there is no access token; nothing was sent', 'afterLogin');
}

function failureFault(failure: WireFailure | null): Fault {
  if (!failure) return unknown('UNRECOGNISED', 'the call ended without an answer', null);
  const { errno, syscall, httpStatus } = failure;
  const message = cleanMessage(errno === '' ? failure.message : `${errno}: ${failure.message}`);
  if (httpStatus === null && syscall !== '' && NEVER_CONNECTED.get(errno) === syscall) {
    return { code: 'CONNECTION_REFUSED', message, httpStatus, certainlyNotDone: true, retry: 'afterPause' };
  }
  if (TIMED_OUT_ERRNOS.has(errno)) return unknown('TIMEOUT', message, httpStatus);
  if (LOST_ERRNOS.has(errno)) return unknown('CONNECTION_LOST', message, httpStatus);
  // axios gives one code to both a cut body and one over the size cap.
  if (errno === 'ERR_BAD_RESPONSE') {
    const isTooLarge = failure.message.startsWith('maxContentLength');
    return unknown(isTooLarge ? 'UNREADABLE' : 'CONNECTION_LOST', message, httpStatus);
  }
  if (errno.startsWith('HPE_')) return unknown('UNREADABLE', message, httpStatus);
  return unknown('UNRECOGNISED', message, httpStatus);
}

function statusFault(answer: Answer): Fault {
  const { status } = answer;
  const envelope = envelopeOf(answer);
  const message = envelope ? wordsOf(envelope, answer) : `HTTP ${status} (${typeName(answer)})`;
  if (status >= 500 && !isMutant('5xx-is-refused')) return unknown('BROKER_FAILED', message, status);
  if (saysTimedOut(envelope, answer)) return unknown('TIMEOUT', message, status);
  const certain = (code: BrokerFaultCode, retry: Fault['retry']): Fault => ({
    code,
    message,
    httpStatus: status,
    certainlyNotDone: true,
    retry,
  });
  if (status >= 500) return certain('BROKER_FAILED', 'never');
  if (status === 429) return certain('RATE_LIMITED', 'afterPause');
  if (status < 400) return unknown('UNREADABLE', `HTTP ${status}: a redirect, not followed`, status);
  const errorType = envelope?.error_type;
  if (typeof errorType === 'string') {
    if (REFUSALS.has(errorType) && REFUSAL_STATUSES.has(status)) return certain('REFUSED', 'never');
    if (SESSION_STATUSES.has(status)) {
      if (errorType === 'TokenException') return certain('SESSION_EXPIRED', 'afterLogin');
      if (errorType === 'PermissionException') return certain('PERMISSION_DENIED', 'never');
    }
  }
  // A 403 that is not Kite's own JSON comes from something in between, which may stand behind the order.
  return unknown(status === 403 ? 'PERMISSION_DENIED' : 'UNRECOGNISED', message, status);
}

/** Codes after which the same call, made again, can hardly do better. */
const HOPELESS: ReadonlySet<BrokerFaultCode> = new Set(['UNRECOGNISED', 'PERMISSION_DENIED']);

function unknown(code: BrokerFaultCode, message: string, httpStatus: number | null): Fault {
  return {
    code,
    message: cleanMessage(message),
    httpStatus,
    certainlyNotDone: false,
    retry: HOPELESS.has(code) ? 'never' : 'afterPause',
  };
}

type Envelope = Readonly<Record<string, unknown>>;

function envelopeOf(answer: Answer): Envelope | null {
  if (!answer.body || answer.body.length === 0 || !answer.contentType.includes('application/json'))
    return null;
  try {
    const value = parseCleanJson(answer.body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Envelope) : null;
  } catch {
    return null;
  }
}

/** The broker's own message, or the status and error_type when there is none. */
function wordsOf(envelope: Envelope, answer: Answer): string {
  const { message, error_type: errorType } = envelope;
  if (typeof message === 'string' && message !== '') return cleanMessage(message);
  return cleanMessage(
    `HTTP ${answer.status} ${typeof errorType === 'string' ? errorType : 'without a message'}`,
  );
}

/** Searched before the message is capped, so that a long one cannot hide it. */
function saysTimedOut(envelope: Envelope | null, answer: Answer): boolean {
  const message = envelope?.message;
  if (typeof message === 'string') return TIMED_OUT.test(message);
  return TIMED_OUT.test(answer.body?.toString('utf8', 0, MAX_SEARCHED_BYTES) ?? '');
}

function typeName(answer: Answer): string {
  return answer.contentType === '' ? 'no content type' : answer.contentType.slice(0, 60);
}
