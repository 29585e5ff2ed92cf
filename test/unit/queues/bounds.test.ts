import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorText, sleep, TimeoutError, within } from '../../../src/queues/bounds.ts';
import { QuietLog } from '../../../src/queues/quiet-log.ts';
import { fakeClock } from '../../../src/time/clock.ts';

const never = new Promise<never>(() => undefined);

describe('within', () => {
  it('passes on a value and an error', async () => {
    await expect(within(Promise.resolve(5), 1_000, 'x')).resolves.toBe(5);
    await expect(within(Promise.reject(new Error('no')), 1_000, 'x')).rejects.toThrow('no');
  });

  it('gives up in time, and a late rejection harms nobody', async () => {
    await expect(within(never, 5, 'ping')).rejects.toThrow(new TimeoutError('ping: no answer in 5 ms'));
    let fail: (error: Error) => void = () => undefined;
    const late = new Promise<never>((_, reject) => (fail = reject));
    await expect(within(late, 5, 'x')).rejects.toThrow(TimeoutError);
    fail(new Error('late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('sleep', () => {
  it('ends when its signal is aborted, before or after it began', async () => {
    await sleep(60_000, AbortSignal.abort());
    const controller = new AbortController();
    const sleeping = sleep(60_000, controller.signal);
    controller.abort();
    await sleeping;
  });
});

describe('errorText', () => {
  it('is text that a jsonb column takes, whatever was thrown', () => {
    const thrown = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => new Error(text)),
      fc.constantFrom('\u0000', '\ud800', 'a'.repeat(1_999) + '\ud83d\ude00').map((text) => new Error(text)),
      fc.anything({ withNullPrototype: false }).filter((value) => typeof value !== 'object'),
    );
    fc.assert(
      fc.property(thrown, (error) => {
        const text = errorText(error);
        expect(text).not.toMatch(/\p{Surrogate}|\0/u);
        expect(text.length).toBeLessThanOrEqual(2_000);
      }),
    );
  });

  it('names an error without a message by its code', () => {
    expect(errorText(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(errorText(new TypeError())).toBe('TypeError');
  });
});

describe('QuietLog', () => {
  it('logs the same complaint once in ten seconds and counts the others', () => {
    const clock = fakeClock('2026-11-22T09:15:00Z');
    const lines: object[] = [];
    const quiet = new QuietLog({ info() {}, error() {}, warn: (fields) => void lines.push(fields) }, clock);
    for (let n = 0; n < 5; n += 1) quiet.warn({}, 'x', new Error('down'));
    expect(lines).toEqual([{ error: 'down', notLogged: 0 }]);
    clock.advance(10_000);
    quiet.warn({}, 'x', new Error('down'));
    expect(lines.at(-1)).toEqual({ error: 'down', notLogged: 4 });
    quiet.warn({}, 'x', new Error('other'));
    expect(lines).toHaveLength(3);
  });
});
