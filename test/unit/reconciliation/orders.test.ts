import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokerOrder } from '../../../src/broker/port.ts';
import { ZERO, decimal } from '../../../src/domain/money.ts';
import type { Order } from '../../../src/domain/order.ts';
import { evolve } from '../../../src/domain/order-events.ts';
import { isFinal } from '../../../src/domain/order-status.ts';
import { bookVerdict, isTimeOver, rowDiffers } from '../../../src/reconciliation/orders.ts';
import { type OrderChanges, at, order } from '../risk/fixtures.ts';

function row(status: string, changes: Partial<BrokerOrder> = {}): BrokerOrder {
  return {
    orderId: '260715000000001',
    exchangeOrderId: 'X1',
    parentOrderId: null,
    status,
    statusMessage: null,
    exchange: 'NSE',
    tradingsymbol: 'RELIANCE',
    instrumentToken: 738561,
    transactionType: 'BUY',
    orderType: 'LIMIT',
    product: 'MIS',
    variety: 'regular',
    validity: 'DAY',
    quantity: 10,
    filledQuantity: 0,
    price: decimal(2450),
    triggerPrice: ZERO,
    averagePrice: ZERO,
    orderTimestamp: at(1),
    exchangeTimestamp: at(1),
    tag: 'Tag1',
    tags: ['Tag1'],
    raw: {},
    ...changes,
  };
}

/** An order the broker has taken. */
function submitted(changes: OrderChanges = {}): Order {
  return order({
    status: 'SUBMITTED',
    brokerOrderId: '260715000000001',
    attempt: 1,
    attemptTag: 'Tag1',
    submittedAt: at(1),
    ...changes,
  });
}

interface Trade {
  readonly tradeId: string;
  readonly quantity: number;
}

interface Seen {
  readonly order: Order;
  readonly trades: ReadonlySet<string>;
}

/** Applies one row of the book and the trades that came with it, as a poll does: before, trades, after. */
function apply(seen: Seen, book: BrokerOrder, trades: readonly Trade[], readAt: Date): Seen {
  const verdict = bookVerdict(seen.order, book, readAt);
  let now = verdict.before.reduce((one, event) => evolve(one, event, readAt), seen.order);
  const known = new Set(seen.trades);
  for (const { tradeId, quantity } of trades) {
    if (known.has(tradeId)) continue;
    known.add(tradeId);
    now = evolve(
      now,
      {
        kind: 'TradeRecorded',
        tradeId,
        brokerOrderId: book.orderId,
        exchange: 'NSE',
        day: '2026-07-15',
        side: 'BUY',
        quantity,
        price: '2450',
        tradedAt: at(2).toISOString(),
        entryId: tradeId,
        charges: {},
      },
      readAt,
    );
  }
  for (const event of verdict.after(now)) now = evolve(now, event, readAt);
  return { order: now, trades: known };
}

type Read = readonly [row: BrokerOrder, trades?: readonly Trade[]];

/** The order after rows of the book, read second by second; trades come with their row. */
function read(start: Order, ...rows: readonly Read[]): Order {
  return rows.reduce<Seen>((seen, [book, trades = []], index) => apply(seen, book, trades, at(10 + index)), {
    order: start,
    trades: new Set(),
  }).order;
}

const all = { tradeId: 't', quantity: 10 };
const half = { tradeId: 'h', quantity: 5 };

