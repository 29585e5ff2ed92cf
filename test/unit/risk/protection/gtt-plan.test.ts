import { describe, expect, it } from 'vitest';
import { type GttNet, type GttTerms, NO_GTT } from '../../../../src/domain/gtt.ts';
import { decimal } from '../../../../src/domain/money.ts';
import { type GttFacts, nextGttCall, wantedGtt } from '../../../../src/risk/protection/gtt-plan.ts';
import { NIFTY_PUT, RELIANCE } from '../fixtures.ts';

const LONG: GttFacts = { held: 20, side: 'SELL', stop: decimal('2400'), target: decimal('2500') };
const BAND = {
  ...{ last: decimal('2450'), bestBid: null, bestOffer: null, ageMs: 0, fresh: true },
  ...{ lowerCircuit: decimal('2350.02'), upperCircuit: decimal('2690') },
};
const wanted = (facts: Partial<GttFacts> = {}): GttTerms | null =>
  wantedGtt({ ...LONG, ...facts }, RELIANCE, null);

describe('the GTT that is wanted', () => {
  it('stands a little beyond the resting stop and the resting target of a long position', () => {
    expect(wanted()).toEqual({
      quantity: 20,
      legs: [
        { trigger: '2376', price: '2340.4' },
        { trigger: '2525', price: '2500' },
      ],
    });
  });

  it('is the mirror of that for a short position, the lower trigger first', () => {
    expect(wanted({ side: 'BUY', stop: decimal('2500'), target: decimal('2400') })).toEqual({
      quantity: 20,
      legs: [
        { trigger: '2376', price: '2400' },
        { trigger: '2525', price: '2562.85' },
      ],
    });
  });

  it('has one leg without a target, and is none without a stop or a position', () => {
    expect(wanted({ target: null })?.legs).toEqual([{ trigger: '2376', price: '2340.4' }]);
    expect(wanted({ stop: null })).toBeNull();
    expect(wanted({ held: 0 })).toBeNull();
  });

  it("has its limits inside the day's band, on the tick", () => {
    const legs = wantedGtt(LONG, RELIANCE, BAND)?.legs;
    expect(legs?.[0]).toEqual({ trigger: '2376', price: '2350.05' });
  });

  it('leaves an option room to trade, and never comes to nothing', () => {
    const facts: GttFacts = { held: 75, side: 'SELL', stop: decimal('0.05'), target: null };
    expect(wantedGtt(facts, NIFTY_PUT, null)?.legs).toEqual([{ trigger: '0.05', price: '0.05' }]);
    expect(wantedGtt({ ...facts, stop: decimal('100') }, NIFTY_PUT, null)?.legs).toEqual([
      { trigger: '90', price: '72' },
    ]);
  });
});

describe('the call that is missing', () => {
  const now = decimal('2450');
  const known: GttNet = { ...NO_GTT, triggerId: '7', terms: wanted() };
  const call = { id: 'c', kind: 'PLACE', terms: wanted(), at: '', inDoubt: true } as const;

  it.each([
    ['places what is not there', NO_GTT, wanted(), 'PLACE'],
    ['leaves alone what is as wanted', known, wanted(), null],
    ['changes what is not', known, wanted({ held: 10 }), 'MODIFY'],
    ['cancels what nobody wants any more', known, null, 'CANCEL'],
    ['has nothing to do where nothing is and nothing is wanted', NO_GTT, null, null],
    ['waits while a call has no answer', { ...NO_GTT, call }, wanted(), null],
    [
      'places no other after one fired',
      { ...known, fired: { brokerOrderId: '1' } },
      wanted({ held: 5 }),
      null,
    ],
  ])('%s', (_, net, terms, kind) => {
    expect(nextGttCall(net, terms, 'SELL', now)?.kind ?? null).toBe(kind);
  });

  it('is not made while the market is at a trigger, or without a price; the cancel is', () => {
    for (const last of [null, decimal('2376'), decimal('2525')]) {
      expect(nextGttCall(NO_GTT, wanted(), 'SELL', last)).toBeNull();
      expect(nextGttCall(known, null, 'SELL', last)?.kind).toBe('CANCEL');
    }
    expect(nextGttCall(NO_GTT, wanted({ target: null }), 'SELL', decimal('9999'))?.kind).toBe('PLACE');
  });
});
