import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decimal, ZERO, decimal, sum, toPaise } from '../../../src/domain/money.ts';
import {
  type PositionCycle,
  type PositionEntry,
  applyEntry,
  averagePrice,
  compareEntries,
  foldEntries,
  isLate,
  unrealizedPnl,
} from '../../../src/domain/position.ts';
import { InvariantError } from '../../../src/lib/assert.ts';
import { at } from '../risk/fixtures.ts';

let ids = 0;

function entry(quantity: number, price: string, changes: Partial<PositionEntry> = {}): PositionEntry {
  ids += 1;
  return {
    id: `e${String(ids).padStart(6, '0')}`,
    quantity,
    price: decimal(price),
    multiplier: decimal(1),
    charges: ZERO,
    tradedAt: at(ids),
    tradeId: String(ids),
    ...changes,
  };
}

/** Applies entries one by one as they come, as live use does when none is late. */
function applyAll(entries: readonly PositionEntry[]): PositionCycle[] {
  const cycles = new Map<number, PositionCycle>();
  let newest: PositionCycle | null = null;
  for (const next of entries) {
    for (const cycle of applyEntry(newest, next).cycles) {
      cycles.set(cycle.cycle, cycle);
      newest = cycle;
    }
  }
  return [...cycles.values()];
}

const worth = (entries: readonly PositionEntry[], side: 1 | -1): Decimal =>
  sum(
    entries
      .filter((one) => Math.sign(one.quantity) === side)
      .map((one) => one.price.times(one.multiplier).times(Math.abs(one.quantity))),
  );

/** Plain figures of cycles, to compare without the inside of decimals. */
function plain(cycles: readonly PositionCycle[]): unknown {
  return cycles.map((cycle) =>
    Object.fromEntries(
      Object.entries(cycle).map(([name, value]: [string, unknown]) => [
        name,
        typeof value === 'object' && value !== null && 'toFixed' in value
          ? (value as Decimal).toFixed()
          : value,
      ]),
    ),
  );
}

/** Up to 4 decimals, and thirds among the quantities: prices that do not divide. */
const aPrice = fc.oneof(
  fc.integer({ min: 1, max: 50_000_000 }).map((n) => decimal(n).div(10_000)),
  fc.constantFrom('0.0001', '0.05', '33.3333', '2450.05', '99999.9999').map((text) => decimal(text)),
);
const aQuantity = fc
  .integer({ min: -7, max: 7 })
  .filter((n) => n !== 0)
  .chain((n) => fc.constantFrom(n, n * 3, n * 100));