describe('a row of the book', () => {
  it.each(['PUT ORDER REQ RECEIVED', 'VALIDATION PENDING', 'OPEN PENDING', 'AMO REQ RECEIVED', 'UPDATE'])(
    'in transit as %s keeps a submitted order SUBMITTED and notes the word',
    (status) => {
      expect(read(submitted(), [row(status)])).toMatchObject({ status: 'SUBMITTED', brokerStatus: status });
    },
  );

  it.each(['OPEN', 'TRIGGER PENDING', 'MODIFY PENDING', 'NOT MODIFIED', 'CANCEL PENDING'])(
    'resting as %s opens a submitted order',
    (status) => {
      const opened = read(submitted(), [row(status)]);
      expect(opened).toMatchObject({ status: 'OPEN', brokerStatus: status, exchangeOrderId: 'X1' });
      expect(opened.lastReadAt).toEqual(at(10));
    },
  );

  it('resting opens an order also when its word was noted while in transit', () => {
    const order = submitted({ brokerStatus: 'OPEN' });
    expect(read(order, [row('OPEN')]).status).toBe('OPEN');
  });

  it('that says what is known changes nothing', () => {
    const open = read(submitted(), [row('OPEN')]);
    expect(read(open, [row('OPEN')])).toBe(open);
  });

  it('resting does not take back a partial fill', () => {
    const some = read(submitted(), [row('OPEN', { filledQuantity: 5 }), [half]]);
    expect(some.status).toBe('PARTIALLY_FILLED');
    expect(read(some, [row('MODIFIED', { filledQuantity: 5 })])).toMatchObject({
      status: 'PARTIALLY_FILLED',
      brokerStatus: 'MODIFIED',
    });
  });

  it('in transit after it rested keeps an order OPEN', () => {
    expect(read(submitted(), [row('OPEN')], [row('UPDATE')]).status).toBe('OPEN');
  });

  it('COMPLETE with its trades fills the order', () => {
    expect(read(submitted(), [row('COMPLETE', { filledQuantity: 10 }), [all]])).toMatchObject({
      status: 'FILLED',
      brokerStatus: 'COMPLETE',
      filledQuantity: 10,
      awaitingTradesSince: null,
    });
  });

  it('COMPLETE without its trades waits for them, since the first time it said so', () => {
    const complete = row('COMPLETE', { filledQuantity: 10 });
    const waiting = read(submitted(), [complete]);
    expect(waiting).toMatchObject({ status: 'SUBMITTED', brokerStatus: 'COMPLETE' });
    expect(waiting.awaitingTradesSince).toEqual(at(10));
    const more = read(submitted(), [complete], [complete, [half]], [complete]);
    expect(more).toMatchObject({ status: 'PARTIALLY_FILLED', filledQuantity: 5 });
    expect(more.awaitingTradesSince).toEqual(at(10));
    expect(
      read(submitted(), [complete], [complete, [half]], [complete, [{ tradeId: 'h2', quantity: 5 }]]),
    ).toMatchObject({
      status: 'FILLED',
      awaitingTradesSince: null,
    });
  });

  it('CANCELLED without fills ends the order with the reason given', () => {
    const ended = read(submitted(), [row('CANCELLED', { statusMessage: 'by the exchange' })]);
    expect(ended).toMatchObject({ status: 'CANCELLED', statusReason: 'by the exchange' });
    expect(read(submitted(), [row('CANCELLED')]).statusReason).toBe(
      'cancelled at the broker; by whom its row does not say',
    );
  });

  it('CANCELLED with fills waits for its trades, and then ends with them', () => {
    const cancelled = row('CANCELLED', { filledQuantity: 5 });
    const waiting = read(submitted(), [cancelled]);
    expect(isFinal(waiting.status)).toBe(false);
    expect(waiting.awaitingTradesSince).toEqual(at(10));
    expect(read(submitted(), [cancelled], [cancelled, [half]])).toMatchObject({
      status: 'CANCELLED',
      filledQuantity: 5,
      awaitingTradesSince: null,
    });
    expect(read(submitted(), [cancelled, [half]])).toMatchObject({ status: 'CANCELLED', filledQuantity: 5 });
  });

  it('CANCELLED after all was filled leaves the order FILLED', () => {
    expect(read(submitted(), [row('CANCELLED', { filledQuantity: 10 }), [all]]).status).toBe('FILLED');
  });

  it('REJECTED with fills waits for its trades, and then ends with them', () => {
    const rejected = row('REJECTED', { filledQuantity: 5 });
    const waiting = read(submitted(), [rejected]);
    expect(isFinal(waiting.status)).toBe(false);
    expect(waiting.awaitingTradesSince).toEqual(at(10));
    expect(read(submitted(), [rejected], [rejected, [half]])).toMatchObject({
      status: 'REJECTED',
      filledQuantity: 5,
      awaitingTradesSince: null,
    });
  });

  it.each(['CANCELLED', 'REJECTED'])('%s is the last word that is kept of the broker', (status) => {
    expect(read(submitted(), [row('OPEN')], [row(status)])).toMatchObject({ status, brokerStatus: status });
  });

  it('REJECTED tells the broker from the exchange by the exchange order id', () => {
    const by = (exchangeOrderId: string | null) => read(submitted(), [row('REJECTED', { exchangeOrderId })]);
    expect(by(null)).toMatchObject({
      status: 'REJECTED',
      rejectedBy: 'BROKER',
      statusReason: 'rejected without a reason',
    });
    expect(by('X1')).toMatchObject({ status: 'REJECTED', rejectedBy: 'EXCHANGE' });
  });

  it('REJECTED gives its reason, and names no check of ours', () => {
    const rejected = read(submitted(), [row('REJECTED', { statusMessage: 'margin exceeds' })]);
    expect(rejected).toMatchObject({ statusReason: 'margin exceeds', failedCheck: null });
  });

  it.each(['SOMETHING NEW', '__proto__', 'constructor'])(
    'of the unheard-of status "%s" keeps the order live and is told',
    (status) => {
      const verdict = bookVerdict(submitted(), row(status), at(10));
      expect(verdict.unheardOf).toBe(true);
      expect(read(submitted(), [row(status)])).toMatchObject({ status: 'SUBMITTED', brokerStatus: status });
      expect(read(submitted(), [row('OPEN')], [row(status)]).status).toBe('OPEN');
    },
  );

  it('of a documented status is not told', () => {
    for (const status of ['OPEN', 'UPDATE', 'COMPLETE', 'CANCELLED', 'REJECTED']) {
      expect(bookVerdict(submitted(), row(status), at(10)).unheardOf).toBe(false);
    }
  });

  it.each(['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const)(
    'changes nothing of an order that is %s',
    (status) => {
      const finished = submitted({ status, finishedAt: at(5), brokerStatus: 'OPEN' });
      for (const word of ['OPEN', 'COMPLETE', 'CANCELLED', 'REJECTED', 'UPDATE', 'SOMETHING NEW']) {
        expect(read(finished, [row(word)])).toBe(finished);
      }
    },
  );

  it('gives a finished order the trades that came late, and leaves its status', () => {
    const cancelled = read(submitted(), [row('CANCELLED')]);
    expect(read(cancelled, [row('COMPLETE', { filledQuantity: 10 }), [all]])).toMatchObject({
      status: 'CANCELLED',
      filledQuantity: 10,
    });
  });
});

describe('an older read of the book', () => {
  it('says nothing about the status', () => {
    const open = submitted({ status: 'OPEN', brokerStatus: 'OPEN', lastReadAt: at(10) });
    for (const word of ['COMPLETE', 'CANCELLED', 'REJECTED', 'UPDATE', 'SOMETHING NEW']) {
      const verdict = bookVerdict(open, row(word, { filledQuantity: 5 }), at(9));
      expect([verdict.before, verdict.after(open), verdict.unheardOf]).toEqual([[], [], false]);
    }
  });

  it('still brings its trades', () => {
    const open = submitted({ status: 'OPEN', brokerStatus: 'OPEN', lastReadAt: at(10) });
    const seen = apply(
      { order: open, trades: new Set() },
      row('COMPLETE', { filledQuantity: 5 }),
      [half],
      at(9),
    );
    expect(seen.order).toMatchObject({ status: 'PARTIALLY_FILLED', brokerStatus: 'OPEN', filledQuantity: 5 });
  });

  it('is not one that began in the same instant', () => {
    const open = submitted({ status: 'OPEN', brokerStatus: 'OPEN', lastReadAt: at(10) });
    const seen = apply({ order: open, trades: new Set() }, row('CANCELLED'), [], at(10));
    expect(seen.order.status).toBe('CANCELLED');
  });
});

describe('a row differs from what we hold', () => {
  const held = (changes: OrderChanges) => submitted({ status: 'OPEN', brokerStatus: 'OPEN', ...changes });

  it.each([
    ['nothing is new', held({}), row('OPEN'), false],
    ['the word is new', held({}), row('CANCEL PENDING'), true],
    ['the fills are new', held({}), row('OPEN', { filledQuantity: 1 }), true],
    ['the end is new', held({}), row('CANCELLED'), true],
    [
      'a known end waits for trades that came meanwhile',
      held({ brokerStatus: 'CANCELLED', filledQuantity: 5 }),
      row('CANCELLED', { filledQuantity: 5 }),
      true,
    ],
    ['it rests, and ours does not yet', submitted({ brokerStatus: 'OPEN' }), row('OPEN'), true],
    ['it is in transit, and ours too', submitted({ brokerStatus: 'UPDATE' }), row('UPDATE'), false],
    ['ours is finished', held({ status: 'CANCELLED' }), row('COMPLETE'), false],
    [
      'ours is finished and fills came late',
      held({ status: 'CANCELLED' }),
      row('COMPLETE', { filledQuantity: 3 }),
      true,
    ],
  ] as const)('when %s', (_, ours, theirs, differs) => {
    expect(rowDiffers(ours, theirs)).toBe(differs);
  });

  it('whenever it would change the order: a row that does not differ may be left out', () => {
    const word = fc.constantFrom(
      'OPEN',
      'UPDATE',
      'TRIGGER PENDING',
      'COMPLETE',
      'CANCELLED',
      'REJECTED',
      'NEW WORD',
    );
    const step = fc.record({ word, filled: fc.integer({ min: 0, max: 10 }), trades: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        let seen: Seen = { order: submitted(), trades: new Set() };
        steps.forEach(({ word: status, filled, trades }, index) => {
          const known = seen.order.filledQuantity;
          const filledQuantity = Math.max(filled, known);
          const missing = { tradeId: `t${index}`, quantity: filledQuantity - known };
          const brought = trades && missing.quantity > 0 ? [missing] : [];
          const book = row(status, { filledQuantity });
          const next = apply(seen, book, brought, at(10 + index));
          if (!rowDiffers(seen.order, book)) {
            expect(next.order.status).toBe(seen.order.status);
            expect(next.order.filledQuantity).toBe(seen.order.filledQuantity);
          }
          seen = next;
        });
      }),
    );
  });
});

