import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import {
  SETTLED_AT_MOST,
  type SettledSignal,
  type Signal,
  isForgotten,
  orderOfSignal,
  signalHash,
  signalOrderId,
  withSettled,
} from '../../../src/domain/signal.ts';

const BOUNDS = { instruments: ['NSE:INFY'], maxQuantity: 10, maxAgeMs: 60_000 };
const SIGNAL: Signal = {
  id: null,
  at: new Date('2026-11-30T09:30:00Z'),
  exchange: 'NSE',
  symbol: 'INFY',
  product: 'MIS',
  orderType: 'LIMIT',
  price: decimal('1580.00'),
  triggerPrice: null,
  stopLoss: null,
  takeProfit: null,
  disclosedQuantity: null,
  side: 'BUY',
  quantity: 5,
  target: null,
};
const aim = (target: number): Signal => ({ ...SIGNAL, side: null, quantity: null, target });
const decide = (signal: Signal, given: Partial<{ ageMs: number; standing: number }> = {}) =>
  orderOfSignal(signal, BOUNDS, { ageMs: 0, standing: 0, ...given });

describe('the order of an alert', () => {
  it.each([
    [0, 5, { side: 'BUY', quantity: 5, reduceOnly: false }],
    [5, 5, null],
    [5, 8, { side: 'BUY', quantity: 3, reduceOnly: false }],
    [5, 2, { side: 'SELL', quantity: 3, reduceOnly: true }],
    [5, 0, { side: 'SELL', quantity: 5, reduceOnly: true }],
    [5, -5, { side: 'SELL', quantity: 10, reduceOnly: false }],
    [-5, 0, { side: 'BUY', quantity: 5, reduceOnly: true }],
    [-5, -8, { side: 'SELL', quantity: 3, reduceOnly: false }],
    [-5, 3, { side: 'BUY', quantity: 8, reduceOnly: false }],
    [0, 0, null],
  ])('from %i to a target of %i', (standing, target, expected) => {
    expect(decide(aim(target), { standing })).toEqual({ ok: true, value: expected });
  });

  it.each([
    ['an old one', SIGNAL, { ageMs: 60_001 }, 'STALE'],
    ['one of the future', SIGNAL, { ageMs: -10_001 }, 'AHEAD'],
    ['another instrument', { ...SIGNAL, symbol: 'TCS' }, {}, 'NOT_OF_HOOK'],
    ['another exchange', { ...SIGNAL, exchange: 'BSE' }, {}, 'NOT_OF_HOOK'],
    ['too many units', { ...SIGNAL, quantity: 11 }, {}, 'MAX'],
    ['a target beyond the size', aim(11), {}, 'MAX'],
    ['a short target beyond the size', aim(-11), {}, 'MAX'],
    ['neither a side nor a target', { ...SIGNAL, side: null }, {}, 'REQUIRED'],
  ] as const)('refuses %s', (_what, signal, given, code) => {
    expect(decide(signal, given)).toMatchObject({ ok: false, error: { code } });
  });

  it('is taken up to the last moment, and a little before its time', () => {
    expect(decide(SIGNAL, { ageMs: 60_000 }).ok).toBe(true);
    expect(decide(SIGNAL, { ageMs: -10_000 }).ok).toBe(true);
  });
});

describe('what makes two alerts the same', () => {
  it('its content, however the numbers were written; an id, whatever the content', () => {
    expect(signalHash({ ...SIGNAL, price: decimal('1580') })).toBe(signalHash(SIGNAL));
    expect(signalOrderId('h', { ...SIGNAL, price: decimal('1580') })).toBe(signalOrderId('h', SIGNAL));
    expect(signalOrderId('h', { ...SIGNAL, quantity: 6 })).not.toBe(signalOrderId('h', SIGNAL));
    const named = { ...SIGNAL, id: 'cross 1' };
    expect(signalOrderId('h', { ...named, quantity: 6 })).toBe(signalOrderId('h', named));
  });

  it('of one hook: another one’s are others', () => {
    expect(signalOrderId('other', SIGNAL)).not.toBe(signalOrderId('h', SIGNAL));
    expect(signalOrderId('h', SIGNAL)).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });
});

describe('the alerts that needed no order', () => {
  const NOW = new Date('2026-11-30T09:30:00.000Z');
  const inMs = (ms: number) => new Date(NOW.getTime() + ms);
  const settled = (key: string, ms: number): SettledSignal => ({
    ...{ key, content: 'c', until: inMs(ms).toISOString() },
  });

  it('are remembered as long as they would be taken, to the last moment, and no longer', () => {
    const kept = withSettled([settled('past', -1), settled('last', 0)], settled('new', 60_000), NOW);
    expect(kept.map(({ key }) => key)).toEqual(['last', 'new']);
  });

  it('are bounded: those raised first go, whatever the order they came in, and nothing of their time orders', () => {
    let kept: SettledSignal[] = [];
    for (let ms = SETTLED_AT_MOST; ms >= 1; ms--) kept = withSettled(kept, settled(`k${ms}`, ms), NOW);
    expect(isForgotten(kept.slice(1), inMs(-1000))).toBe(false);
    kept = withSettled(kept, settled('late', 1000), NOW);
    expect(kept).toHaveLength(SETTLED_AT_MOST);
    expect(kept.map(({ key }) => key)).not.toContain('k1');
    expect([1, 2, 3].map((ms) => isForgotten(kept, inMs(ms)))).toEqual([true, true, false]);
  });

  it('that were forgotten are stale, or no alert of their time orders: also once there is room again', () => {
    const alerts = fc.array(fc.record({ left: fc.nat(900), pause: fc.nat(3) }), {
      ...{ minLength: SETTLED_AT_MOST, maxLength: 2 * SETTLED_AT_MOST, size: 'max' as const },
    });
    fc.assert(
      fc.property(alerts, (given) => {
        let [kept, at]: [SettledSignal[], number] = [[], 0];
        const all: SettledSignal[] = [];
        for (const [index, { left, pause }] of given.entries()) {
          at += pause;
          const one = settled(`k${index}`, at + left);
          kept = withSettled(kept, one, inMs(at));
          all.push(one);
          if (index % 50 !== 0 && index !== given.length - 1) continue;
          const known = new Set(kept.map(({ key }) => key));
          const loose = all.filter(
            ({ key, until }) =>
              !known.has(key) && new Date(until) >= inMs(at) && !isForgotten(kept, new Date(until)),
          );
          expect(loose).toEqual([]);
        }
      }),
      // To make a long list shorter takes minutes, and says no more.
      { numRuns: 20, endOnFailure: true },
    );
  });
});
