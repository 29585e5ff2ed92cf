import { describe, expect, it } from 'vitest';
import { Faults } from '../../../src/paper-exchange/faults.ts';
import { mulberry32 } from '../../../src/paper-exchange/prng.ts';

const make = (): Faults => new Faults(mulberry32(1));

describe('faults', () => {
  it('strikes as often as it was told, then never again', () => {
    const faults = make();
    faults.add({ call: 'orders', kind: 'reset', count: 2 });
    expect([1, 2, 3].map(() => faults.take('orders', 'A')?.kind)).toEqual(['reset', 'reset', undefined]);
    expect(faults.all()).toEqual([]);
  });

  it('strikes for ever with count -1, until it is removed', () => {
    const faults = make();
    const added = faults.add({ call: 'any', kind: 'serverError', count: -1 });
    for (let i = 0; i < 20; i += 1) expect(faults.take('quote', 'A')).not.toBeNull();
    expect(added.ok && faults.remove(added.value.id)).toBe(true);
    expect(faults.take('quote', 'A')).toBeNull();
  });

  it('strikes only its call and its user', () => {
    const faults = make();
    faults.add({ call: 'placeOrder', kind: 'refuse', user: 'A' });
    expect(faults.take('cancelOrder', 'A')).toBeNull();
    expect(faults.take('placeOrder', 'B')).toBeNull();
    expect(faults.take('placeOrder', 'A')).not.toBeNull();
  });

  it('waits under any for a call the kind can strike', () => {
    const faults = make();
    faults.add({ call: 'any', kind: 'lateVisibility' });
    expect(faults.take('orders', 'A')).toBeNull();
    expect(faults.take('placeOrder', 'A')?.kind).toBe('lateVisibility');
  });

  it('strikes with its probability, the same way for the same seed', () => {
    const run = (): boolean[] => {
      const faults = make();
      faults.add({ call: 'any', kind: 'reset', count: -1, probability: 0.3 });
      return Array.from({ length: 200 }, () => faults.take('orders', 'A') !== null);
    };
    const strikes = run();
    expect(run()).toEqual(strikes);
    expect(strikes.filter(Boolean).length).toBeGreaterThan(30);
    expect(strikes.filter(Boolean).length).toBeLessThan(90);
  });

  it.each([
    [{ call: 'nothing', kind: 'reset' }, 'call'],
    [{ call: 'orders', kind: 'explode' }, 'kind'],
    [{ call: 'orders', kind: 'reset', count: 0 }, 'count'],
    [{ call: 'orders', kind: 'reset', delayMs: -1 }, 'delayMs'],
    [{ call: 'orders', kind: 'reset', probability: 0 }, 'probability'],
    [{ call: 'orders', kind: 'reset', when: 1 }, 'when'],
    [{ call: 'orders', kind: 'lateVisibility' }, 'lateVisibility'],
    [{ call: 'placeOrder', kind: 'emptyList' }, 'emptyList'],
    [{ call: 'placeOrder', kind: 'refuse', errorType: 'Oops' }, 'errorType'],
  ])('refuses %j and names what is wrong', (body, name) => {
    const added = make().add(body);
    expect(!added.ok && added.error).toContain(name);
  });
});
