import { describe, expect, it } from 'vitest';
import type { Instrument } from '../../../../src/domain/instrument.ts';
import { decimal } from '../../../../src/domain/money.ts';
import type { Side } from '../../../../src/domain/order.ts';
import type { PriceView } from '../../../../src/risk/check.ts';
import {
  isAtTarget,
  isBeyondStop,
  isOutsideBand,
  stopTerms,
} from '../../../../src/risk/protection/stop-terms.ts';
import { CRUDE, NIFTY_PUT, RELIANCE } from '../fixtures.ts';

const priced = (changes: Partial<PriceView> = {}): PriceView => ({
  last: decimal(100),
  bestBid: null,
  bestOffer: null,
  lowerCircuit: null,
  upperCircuit: null,
  ageMs: 0,
  fresh: true,
  ...changes,
});
const BSE: Instrument = { ...RELIANCE, exchange: 'BSE' };

describe('the terms of a stop', () => {
  it.each<[string, Instrument, Side, string, PriceView | null, string, string | null]>([
    ['a share at NSE takes SL-M', RELIANCE, 'SELL', '2430', null, 'SL-M', null],
    ['a future at MCX takes SL-M', CRUDE, 'BUY', '6000', null, 'SL-M', null],
    ['a share at BSE has a limit 1.5% below', BSE, 'SELL', '2000', null, 'SL', '1970'],
    ['and 1.5% above when it buys back', BSE, 'BUY', '2000', null, 'SL', '2030'],
    ['the distance is cut to whole ticks', BSE, 'SELL', '99.95', null, 'SL', '98.5'],
    ['an option above 50 rupees has 20%', NIFTY_PUT, 'SELL', '100', null, 'SL', '80'],
    ['one of 50 rupees has 10 rupees', NIFTY_PUT, 'SELL', '50', null, 'SL', '40'],
    ['never less than one tick', NIFTY_PUT, 'SELL', '5', null, 'SL', '0.05'],
    [
      'never under the lower circuit',
      NIFTY_PUT,
      'SELL',
      '100',
      priced({ lowerCircuit: decimal(90) }),
      'SL',
      '90',
    ],
    [
      'never over the upper circuit',
      NIFTY_PUT,
      'BUY',
      '100',
      priced({ upperCircuit: decimal(110) }),
      'SL',
      '110',
    ],
    [
      'a lower circuit off the tick is rounded into the band',
      NIFTY_PUT,
      'SELL',
      '100',
      priced({ lowerCircuit: decimal('90.02') }),
      'SL',
      '90.05',
    ],
    [
      'and so is an upper one',
      NIFTY_PUT,
      'BUY',
      '100',
      priced({ upperCircuit: decimal('110.03') }),
      'SL',
      '110',
    ],
    [
      'nor above its own trigger when that is under the circuit',
      NIFTY_PUT,
      'SELL',
      '80',
      priced({ lowerCircuit: decimal(90) }),
      'SL',
      '80',
    ],
  ])('%s', (_, instrument, side, trigger, price, orderType, limit) => {
    const terms = stopTerms(decimal(trigger), side, instrument, price);
    expect({ ...terms, trigger: terms.trigger.toFixed(), price: terms.price?.toFixed() ?? null }).toEqual({
      orderType,
      trigger,
      price: limit,
    });
  });

  it.each<[string, Side, string, PriceView | null, boolean, boolean]>([
    ['at the level both hold', 'SELL', '100', priced(), true, true],
    ['under it a long one is stopped', 'SELL', '101', priced(), true, false],
    ['over it a long one is at its target', 'SELL', '99', priced(), false, true],
    ['under it a short one is at its target', 'BUY', '101', priced(), false, true],
    ['over it a short one is stopped', 'BUY', '99', priced(), true, false],
    ['a stale price says nothing', 'SELL', '100', priced({ fresh: false }), false, false],
    ['no price says nothing', 'SELL', '100', null, false, false],
  ])('%s', (_, side, level, price, isStopped, isAt) => {
    expect([isBeyondStop(decimal(level), side, price), isAtTarget(decimal(level), side, price)]).toEqual([
      isStopped,
      isAt,
    ]);
  });

  it.each<[string, Side, string, Partial<PriceView>, boolean]>([
    ['under the band it waits', 'SELL', '89.95', {}, true],
    ['at the edge it can be placed', 'SELL', '90', {}, false],
    ['over the band it is passed, not outside', 'SELL', '111', {}, false],
    ['of a short one over the band it waits', 'BUY', '110.05', {}, true],
    ['of a short one at the edge it can be placed', 'BUY', '110', {}, false],
    ['the band of a stale price says nothing', 'SELL', '80', { fresh: false }, false],
    ['without a band nothing is outside', 'SELL', '80', { lowerCircuit: null }, false],
  ])("a stop and the day's band: %s", (_, side, level, changes, isOutside) => {
    const price = priced({ lowerCircuit: decimal(90), upperCircuit: decimal(110), ...changes });
    expect(isOutsideBand(decimal(level), side, price)).toBe(isOutside);
  });
});
