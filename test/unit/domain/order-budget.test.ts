import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BudgetLimits,
  type BudgetState,
  type CallPriority,
  EMPTY_BUDGET,
  MAX_SLOT_WAIT_MS,
  parseBudget,
  takeSlot,
  usedBudget,
} from '../../../src/domain/order-budget.ts';

const NOW = Date.UTC(2026, 6, 15, 4, 0, 0);
const DAY = '2026-07-15';
const DEFAULTS: BudgetLimits = { perSecond: 8, entriesPerSecond: 6, perMinute: 380, perDay: 5000 };
const OFF: BudgetLimits = { perSecond: 0, entriesPerSecond: 0, perMinute: 0, perDay: 0 };
const PRIORITIES: readonly CallPriority[] = ['kill', 'protectiveExit', 'exit', 'cancel', 'modify', 'entry'];

interface Call {
  readonly now: number;
  readonly priority: CallPriority;
  readonly places: boolean;
  readonly day: string;
}

interface Slot extends Call {
  readonly at: number;
}

const call = (now: number, priority: CallPriority = 'entry', places = true, day = DAY): Call => ({
  now,
  priority,
  places,
  day,
});

/** Makes calls one after the other; a call told LATER does not come back. */
function run(limits: BudgetLimits, calls: readonly Call[]) {
  let state = EMPTY_BUDGET;
  const slots: Slot[] = [];
  const states: BudgetState[] = [];
  const decisions = calls.map((one) => {
    const decision = takeSlot(state, limits, one);
    if (decision.kind === 'SLOT') {
      state = decision.state;
      slots.push({ ...one, at: decision.at });
      states.push(state);
    }
    return decision;
  });
  return { decisions, slots, states, state };
}

/** The most slots that any window of `ms` holds, its end not included. */
function mostIn(slots: readonly Slot[], ms: number): number {
  const times = slots.map((slot) => slot.at).sort((a, b) => a - b);
  let most = 0;
  let from = 0;
  times.forEach((time, index) => {
    while (time - times[from]! >= ms) from += 1;
    most = Math.max(most, index - from + 1);
  });
  return most;
}

const someLimits = fc.record({
  perSecond: fc.integer({ min: 0, max: 8 }),
  entriesPerSecond: fc.integer({ min: 0, max: 8 }),
  perMinute: fc.integer({ min: 0, max: 25 }),
  perDay: fc.integer({ min: 0, max: 40 }),
});

/** Bursts and pauses: most calls come within milliseconds, some after seconds or minutes. */
const someCalls = fc
  .array(
    fc.record({
      gap: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 30 }) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: 1500 }) },
        { weight: 1, arbitrary: fc.constantFrom(999, 1000, 1001, 9999, 10_000, 59_999, 60_000, 70_000) },
      ),
      priority: fc.constantFrom(...PRIORITIES),
      places: fc.boolean(),
    }),
    { maxLength: 150 },
  )
  .chain((steps) => fc.integer({ min: 0, max: 20_000 }).map((offset) => ({ steps, offset })))
  .map(({ steps, offset }) => {
    let now = NOW + offset;
    return steps.map(({ gap, priority, places }) => call((now += gap), priority, places));
  });

