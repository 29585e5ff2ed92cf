import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Step, World } from './world.ts';

const quantity = fc.integer({ min: 1, max: 30 });
const index = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('entryFill' as const), quantity }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('handSell' as const), quantity }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('guardFill' as const), index, quantity }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('exchangeCancels' as const), index }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('refuseNext' as const, 'loseNext' as const, 'swallowNext' as const),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constantFrom('send' as const, 'poll' as const, 'poll' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);

const RUNS = 600;

/** However an entry fills, guards fill, are lost or refused, and answers go astray. */
function after(steps: readonly Step[]): World {
  const world = new World();
  for (const one of steps) world.run(one);
  world.settle();
  return world;
}

describe('no sequence of fills, cancels, refusals, lost answers and outside trades', () => {
  it('ends with a naked share, an orphan stop or a reversed position', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = after(steps);
        expect(world.net).toBeGreaterThanOrEqual(0);
        expect(world.booked).toBe(world.net);
        expect(world.live('STOP')).toBe(world.net);
        expect(world.live('EXIT')).toBe(0);
        expect(world.live('TARGET')).toBeLessThanOrEqual(world.net);
      }),
      { numRuns: RUNS },
    );
  });

  it('makes a look ask for more than is held, or for more when nothing happened in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        expect(after(steps).broken).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});
