import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJobId, orderJobId, parsePayload, QUEUE_NAMES } from '../../../src/queues/names.ts';

describe('job ids', () => {
  it('are made of an order and its version, and are always fit for BullMQ', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(), (orderId, version) => {
        expect(isJobId(orderJobId(orderId, version))).toBe(true);
      }),
    );
  });

  it.each(['', '1', '0123', 'a:b', 'a b', 'a/b', 'a\n', 'é', 'x'.repeat(151)])('are not %j', (id) => {
    expect(isJobId(id)).toBe(false);
  });
});

describe('payloads', () => {
  it('are read with their ids alone', () => {
    const data = { accountId: 'main', orderId: 'o-1', price: 5, __proto__: { x: 1 } };
    expect(parsePayload('submit', data)).toEqual({ ok: true, value: { accountId: 'main', orderId: 'o-1' } });
    expect(parsePayload('poll', data)).toEqual({ ok: true, value: { accountId: 'main' } });
  });

  it('are refused when an id is missing, of another type, empty or too long', () => {
    for (const name of QUEUE_NAMES) {
      const bad = [null, undefined, 'main', 5, [], {}, { accountId: '' }, { accountId: 7, orderId: 'o' }];
      const tooLong = { accountId: 'x'.repeat(65), orderId: 'o' };
      for (const data of [...bad, tooLong]) expect(parsePayload(name, data).ok).toBe(false);
    }
    expect(parsePayload('exit', { accountId: 'main' })).toEqual({
      ok: false,
      error: 'a job of exit carries no orderId',
    });
  });
});