describe('the budget under any arrival of calls', () => {
  it('never gives more than perSecond slots in any sliding second', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const { slots } = run(limits, calls);
        if (limits.perSecond > 0) expect(mostIn(slots, 1000)).toBeLessThanOrEqual(limits.perSecond);
      }),
      { numRuns: 300 },
    );
  });

  it('never gives entries more than entriesPerSecond of them', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const entries = run(limits, calls).slots.filter((slot) => slot.priority === 'entry');
        if (limits.entriesPerSecond > 0)
          expect(mostIn(entries, 1000)).toBeLessThanOrEqual(limits.entriesPerSecond);
      }),
      { numRuns: 300 },
    );
  });

  it('never gives more than perMinute slots in any sliding minute', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const { slots } = run(limits, calls);
        if (limits.perMinute > 0) expect(mostIn(slots, 60_000)).toBeLessThanOrEqual(limits.perMinute);
      }),
      { numRuns: 300 },
    );
  });

  it('never gives more than perDay placements, and other calls do not use them up', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const { decisions, state, slots } = run(limits, calls);
        const placed = slots.filter((slot) => slot.places).length;
        if (limits.perDay > 0) expect(placed).toBeLessThanOrEqual(limits.perDay);
        if (slots.length > 0) expect(state.placements).toBe(placed);
        decisions.forEach((decision, index) => {
          if (decision.kind === 'DAY_SPENT') expect(calls[index]?.places).toBe(true);
        });
      }),
    );
  });

  it('gives no slot before now nor over a second away; what is farther is told when to come back', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        run(limits, calls).decisions.forEach((decision, index) => {
          const { now } = calls[index]!;
          if (decision.kind === 'SLOT') {
            expect(decision.at).toBeGreaterThanOrEqual(now);
            expect(decision.at - now).toBeLessThanOrEqual(MAX_SLOT_WAIT_MS);
          }
          if (decision.kind === 'LATER') expect(decision.at - now).toBeGreaterThan(MAX_SLOT_WAIT_MS);
        });
      }),
    );
  });

  it('gives slots of one priority in the order of their calls', () => {
    fc.assert(
      fc.property(someLimits, someCalls, fc.constantFrom(...PRIORITIES), (limits, calls, priority) => {
        const { slots } = run(
          limits,
          calls.map((one) => ({ ...one, priority })),
        );
        for (const [index, slot] of slots.entries()) {
          if (index > 0) expect(slot.at).toBeGreaterThanOrEqual(slots[index - 1]!.at);
        }
      }),
    );
  });

  it('keeps a bounded state, whatever comes', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        for (const state of run(limits, calls).states) {
          expect(state.slots.length).toBeLessThanOrEqual(limits.perSecond);
          expect(state.entrySlots.length).toBeLessThanOrEqual(limits.entriesPerSecond);
          expect(state.tens.length).toBeLessThanOrEqual(8);
          const starts = state.tens.map(([start]) => start);
          expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('a call that comes back when it was told to gets its slot at once, when nobody was before it', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        let state = EMPTY_BUDGET;
        for (const one of calls) {
          const decision = takeSlot(state, limits, one);
          if (decision.kind === 'SLOT') state = decision.state;
          if (decision.kind !== 'LATER') continue;
          expect(takeSlot(state, limits, { ...one, now: decision.at })).toMatchObject({
            kind: 'SLOT',
            at: decision.at,
          });
        }
      }),
    );
  });
});

describe('the limits of a second', () => {
  it('give 6 entries now and the next in a second; of 8 calls 2 stay for exits and cancels', () => {
    const calls = [
      ...Array.from({ length: 7 }, () => call(NOW)),
      call(NOW, 'cancel', false),
      call(NOW, 'exit'),
    ];
    const { slots } = run(DEFAULTS, calls);
    expect(slots.map((slot) => slot.at - NOW)).toEqual([0, 0, 0, 0, 0, 0, 1000, 0, 1000]);
  });

  it('let 8 exits pass now, and the ninth a second later', () => {
    const { slots } = run(
      DEFAULTS,
      Array.from({ length: 9 }, () => call(NOW, 'exit')),
    );
    expect(slots.map((slot) => slot.at - NOW)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1000]);
  });

  it('give a slot exactly a second away and send what is one millisecond farther back', () => {
    const limits = { ...OFF, perSecond: 1 };
    const { state } = run(limits, [call(NOW), call(NOW)]);
    expect(takeSlot(state, limits, call(NOW + 1000))).toMatchObject({ kind: 'SLOT', at: NOW + 2000 });
    expect(takeSlot(state, limits, call(NOW + 999))).toEqual({ kind: 'LATER', at: NOW + 2000 });
  });

  it('are off at 0: a thousand calls at once', () => {
    const { slots, state } = run(
      OFF,
      Array.from({ length: 1000 }, () => call(NOW)),
    );
    expect(slots.every((slot) => slot.at === NOW)).toBe(true);
    expect(slots).toHaveLength(1000);
    expect(state).toMatchObject({ slots: [], entrySlots: [], tens: [] });
  });

  it('hold also when a lower limit comes into force', () => {
    const { state } = run(
      DEFAULTS,
      Array.from({ length: 8 }, () => call(NOW, 'exit')),
    );
    expect(takeSlot(state, { ...DEFAULTS, perSecond: 3 }, call(NOW + 10, 'exit'))).toMatchObject({
      at: NOW + 1000,
    });
  });
});