/** Lives of an order at the broker: words in an order that happens, with what is filled by then, and how it ends. */
const lives = fc
  .record({
    early: fc.subarray(['PUT ORDER REQ RECEIVED', 'VALIDATION PENDING', 'OPEN PENDING']),
    resting: fc.array(fc.constantFrom('OPEN', 'TRIGGER PENDING', 'MODIFIED', 'CANCEL PENDING', 'NEW WORD'), {
      maxLength: 4,
    }),
    fills: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }),
    end: fc.constantFrom('COMPLETE', 'CANCELLED', 'REJECTED'),
  })
  .map(({ early, resting, fills, end }) => {
    let left = 10;
    const trades = fills.flatMap((size, index): Trade[] => {
      const quantity = Math.min(size, left);
      left -= quantity;
      return quantity > 0 ? [{ tradeId: `t${index}`, quantity }] : [];
    });
    // COMPLETE means all of it; REJECTED none of it.
    const traded =
      end === 'REJECTED'
        ? []
        : end === 'COMPLETE' && left > 0
          ? [...trades, { tradeId: 'rest', quantity: left }]
          : trades;
    const words = [...early, ...resting, end];
    const snapshots = words.map((status, index) => {
      const isEnd = index === words.length - 1;
      const rests = index >= early.length;
      const known = isEnd ? traded : rests ? traded.slice(0, index - early.length) : [];
      const filledQuantity = known.reduce((total, trade) => total + trade.quantity, 0);
      return { book: row(status, { filledQuantity }), trades: known, readAt: at(10 + index) };
    });
    return { snapshots, end, filled: traded.reduce((total, trade) => total + trade.quantity, 0) };
  });

