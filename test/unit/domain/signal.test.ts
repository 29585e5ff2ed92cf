import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import { type Signal, orderOfSignal, signalHash, signalOrderId } from '../../../src/domain/signal.ts';

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
