import { describe, expect, it } from 'vitest';
import { mergeNeeds } from '../../../src/db/account-load.ts';

describe('the union of what two pieces of work need', () => {
  it('names every row once', () => {
    expect(
      mergeNeeds({ orders: ['a', 'b'], tags: ['T'] }, { orders: ['b', 'c'], clientOrderIds: ['x'] }),
    ).toEqual({
      orders: ['a', 'b', 'c'],
      tags: ['T'],
      clientOrderIds: ['x'],
    });
  });

  it('asks for what either asks for', () => {
    expect(mergeNeeds({ liveOrders: true }, { openPositions: true })).toEqual({
      liveOrders: true,
      openPositions: true,
    });
  });

  it('looks back as far as the further of the two', () => {
    expect(mergeNeeds({ finishedWithinMs: 2000 }, { finishedWithinMs: 60_000 })).toEqual({
      finishedWithinMs: 60_000,
    });
    expect(mergeNeeds({ finishedWithinMs: 60_000 }, { finishedWithinMs: 2000 })).toEqual({
      finishedWithinMs: 60_000,
    });
  });

  it('with nothing is what there was', () => {
    const needs = { orders: ['a'], baseline: true, submittedSince: ['2026-07-15T04:00:00.000Z'] };
    expect(mergeNeeds(needs, {})).toEqual(needs);
    expect(mergeNeeds({}, needs)).toEqual(needs);
  });
});