const disturbed = lives.chain((life) =>
  fc
    .tuple(
      fc.shuffledSubarray(life.snapshots, { minLength: life.snapshots.length }),
      fc.array(fc.constantFrom(...life.snapshots), { maxLength: 6 }),
    )
    .map(([shuffled, repeats]) => ({ ...life, reads: [...shuffled, ...repeats] })),
);

describe('reads of the book in any order, any number of times', () => {
  const follow = (
    snapshots: (typeof disturbed extends fc.Arbitrary<infer D> ? D : never)['reads'],
  ): Seen[] => {
    const states: Seen[] = [{ order: submitted(), trades: new Set<string>() }];
    for (const { book, trades, readAt } of snapshots)
      states.push(apply(states.at(-1)!, book, trades, readAt));
    return states;
  };

  it('end in the state of reading each once and in order', () => {
    fc.assert(
      fc.property(disturbed, ({ snapshots, reads, end, filled }) => {
        const newest = snapshots.at(-1)!;
        const expected = follow(snapshots).at(-1)!.order;
        // Polls go on: the newest state is read again.
        const { order: found } = follow([...reads, newest]).at(-1)!;
        const facts = ({ status, filledQuantity, rejectedBy, awaitingTradesSince }: Order) => ({
          status,
          filledQuantity,
          rejectedBy,
          awaitingTradesSince,
        });
        expect(facts(found)).toEqual(facts(expected));
        const meant = end === 'REJECTED' ? 'REJECTED' : filled === 10 ? 'FILLED' : 'CANCELLED';
        expect(found.status).toBe(end === 'COMPLETE' ? 'FILLED' : meant);
        expect(found.filledQuantity).toBe(filled);
      }),
      { numRuns: 400 },
    );
  });

  it('never count a trade twice, and never let an order that ended live again', () => {
    fc.assert(
      fc.property(disturbed, ({ reads, filled }) => {
        const states = follow(reads).map(({ order: one }) => one);
        states.forEach((state, index) => {
          expect(state.filledQuantity).toBeLessThanOrEqual(filled);
          const before = states[index - 1];
          if (before !== undefined && isFinal(before.status)) expect(state.status).toBe(before.status);
          if (before !== undefined)
            expect(state.filledQuantity).toBeGreaterThanOrEqual(before.filledQuantity);
        });
      }),
      { numRuns: 400 },
    );
  });
});

