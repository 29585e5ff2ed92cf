import { describe, expect, test } from 'vitest';
import { answerOf } from '../../../src/broker/kite/faults.ts';
import type { CallRecord, WireFailure } from '../../../src/broker/kite/transport.ts';

function faultOf(failure: Partial<WireFailure>): unknown {
  const record: CallRecord = {
    timeoutMs: 100,
    accessToken: 'tok',
    isDispatched: true,
    isTimedOut: false,
    answer: null,
    failure: { errno: '', syscall: '', message: 'm', httpStatus: null, ...failure },
    localError: null,
  };
  const result = answerOf(record);
  return result.ok ? null : { code: result.error.code, certainlyNotDone: result.error.certainlyNotDone };
}

describe('a call without an answer', () => {
  test.each([
    ['ECONNREFUSED', 'connect'],
    ['ENOTFOUND', 'getaddrinfo'],
    ['EAI_AGAIN', 'getaddrinfo'],
  ])('that failed with %s in %s never reached the broker', (errno, syscall) => {
    expect(faultOf({ errno, syscall })).toEqual({ code: 'CONNECTION_REFUSED', certainlyNotDone: true });
  });

  test.each([
    ['ECONNREFUSED', 'read', 'CONNECTION_LOST'],
    ['ECONNREFUSED', '', 'CONNECTION_LOST'],
    ['ECONNRESET', 'read', 'CONNECTION_LOST'],
    ['EPIPE', 'write', 'CONNECTION_LOST'],
    ['ETIMEDOUT', 'connect', 'TIMEOUT'],
    ['CERT_HAS_EXPIRED', '', 'UNRECOGNISED'],
    ['', '', 'UNRECOGNISED'],
  ])('that failed with "%s" in "%s" has an unknown outcome, %s', (errno, syscall, code) => {
    expect(faultOf({ errno, syscall })).toEqual({ code, certainlyNotDone: false });
  });

  test('is not certain once headers came, whatever the errno', () => {
    expect(faultOf({ errno: 'ECONNREFUSED', syscall: 'connect', httpStatus: 200 })).toEqual({
      code: 'CONNECTION_LOST',
      certainlyNotDone: false,
    });
  });
});