const someEntries = fc
  .array(
    fc.record({
      quantity: aQuantity,
      price: aPrice,
      paise: fc.integer({ min: 0, max: 100_000 }),
      second: fc.integer({ min: 0, max: 5 }),
      trade: fc.integer({ min: 1, max: 12 }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .chain((rows) => fc.constantFrom('1', '100', '0.5').map((multiplier) => ({ rows, multiplier })))
  .map(({ rows, multiplier }): PositionEntry[] =>
    rows.map((row, index) => ({
      id: `e${String(index).padStart(3, '0')}`,
      quantity: row.quantity,
      price: row.price,
      multiplier: decimal(multiplier),
      charges: decimal(row.paise).div(100),
      tradedAt: at(row.second),
      tradeId: String(row.trade),
    })),
  );

const shuffledWithRepeats = someEntries.chain((entries) =>
  fc
    .tuple(
      fc.shuffledSubarray(entries, { minLength: entries.length, maxLength: entries.length }),
      fc.array(fc.constantFrom(...entries), { maxLength: 5 }),
    )
    .map(([shuffled, repeats]) => ({ entries, arrivals: [...shuffled, ...repeats] })),
);

const distinct = (entries: readonly PositionEntry[]) => [
  ...new Map(entries.map((one) => [one.id, one])).values(),
];

describe('the fold of any entries', () => {
  it('is the same in whatever order, and however often, they came', () => {
    fc.assert(
      fc.property(shuffledWithRepeats, ({ entries, arrivals }) => {
        expect(plain(foldEntries(distinct(arrivals)))).toEqual(plain(foldEntries(entries)));
      }),
    );
  });

  it('is what applying them one by one gives, when they come in order', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const sorted = [...entries].sort(compareEntries);
        expect(plain(applyAll(sorted))).toEqual(plain(foldEntries(entries)));
      }),
    );
  });

  it('is reached when late entries are told by isLate and folded again', () => {
    fc.assert(
      fc.property(shuffledWithRepeats, ({ entries, arrivals }) => {
        const known: PositionEntry[] = [];
        let cycles: PositionCycle[] = [];
        for (const next of distinct(arrivals)) {
          const newest = cycles.at(-1) ?? null;
          known.push(next);
          if (newest !== null && isLate(newest, next)) {
            cycles = foldEntries(known);
            continue;
          }
          const step = applyEntry(newest, next);
          cycles = [...cycles.filter((cycle) => cycle.cycle < step.cycles[0]!.cycle), ...step.cycles];
        }
        expect(plain(cycles)).toEqual(plain(foldEntries(entries)));
      }),
    );
  });

  it('numbers cycles one after the other from the first it was given', () => {
    fc.assert(
      fc.property(someEntries, fc.integer({ min: 1, max: 50 }), (entries, first) => {
        const cycles = foldEntries(entries, first);
        expect(cycles.map((cycle) => cycle.cycle)).toEqual(cycles.map((_, index) => first + index));
        for (const cycle of cycles.slice(0, -1)) expect(cycle.status).toBe('CLOSED');
      }),
    );
  });

  it('holds the sum of all quantities in the open cycle, and every quantity in exactly one', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const cycles = foldEntries(entries);
        const total = (of: (cycle: PositionCycle) => number) =>
          cycles.reduce((all, cycle) => all + of(cycle), 0);
        expect(total((cycle) => cycle.quantity)).toBe(entries.reduce((all, one) => all + one.quantity, 0));
        expect(total((cycle) => cycle.buyQuantity + cycle.sellQuantity)).toBe(
          entries.reduce((all, one) => all + Math.abs(one.quantity), 0),
        );
        for (const cycle of cycles) expect(cycle.quantity).toBe(cycle.buyQuantity - cycle.sellQuantity);
      }),
    );
  });

  it('closes with realized P&L equal to sold less bought, to the last place, and with nothing left over', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        for (const cycle of foldEntries(entries)) {
          expect(cycle.status === 'CLOSED').toBe(cycle.quantity === 0);
          if (cycle.status === 'OPEN') continue;
          expect(cycle.openValue.toFixed()).toBe('0');
          expect(cycle.realizedPnl.toFixed()).toBe(cycle.sellValue.minus(cycle.buyValue).toFixed());
          expect(cycle.closedAt).toEqual(cycle.lastEntryAt);
          expect(averagePrice(cycle)).toBeNull();
          expect(unrealizedPnl(cycle, decimal('123.45')).isZero()).toBe(true);
        }
      }),
    );
  });

  it('loses no paisa of charges between cycles', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const cycles = foldEntries(entries);
        expect(sum(cycles.map((cycle) => cycle.charges)).toFixed()).toBe(
          sum(entries.map((one) => one.charges)).toFixed(),
        );
        for (const cycle of cycles) expect(toPaise(cycle.charges).eq(cycle.charges)).toBe(true);
      }),
    );
  });

  it('has realized and unrealized P&L that add up to what was sold and is held, less what was bought', () => {
    fc.assert(
      fc.property(someEntries, aPrice, (entries, last) => {
        const cycles = foldEntries(entries);
        const multiplier = entries[0]!.multiplier;
        const held = last.times(multiplier).times(entries.reduce((all, one) => all + one.quantity, 0));
        const total = sum(cycles.map((cycle) => cycle.realizedPnl.plus(unrealizedPnl(cycle, last))));
        const off = worth(entries, -1).plus(held).minus(worth(entries, 1)).minus(total).abs();
        // A multiplier with a fraction rounds each value to four places; an entry that reverses has two.
        const rounding = multiplier.isInteger() ? ZERO : decimal('0.0001').times(entries.length);
        expect(off.lte(rounding), `${off.toFixed()} off`).toBe(true);
      }),
    );
  });

  it('keeps every value to the four places in which it is stored, whatever the multiplier', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        for (const cycle of foldEntries(entries)) {
          const { openValue, buyValue, sellValue, realizedPnl } = cycle;
          for (const value of [openValue, buyValue, sellValue, realizedPnl])
            expect(value.decimalPlaces()).toBeLessThanOrEqual(4);
        }
      }),
    );
  });

  it('keeps the highest and lowest price of its entries', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const cycles = foldEntries(entries);
        const prices = entries.map((one) => one.price.toNumber());
        expect(Math.max(...cycles.map((cycle) => cycle.highestPrice.toNumber()))).toBe(Math.max(...prices));
        expect(Math.min(...cycles.map((cycle) => cycle.lowestPrice.toNumber()))).toBe(Math.min(...prices));
      }),
    );
  });

  it('says with each step by how much realized P&L moved', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        let newest: PositionCycle | null = null;
        let moved = ZERO;
        for (const next of [...entries].sort(compareEntries)) {
          const step = applyEntry(newest, next);
          moved = moved.plus(step.realizedPnl);
          newest = step.cycles.at(-1)!;
        }
        expect(moved.toFixed()).toBe(sum(foldEntries(entries).map((cycle) => cycle.realizedPnl)).toFixed());
      }),
    );
  });
});

