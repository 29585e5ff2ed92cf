import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Delivery,
  MAX_FAILURES,
  SEVERITIES,
  afterFailure,
  afterSuccess,
  reaches,
} from '../../../src/domain/alert-delivery.ts';

const NEW: Delivery = { state: 'PENDING', failures: 0, told: 0 };
const CRITICAL = { severity: 'CRITICAL', repeatMs: 300_000 } as const;
const WARNING = { severity: 'WARNING', repeatMs: 300_000 } as const;

describe('a delivery', () => {
  it('is tried again after 1, 2, 4 and at last every 60 seconds, then given up and shown as FAILED', () => {
    const pauses: (number | null)[] = [];
    let delivery = afterFailure(NEW, WARNING);
    while (delivery.state === 'PENDING') {
      pauses.push(delivery.nextInMs);
      delivery = afterFailure(delivery, WARNING);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60].map((seconds) => seconds * 1000));
    expect(pauses).toHaveLength(MAX_FAILURES - 1);
    expect(delivery).toEqual({ state: 'FAILED', failures: 0, told: 0, nextInMs: null });
  });

  it('that went well needs nothing more, unless it is CRITICAL: then reminders come, at last every hour', () => {
    expect(afterSuccess(NEW, WARNING)).toEqual({ state: 'DELIVERED', failures: 0, told: 1, nextInMs: null });
    const pauses: (number | null)[] = [];
    let delivery: Delivery = NEW;
    for (let n = 0; n < 6; n++) {
      const after = afterSuccess(delivery, CRITICAL);
      pauses.push(after.nextInMs);
      delivery = after;
    }
    expect(pauses).toEqual([5, 10, 20, 40, 60, 60].map((minutes) => minutes * 60_000));
    expect(afterSuccess(NEW, { severity: 'CRITICAL', repeatMs: 0 }).nextInMs).toBeNull();
  });

  it('that is CRITICAL and was given up is tried again at the pace of reminders', () => {
    const last: Delivery = { state: 'PENDING', failures: MAX_FAILURES - 1, told: 0 };
    expect(afterFailure(last, CRITICAL)).toEqual({
      state: 'FAILED',
      failures: 0,
      told: 0,
      nextInMs: CRITICAL.repeatMs,
    });
  });

  it('that was delivered once never loses that, and what is due is never further off than an hour', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 80 }),
        fc.constantFrom(...SEVERITIES),
        (tries, severity) => {
          let delivery = NEW;
          let delivered = false;
          for (const worked of tries) {
            const after = (worked ? afterSuccess : afterFailure)(delivery, { severity, repeatMs: 300_000 });
            delivered ||= worked;
            expect(after.state === 'DELIVERED').toBe(delivered);
            if (after.state === 'PENDING') expect(after.nextInMs).not.toBeNull();
            if (after.nextInMs !== null) expect(after.nextInMs).toBeLessThanOrEqual(3_600_000);
            delivery = after;
          }
        },
      ),
    );
  });

  it('is for channels whose minimum the severity reaches', () => {
    const reached = SEVERITIES.map((minimum) => SEVERITIES.filter((severity) => reaches(severity, minimum)));
    expect(reached).toEqual([['INFO', 'WARNING', 'CRITICAL'], ['WARNING', 'CRITICAL'], ['CRITICAL']]);
  });
});