describe('the limit of a minute', () => {
  const limits = { ...OFF, perMinute: 3 };

  it('counts in tens of seconds, rounded up: used calls are free again 70 s after their tens began', () => {
    const { state } = run(limits, [call(NOW + 5000), call(NOW + 6000), call(NOW + 9999)]);
    expect(takeSlot(state, limits, call(NOW + 20_000))).toEqual({ kind: 'LATER', at: NOW + 70_000 });
    expect(takeSlot(state, limits, call(NOW + 69_500))).toMatchObject({ kind: 'SLOT', at: NOW + 70_000 });
  });

  it('frees only as many as the oldest tens held', () => {
    const { state } = run(limits, [call(NOW), call(NOW + 30_000), call(NOW + 30_000)]);
    const first = takeSlot(state, limits, call(NOW + 70_000));
    expect(first).toMatchObject({ kind: 'SLOT', at: NOW + 70_000 });
    if (first.kind !== 'SLOT') return;
    expect(takeSlot(first.state, limits, call(NOW + 70_000))).toEqual({ kind: 'LATER', at: NOW + 100_000 });
  });

  it('keeps its count in order when an exit is sent before an entry that waits', () => {
    const both = { ...OFF, entriesPerSecond: 1, perMinute: 4 };
    const edge = NOW + 9500;
    const { state, slots } = run(both, [call(edge), call(edge), call(edge, 'exit'), call(edge, 'exit')]);
    expect(slots.map((slot) => slot.at - edge)).toEqual([0, 1000, 0, 0]);
    expect(state.tens).toEqual([
      [NOW, 3],
      [NOW + 10_000, 1],
    ]);
  });
});

describe('the limit of a day', () => {
  const limits = { ...OFF, perDay: 2 };

  it('refuses the placement after the last one, but no cancel, and begins again the next day', () => {
    const { state } = run(limits, [call(NOW), call(NOW)]);
    expect(takeSlot(state, limits, call(NOW))).toEqual({ kind: 'DAY_SPENT' });
    expect(takeSlot(state, limits, call(NOW, 'kill'))).toEqual({ kind: 'DAY_SPENT' });
    expect(takeSlot(state, limits, call(NOW, 'cancel', false)).kind).toBe('SLOT');
    const next = takeSlot(state, limits, call(NOW, 'entry', true, '2026-07-16'));
    expect(next).toMatchObject({ kind: 'SLOT', state: { day: '2026-07-16', placements: 1 } });
  });
});

describe('usedBudget', () => {
  it('shows the calls of the last minute, in whole tens of seconds, and the placements of the day', () => {
    const { state } = run(DEFAULTS, [call(NOW), call(NOW + 50, 'cancel', false), call(NOW + 30_000)]);
    expect(usedBudget(state, NOW + 30_999, DAY)).toEqual({ second: 1, minute: 3, day: 2 });
    expect(usedBudget(state, NOW + 31_000, DAY)).toEqual({ second: 0, minute: 3, day: 2 });
    expect(usedBudget(state, NOW + 70_000, DAY)).toEqual({ second: 0, minute: 1, day: 2 });
    expect(usedBudget(state, NOW + 100_000, DAY)).toEqual({ second: 0, minute: 0, day: 2 });
    expect(usedBudget(state, NOW + 100_000, '2026-07-16')).toEqual({ second: 0, minute: 0, day: 0 });
  });
});

describe('parseBudget', () => {
  it('takes the empty object of a new account as an empty budget', () => {
    expect(parseBudget({})).toEqual(EMPTY_BUDGET);
  });

  it('reads what was stored', () => {
    const { state } = run(DEFAULTS, [call(NOW), call(NOW)]);
    expect(parseBudget(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });
});