describe('one entry', () => {
  it('opens a position on its side, with its value', () => {
    const step = applyEntry(null, entry(-10, '2450.05', { charges: decimal('1.23') }));
    expect(step.realizedPnl.isZero()).toBe(true);
    expect(plain(step.cycles)).toMatchObject([
      { cycle: 1, status: 'OPEN', quantity: -10, openValue: '24500.5', sellQuantity: 10, charges: '1.23' },
    ]);
  });

  it('adds to a position at the average of both', () => {
    const [cycle] = applyAll([entry(10, '100'), entry(5, '103')]);
    expect(cycle?.quantity).toBe(15);
    expect(averagePrice(cycle!)?.toFixed()).toBe('101');
  });

  it('reduces a position at its average and leaves the average', () => {
    const [cycle] = applyAll([entry(10, '100'), entry(-4, '110')]);
    expect(plain([cycle!])).toMatchObject([
      { quantity: 6, realizedPnl: '40', openValue: '600', status: 'OPEN' },
    ]);
    expect(averagePrice(cycle!)?.toFixed()).toBe('100');
  });

  it('wins on a short position when the price falls', () => {
    const [cycle] = applyAll([entry(-10, '100'), entry(4, '90')]);
    expect(cycle?.realizedPnl.toFixed()).toBe('40');
    expect(unrealizedPnl(cycle!, decimal('95')).toFixed()).toBe('30');
  });

  it('that goes through zero closes one cycle and opens the next on the other side', () => {
    const cycles = applyAll([
      entry(10, '100', { charges: decimal('1.00') }),
      entry(-15, '110', { charges: decimal('1.00') }),
    ]);
    expect(plain(cycles)).toMatchObject([
      { cycle: 1, status: 'CLOSED', quantity: 0, realizedPnl: '100', charges: '1.67', sellQuantity: 10 },
      {
        cycle: 2,
        status: 'OPEN',
        quantity: -5,
        realizedPnl: '0',
        charges: '0.33',
        openValue: '550',
        sellQuantity: 5,
      },
    ]);
    expect(cycles[0]?.closedAt).toEqual(cycles[1]?.openedAt);
  });

  it('that splits a single paisa of charges gives it to one cycle alone', () => {
    const cycles = applyAll([entry(5, '10'), entry(-10, '10', { charges: decimal('0.01') })]);
    expect(cycles.map((cycle) => cycle.charges.toFixed())).toEqual(['0.01', '0']);
  });

  it('that closes a position exactly opens nothing', () => {
    expect(applyAll([entry(10, '100'), entry(-10, '99')])).toHaveLength(1);
  });

  it('after a closed cycle opens the next one', () => {
    const cycles = applyAll([entry(1, '100'), entry(-1, '99'), entry(1, '98')]);
    expect(cycles.map((cycle) => [cycle.cycle, cycle.status])).toEqual([
      [1, 'CLOSED'],
      [2, 'OPEN'],
    ]);
  });

  it('counts with the multiplier of its contract', () => {
    const multiplier = decimal(100);
    const [cycle] = applyAll([entry(1, '6000', { multiplier }), entry(-1, '6010', { multiplier })]);
    expect(cycle?.realizedPnl.toFixed()).toBe('1000');
  });

  it.each([0, 1.5, Number.NaN, 2 ** 53])('of quantity %s is a broken invariant', (quantity) => {
    expect(() => applyEntry(null, entry(quantity, '1'))).toThrow(InvariantError);
  });

  it('sold in thirds leaves no residue of a value that does not divide', () => {
    const bought = [entry(2, '33.3333'), entry(1, '33.3335')];
    const [cycle] = applyAll([...bought, entry(-1, '40'), entry(-1, '40'), entry(-1, '40')]);
    expect(cycle?.openValue.toFixed()).toBe('0');
    expect(cycle?.realizedPnl.toFixed()).toBe('19.9999');
  });
});

