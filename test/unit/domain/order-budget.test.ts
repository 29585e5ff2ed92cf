import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BudgetLimits,
  type BudgetState,
  CALL_PRIORITIES as PRIORITIES,
  type CallPriority,
  EMPTY_BUDGET,
  MAX_SLOT_WAIT_MS,
  budgetLeft,
  parseBudget,
  sharesOf,
  takeSlot,
  usedBudget,
} from '../../../src/domain/order-budget.ts';

const NOW = Date.UTC(2026, 6, 15, 4, 0, 0);
const DAY = '2026-07-15';
const DEFAULTS: BudgetLimits = { perSecond: 8, entriesPerSecond: 6, perMinute: 380, perDay: 5000 };
const OFF: BudgetLimits = { perSecond: 0, entriesPerSecond: 0, perMinute: 0, perDay: 0 };

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

const isUrgent = (priority: CallPriority) => priority === 'kill' || priority === 'protectiveExit';

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

  it('never gives more than perDay placements but to what is urgent, and other calls do not use them up', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const { decisions, state, slots } = run(limits, calls);
        const placed = slots.filter((slot) => slot.places);
        if (limits.perDay > 0) {
          const last = placed.findLastIndex(({ priority }) => !isUrgent(priority));
          expect(last).toBeLessThan(limits.perDay);
        }
        if (slots.length > 0) expect(state.placements).toBe(placed.length);
        decisions.forEach((decision, index) => {
          if (decision.kind !== 'DAY_SPENT') return;
          expect(calls[index]?.places).toBe(true);
          expect(isUrgent(calls[index]!.priority)).toBe(false);
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

  it('never lets what is less urgent fill what is kept for more urgent calls', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        const { slots } = run(limits, calls);
        for (const priority of PRIORITIES) {
          const { second, minute } = sharesOf(limits, priority);
          const rank = PRIORITIES.indexOf(priority);
          const lesser = slots.filter((slot) => PRIORITIES.indexOf(slot.priority) >= rank);
          if (second > 0) expect(mostIn(lesser, 1000)).toBeLessThanOrEqual(second);
          if (minute > 0) expect(mostIn(lesser, 60_000)).toBeLessThanOrEqual(minute);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives a stop its slot at once beside any storm of entries, modifies, cancels and exits', () => {
    const lesser: readonly CallPriority[] = ['entry', 'modify', 'cancel', 'exit'];
    const storm = fc.array(fc.constantFrom(...lesser), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(storm, fc.constantFrom<CallPriority>('kill', 'protectiveExit'), (calls, urgent) => {
        // A hundred a second: what is told LATER does not come back, what comes instead is as eager.
        const { state } = run(
          DEFAULTS,
          calls.map((priority, index) => call(NOW + index * 10, priority)),
        );
        const now = NOW + calls.length * 10;
        expect(takeSlot(state, DEFAULTS, call(now, urgent))).toMatchObject({ kind: 'SLOT', at: now });
      }),
      { numRuns: 200 },
    );
  });

  it('nests the shares: none is larger than that of what is more urgent', () => {
    fc.assert(
      fc.property(someLimits, (limits) => {
        const open = (share: number) => (share === 0 ? Infinity : share);
        for (const [index, priority] of PRIORITIES.entries()) {
          const before = PRIORITIES[index - 1];
          if (before === undefined) continue;
          for (const window of ['second', 'minute', 'day'] as const) {
            const [more, less] = [sharesOf(limits, before)[window], sharesOf(limits, priority)[window]];
            expect(open(less)).toBeLessThanOrEqual(open(more));
          }
        }
      }),
    );
  });

  it('keeps a bounded state, whatever comes', () => {
    fc.assert(
      fc.property(someLimits, someCalls, (limits, calls) => {
        for (const state of run(limits, calls).states) {
          // A window behind now, and what may lie ahead of it.
          const most = limits.perSecond || limits.entriesPerSecond;
          expect(state.slots.length).toBeLessThanOrEqual(3 * most);
          expect(state.slots).toEqual([...state.slots].sort((a, b) => a - b));
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
  it('give 6 entries now and the next in a second; of 8 calls 2 stay for exits and cancels, one of them for stops', () => {
    const calls = [
      ...Array.from({ length: 7 }, () => call(NOW)),
      call(NOW, 'cancel', false),
      call(NOW, 'exit'),
      call(NOW, 'protectiveExit'),
      call(NOW, 'kill'),
    ];
    const { slots } = run(DEFAULTS, calls);
    expect(slots.map((slot) => slot.at - NOW)).toEqual([0, 0, 0, 0, 0, 0, 1000, 0, 1000, 0, 1000]);
  });

  it('let 8 stops pass now, and the ninth a second later; of other exits 7', () => {
    const of = (priority: CallPriority) =>
      run(
        DEFAULTS,
        Array.from({ length: 9 }, () => call(NOW, priority)),
      ).slots.map((slot) => slot.at - NOW);
    expect(of('protectiveExit')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1000]);
    expect(of('kill')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1000]);
    expect(of('exit')).toEqual([0, 0, 0, 0, 0, 0, 0, 1000, 1000]);
    expect(of('modify')).toEqual([0, 0, 0, 0, 0, 0, 1000, 1000, 1000]);
  });

  it('leave the slots that wait ahead their room', () => {
    const { state } = run(
      DEFAULTS,
      Array.from({ length: 12 }, () => call(NOW)),
    );
    // Six lie at now and six a second later: an exit between them sees both.
    const between = [call(NOW + 500, 'exit'), call(NOW + 500, 'protectiveExit'), call(NOW + 500, 'kill')];
    const { at } = between.reduce<{ state: BudgetState; at: number[] }>(
      ({ state: before, at: given }, one) => {
        const decision = takeSlot(before, DEFAULTS, one);
        if (decision.kind !== 'SLOT') throw new Error(decision.kind);
        return { state: decision.state, at: [...given, decision.at - NOW] };
      },
      { state, at: [] },
    );
    expect(at).toEqual([500, 500, 1500]);
  });

  it('give a slot exactly a second away and send what is one millisecond farther back', () => {
    const limits = { ...OFF, perSecond: 1 };
    const { state } = run(limits, [call(NOW), call(NOW)]);
    expect(takeSlot(state, limits, call(NOW + 1000))).toMatchObject({ kind: 'SLOT', at: NOW + 2000 });
    expect(takeSlot(state, limits, call(NOW + 999))).toEqual({ kind: 'LATER', at: NOW + 2000 });
  });

  it('keep calls a second apart that may each start late', () => {
    const limits = { ...OFF, perSecond: 1 };
    const late = { lateByMs: 250 };
    const first = takeSlot(EMPTY_BUDGET, limits, { ...call(NOW), ...late });
    if (first.kind !== 'SLOT') throw new Error(first.kind);
    const second = takeSlot(first.state, limits, { ...call(NOW), ...late });
    expect(second).toMatchObject({ kind: 'SLOT', at: NOW + 1250 });
  });

  it('are off at 0: a thousand calls at once', () => {
    const { slots, state } = run(
      OFF,
      Array.from({ length: 1000 }, () => call(NOW)),
    );
    expect(slots.every((slot) => slot.at === NOW)).toBe(true);
    expect(slots).toHaveLength(1000);
    expect(state).toMatchObject({ slots: [], tens: [] });
  });

  it('bound entries alone where only their share is set', () => {
    const limits = { ...OFF, entriesPerSecond: 1 };
    const { slots } = run(limits, [call(NOW, 'exit'), call(NOW), call(NOW), call(NOW, 'cancel', false)]);
    expect(slots.map((slot) => slot.at - NOW)).toEqual([0, 0, 1000, 0]);
  });

  it('hold also when a lower limit comes into force', () => {
    const { state } = run(
      DEFAULTS,
      Array.from({ length: 8 }, () => call(NOW, 'kill')),
    );
    expect(takeSlot(state, { ...DEFAULTS, perSecond: 3 }, call(NOW + 10, 'exit'))).toMatchObject({
      at: NOW + 1000,
    });
  });
});

describe('the limit of a minute', () => {
  const limits = { ...OFF, perMinute: 3 };
  const stop = (now: number) => call(now, 'protectiveExit');

  it('counts in tens of seconds, rounded up: used calls are free again 70 s after their tens began', () => {
    const { state } = run(limits, [stop(NOW + 5000), stop(NOW + 6000), stop(NOW + 9999)]);
    expect(takeSlot(state, limits, stop(NOW + 20_000))).toEqual({ kind: 'LATER', at: NOW + 70_000 });
    expect(takeSlot(state, limits, stop(NOW + 69_500))).toMatchObject({ kind: 'SLOT', at: NOW + 70_000 });
  });

  it('frees only as many as the oldest tens held', () => {
    const { state } = run(limits, [stop(NOW), stop(NOW + 30_000), stop(NOW + 30_000)]);
    const first = takeSlot(state, limits, stop(NOW + 70_000));
    expect(first).toMatchObject({ kind: 'SLOT', at: NOW + 70_000 });
    if (first.kind !== 'SLOT') return;
    expect(takeSlot(first.state, limits, stop(NOW + 70_000))).toEqual({ kind: 'LATER', at: NOW + 100_000 });
  });

  it('is full for entries at 304 of 380, for cancels at 342, and goes on for stops to its end', () => {
    const many = (priority: CallPriority) =>
      run(
        { ...DEFAULTS, perSecond: 0, entriesPerSecond: 0 },
        Array.from({ length: 400 }, () => call(NOW, priority)),
      ).slots.length;
    expect(PRIORITIES.map(many)).toEqual([380, 380, 361, 342, 323, 304]);
  });

  it('gives a stop its slot at once in a minute that entries have used', () => {
    let state = EMPTY_BUDGET;
    let now = NOW;
    for (let n = 0; n < 5000; n += 1) {
      const decision = takeSlot(state, DEFAULTS, call((now += 10)));
      if (decision.kind === 'SLOT') state = decision.state;
    }
    expect(takeSlot(state, DEFAULTS, call(now)).kind).toBe('LATER');
    expect(takeSlot(state, DEFAULTS, call(now, 'cancel', false))).toMatchObject({ kind: 'SLOT', at: now });
    expect(takeSlot(state, DEFAULTS, call(now, 'protectiveExit'))).toMatchObject({ kind: 'SLOT', at: now });
  });

  it('keeps its count in order when an exit is sent before an entry that waits', () => {
    const both = { ...OFF, entriesPerSecond: 1, perMinute: 5 };
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
  const at = (placements: number) => ({ ...EMPTY_BUDGET, day: DAY, placements });

  it('keeps the last 200 of 5,000 placements from entries and the last 50 from plain exits', () => {
    expect(takeSlot(at(4799), DEFAULTS, call(NOW)).kind).toBe('SLOT');
    expect(takeSlot(at(4800), DEFAULTS, call(NOW))).toEqual({ kind: 'DAY_SPENT', share: 4800 });
    expect(takeSlot(at(4949), DEFAULTS, call(NOW, 'exit')).kind).toBe('SLOT');
    expect(takeSlot(at(4950), DEFAULTS, call(NOW, 'exit'))).toEqual({ kind: 'DAY_SPENT', share: 4950 });
  });

  it('refuses no stop, no exit of a halt and no cancel, whatever was placed', () => {
    for (const priority of ['protectiveExit', 'kill'] as const) {
      expect(takeSlot(at(6000), DEFAULTS, call(NOW, priority)).kind).toBe('SLOT');
    }
    expect(takeSlot(at(6000), DEFAULTS, call(NOW, 'cancel', false)).kind).toBe('SLOT');
  });

  it('begins again the next day', () => {
    const next = takeSlot(at(4999), DEFAULTS, call(NOW, 'entry', true, '2026-07-16'));
    expect(next).toMatchObject({ kind: 'SLOT', state: { day: '2026-07-16', placements: 1 } });
  });
});

describe('what is left', () => {
  it('is shown for each priority, in each window', () => {
    const { state } = run(DEFAULTS, [...Array.from({ length: 6 }, () => call(NOW)), call(NOW, 'exit')]);
    expect(budgetLeft(state, DEFAULTS, NOW, DAY)).toEqual({
      second: {
        ...{ used: 7, limit: 8 },
        left: { kill: 1, protectiveExit: 1, exit: 0, cancel: 0, modify: 0, entry: 0 },
      },
      minute: {
        ...{ used: 7, limit: 380 },
        left: { kill: 373, protectiveExit: 373, exit: 354, cancel: 335, modify: 316, entry: 297 },
      },
      day: {
        ...{ used: 7, limit: 5000 },
        left: { kill: null, protectiveExit: null, exit: 4943, cancel: 4793, modify: 4793, entry: 4793 },
      },
    });
  });

  it('is any number where no limit is set', () => {
    expect(budgetLeft(EMPTY_BUDGET, OFF, NOW, DAY).minute.left.entry).toBeNull();
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

  it('reads what was stored before the slots of entries were one list with the rest', () => {
    const before = { slots: [NOW + 500, NOW], entrySlots: [NOW], tens: [[NOW, 2]], day: DAY, placements: 2 };
    const read = parseBudget(before);
    expect(read).not.toHaveProperty('entrySlots');
    expect(takeSlot(read, { ...OFF, perSecond: 2 }, call(NOW + 600))).toMatchObject({ at: NOW + 1000 });
  });

  it('reads what was stored', () => {
    const { state } = run(DEFAULTS, [call(NOW), call(NOW)]);
    expect(parseBudget(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });
});