describe('an order of limited life', () => {
  /** T0 is 09:30:00 in India, the claim; the answer, and with it submittedAt, came six seconds later. */
  const ttl = (changes: OrderChanges = {}): Order =>
    submitted({ validity: 'TTL', validityMinutes: 1, claimedAt: at(0), submittedAt: at(6), ...changes });
  const ended = (endedAt: string | null, changes: Partial<BrokerOrder> = {}): BrokerOrder =>
    row('CANCELLED', {
      orderTimestamp: at(2),
      exchangeTimestamp: at(2),
      raw: { cancelled_quantity: 10, exchange_update_timestamp: endedAt },
      ...changes,
    });

  it.each([
    [
      'when its minutes are over by the exchange, before they are by our record',
      ttl(),
      ended(null),
      62,
      true,
    ],
    ['a few seconds early, by clocks that differ', ttl(), ended(null), 56, true],
    ['well before', ttl(), ended(null), 50, false],
    ['in time, however late it is read', ttl(), ended('2026-07-15 09:30:40'), 500, false],
    ['by its time, however late it is read', ttl(), ended('2026-07-15 09:31:02'), 500, true],
    [
      'by its time, with stamps of its end',
      ttl(),
      ended(null, { orderTimestamp: at(62), exchangeTimestamp: at(62) }),
      63,
      true,
    ],
    [
      'by the time it began when it was modified',
      ttl({ modifications: 1 }),
      ended(null, { orderTimestamp: at(30), exchangeTimestamp: at(30) }),
      63,
      false,
    ],
    ['by no time: it has none', ttl({ validity: 'DAY', validityMinutes: null }), ended(null), 500, false],
    [
      'by nobody knows what',
      ttl({ claimedAt: null }),
      ended(null, { orderTimestamp: null, exchangeTimestamp: null }),
      500,
      false,
    ],
  ] as const)('ends %s', (_, of, read, second, isOver) => {
    expect(isTimeOver(of, read, at(second))).toBe(isOver);
    const [event] = bookVerdict(of, read, at(second)).after(of);
    expect(event?.kind).toBe(isOver ? 'OrderExpired' : 'OrderCancelled');
  });
});