describe('averagePrice', () => {
  const of = (openValue: string, quantity: number) =>
    averagePrice({ openValue: decimal(openValue), quantity, multiplier: decimal(1) })?.toFixed();

  it.each([
    ['0.0001', 2, '0'],
    ['0.0003', 2, '0.0002'],
    ['0.0005', 2, '0.0002'],
    ['0.0007', 2, '0.0004'],
    ['100', 3, '33.3333'],
    ['200', 3, '66.6667'],
    ['100', -3, '33.3333'],
  ])('of %s over %s is %s: four places, half to the even one', (value, quantity, expected) => {
    expect(of(value, quantity)).toBe(expected);
  });
});

describe('the order of entries', () => {
  it('is by time, then by trade id as a number, then by our id', () => {
    const sorted = [
      entry(1, '1', { id: 'a', tradedAt: at(1), tradeId: '9' }),
      entry(1, '1', { id: 'c', tradedAt: at(1), tradeId: '10' }),
      entry(1, '1', { id: 'd', tradedAt: at(1), tradeId: '10' }),
      entry(1, '1', { id: 'b', tradedAt: at(2), tradeId: '1' }),
    ];
    expect([...sorted].reverse().sort(compareEntries)).toEqual(sorted);
  });

  it('is total: two entries are equal only when they are one', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        for (const a of entries) {
          for (const b of entries) {
            expect(Math.sign(compareEntries(a, b))).toBe(-Math.sign(compareEntries(b, a)) + 0);
            expect(compareEntries(a, b) === 0).toBe(a.id === b.id);
          }
        }
      }),
    );
  });

  it('tells what came late: earlier, or of a smaller trade id in the same instant, or in doubt', () => {
    const [cycle] = foldEntries([entry(1, '1', { tradedAt: at(5), tradeId: '10' })]);
    const next = (seconds: number, tradeId: string) => entry(1, '1', { tradedAt: at(seconds), tradeId });
    expect(isLate(cycle!, next(4, '99'))).toBe(true);
    expect(isLate(cycle!, next(5, '9'))).toBe(true);
    expect(isLate(cycle!, next(5, '10'))).toBe(true);
    expect(isLate(cycle!, next(5, '11'))).toBe(false);
    expect(isLate(cycle!, next(6, '1'))).toBe(false);
  });

  it('decides between two of our own orders that share a trade id, whichever is heard of first', () => {
    const open = entry(10, '90', { id: 'a', tradedAt: at(1), tradeId: '1' });
    const sell = entry(-10, '100', { id: 'b', tradedAt: at(2), tradeId: '7' });
    const buy = entry(10, '100', { id: 'c', tradedAt: at(2), tradeId: '7' });
    const heard = foldEntries([open, buy]);
    expect(isLate(heard.at(-1)!, sell)).toBe(true);
    expect(plain(foldEntries([open, buy, sell]))).toEqual(plain(foldEntries([sell, buy, open])));
  });
});

describe('an entry that was taken back', () => {
  const takeBack = (of: PositionEntry): PositionEntry => ({
    ...of,
    id: `${of.id}-back`,
    quantity: -of.quantity,
    charges: of.charges.negated(),
    kind: 'CORRECTION',
    counterpart: of.id,
  });

  it('and the correction that takes it back leave the fold as it were without both, wherever they stand', () => {
    const quantities = fc.array(
      fc.integer({ min: -20, max: 20 }).filter((quantity) => quantity !== 0),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(quantities, fc.nat(), fc.integer({ min: 1, max: 999 }), (all, pick, paise) => {
        const entries = all.map((quantity, index) =>
          entry(
            quantity,
            decimal(paise + index * 7)
              .div(100)
              .toFixed(2),
            { charges: decimal(index) },
          ),
        );
        const gone = entries[pick % entries.length]!;
        const folded = foldEntries([...entries, takeBack(gone)]);
        expect(plain(folded)).toEqual(plain(foldEntries(entries.filter((one) => one !== gone))));
        const total = sum([...entries, takeBack(gone)].map(({ charges }) => charges));
        expect(sum(folded.map(({ charges }) => charges)).eq(total)).toBe(true);
      }),
    );
  });

  it('has no effect as a correction that stands for itself', () => {
    const first = entry(10, '100');
    const again = entry(10, '101', { kind: 'CORRECTION', counterpart: null });
    const [cycle] = foldEntries([first, takeBack(first), again]);
    expect(cycle).toMatchObject({ cycle: 1, quantity: 10 });
    expect(cycle?.openValue.toFixed()).toBe('1010');
  });
});
