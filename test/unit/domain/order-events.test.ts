import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/lib/assert.ts';
import { decimal, sum } from '../../../src/domain/money.ts';
import { counted, reservedMargin } from '../../../src/domain/live-order.ts';
import { type Order, averageFillPrice, leavesQuantity, openingLeaves } from '../../../src/domain/order.ts';
import {
  FAST_PATH_GRACE_MS,
  type OrderEvent,
  acceptedOrder,
  evolve,
} from '../../../src/domain/order-events.ts';
import {
  ORDER_EVENT_KINDS,
  ORDER_STATUSES,
  type OrderEventKind,
  type OrderStatus,
  isFinal,
  isLive,
  targetOf,
} from '../../../src/domain/order-status.ts';
import { T0, at, terms } from '../risk/fixtures.ts';

let trades = 0;

/** One event of each kind, as a service would write it. */
const EVENTS: Readonly<Record<OrderEventKind, (changes?: object) => OrderEvent>> = {
  OrderValidated: (changes) => ({
    kind: 'OrderValidated',
    openingQuantity: 10,
    marginPerUnit: '490.12345678',
    riskPerUnit: '20',
    referencePrice: '2450',
    ...changes,
  }),
  OrderRejected: (changes) => ({
    kind: 'OrderRejected',
    by: 'BROKER',
    failedCheck: null,
    reason: 'no margin',
    ...changes,
  }),
  SubmissionClaimed: (changes) => ({
    kind: 'SubmissionClaimed',
    attempt: 1,
    tag: 'Tag1',
    notBefore: at(1).toISOString(),
    sendBy: at(2).toISOString(),
    resolveAt: at(9).toISOString(),
    ...changes,
  }),
  SubmissionReleased: (changes) => ({
    kind: 'SubmissionReleased',
    attempt: 1,
    reason: 'RATE_LIMITED',
    retryAt: at(20).toISOString(),
    ...changes,
  }),
  SubmissionUnknown: (changes) => ({ kind: 'SubmissionUnknown', attempt: 1, reason: 'TIMEOUT', ...changes }),
  OrderSubmitted: (changes) => ({
    kind: 'OrderSubmitted',
    attempt: 1,
    brokerOrderId: '260715000000001',
    via: 'ANSWER',
    ...changes,
  }),
  OrderOpened: (changes) => ({ ...bookEvent(), ...changes, kind: 'OrderOpened' }),
  BrokerStatusChanged: (changes) => ({ ...bookEvent(), ...changes, kind: 'BrokerStatusChanged' }),
  TradeRecorded: (changes) => ({
    kind: 'TradeRecorded',
    tradeId: `t${(trades += 1)}`,
    brokerOrderId: '260715000000001',
    exchange: 'NSE',
    day: '2026-07-15',
    side: 'BUY',
    quantity: 4,
    price: '2449.95',
    tradedAt: at(5).toISOString(),
    entryId: 'e1',
    charges: { total: '1.23' },
    ...changes,
  }),
  TradeCorrected: (changes) => ({
    kind: 'TradeCorrected',
    tradeId: 't1',
    brokerOrderId: '260715000000001',
    exchange: 'NSE',
    day: '2026-07-15',
    side: 'BUY',
    from: { quantity: 4, price: '2449.95' },
    to: { quantity: 4, price: '2450' },
    reason: 'corrected by the exchange',
    ...changes,
  }),
  OrderAbsorbed: (changes) => ({ kind: 'OrderAbsorbed', intoOrderId: 'o2', reason: 'adopted', ...changes }),
  ModifyClaimed: (changes) => ({ kind: 'ModifyClaimed', commandId: 'k1', ...RESERVE, ...changes }),
  ModifyReleased: (changes) => ({
    kind: 'ModifyReleased',
    commandId: 'k1',
    reason: 'refused',
    notDone: false,
    ...changes,
  }),
  OrderModified: (changes) => ({
    kind: 'OrderModified',
    commandId: 'k1',
    terms: { price: '2440' },
    figures: null,
    ...changes,
  }),
  OrderCancelled: (changes) => ({ kind: 'OrderCancelled', by: 'BROKER', reason: 'by the user', ...changes }),
  OrderExpired: (changes) => ({ kind: 'OrderExpired', reason: 'end of day', ...changes }),
};

const RESERVE = {
  quantity: 15,
  openingQuantity: 15,
  marginPerUnit: '500',
  riskPerUnit: '10',
  referencePrice: '2440',
  valuePerUnit: '2440',
} as const;

function bookEvent() {
  return {
    kind: 'BrokerStatusChanged' as const,
    brokerStatus: 'OPEN',
    exchangeOrderId: null,
    awaitingTrades: false,
    readAt: at(6).toISOString(),
  };
}

/** The shortest road to each status. */
const ROADS: Record<OrderStatus, readonly OrderEventKind[]> = {
  PENDING: [],
  VALIDATED: ['OrderValidated'],
  SUBMITTING: ['OrderValidated', 'SubmissionClaimed'],
  UNKNOWN: ['OrderValidated', 'SubmissionClaimed', 'SubmissionUnknown'],
  SUBMITTED: ['OrderValidated', 'SubmissionClaimed', 'OrderSubmitted'],
  OPEN: ['OrderValidated', 'SubmissionClaimed', 'OrderSubmitted', 'OrderOpened'],
  PARTIALLY_FILLED: ['OrderValidated', 'SubmissionClaimed', 'OrderSubmitted', 'TradeRecorded'],
  FILLED: [
    'OrderValidated',
    'SubmissionClaimed',
    'OrderSubmitted',
    'TradeRecorded',
    'TradeRecorded',
    'TradeRecorded',
  ],
  CANCELLED: ['OrderValidated', 'OrderCancelled'],
  REJECTED: ['OrderRejected'],
  EXPIRED: ['OrderValidated', 'OrderExpired'],
};

function orderIn(status: OrderStatus): Order {
  const road = ROADS[status].map((kind, index) =>
    kind === 'TradeRecorded' && index === 5 ? EVENTS.TradeRecorded({ quantity: 2 }) : EVENTS[kind](),
  );
  return road.reduce((order, event) => evolve(order, event, at(7)), acceptedOrder(terms(), T0));
}

function follow(...events: readonly OrderEvent[]): Order {
  return events.reduce((order, event) => evolve(order, event, at(7)), acceptedOrder(terms(), T0));
}

const toBroker = () => [EVENTS.OrderValidated(), EVENTS.SubmissionClaimed(), EVENTS.OrderSubmitted()];
const pairs = ORDER_STATUSES.flatMap((status) => ORDER_EVENT_KINDS.map((kind) => [status, kind] as const));
const allowed = pairs.filter(([status, kind]) => targetOf(status, kind) !== null);
const refused = pairs.filter(([status, kind]) => targetOf(status, kind) === null);

describe('evolve', () => {
  it('has roads in this test that lead to every status', () => {
    for (const status of ORDER_STATUSES) expect(orderIn(status).status).toBe(status);
  });

  it.each(allowed)('moves an order in %s by %s where the table says', (status, kind) => {
    const before = orderIn(status);
    const after = evolve(before, EVENTS[kind](), at(8));
    const target = targetOf(status, kind);
    const byTrades = after.filledQuantity === 0 ? 'OPEN' : 'PARTIALLY_FILLED';
    const expected = target === 'SAME' ? status : target === 'FILLS' ? byTrades : target;
    // The correction of this test changes a price alone: what is full stays full.
    expect(after.status).toBe(status === 'FILLED' && kind === 'TradeCorrected' ? 'FILLED' : expected);
    expect(after.version).toBe(before.version + 1);
    expect(after.updatedAt).toEqual(at(8));
  });

  it.each(refused)('refuses, for an order in %s, %s and changes nothing', (status, kind) => {
    const before = orderIn(status);
    const copy = { ...before };
    expect(() => evolve(before, EVENTS[kind](), at(8))).toThrow(InvariantError);
    expect(() => evolve(before, EVENTS[kind](), at(8))).toThrow(`${kind} may not happen in ${status}`);
    expect(before).toEqual(copy);
  });

  it.each(allowed)('leaves the order it was given as it was, in %s by %s', (status, kind) => {
    const before = Object.freeze(orderIn(status));
    evolve(before, EVENTS[kind](), at(8));
    expect(before).toEqual(orderIn(status));
  });

  const others = allowed.filter(([, kind]) => kind !== 'OrderModified');
  it.each(others)('never changes the terms, in %s by %s', (status, kind) => {
    expect(evolve(orderIn(status), EVENTS[kind](), at(8))).toMatchObject(terms());
  });

  it('begins PENDING at version 1 with nothing sent, and a first look half a second later', () => {
    const order = acceptedOrder(terms(), T0);
    expect(order).toMatchObject({
      status: 'PENDING',
      version: 1,
      attempt: 0,
      filledQuantity: 0,
      finishedAt: null,
    });
    expect(order.nextStepAt).toEqual(new Date(T0.getTime() + FAST_PATH_GRACE_MS));
  });
});

describe('when an order is looked at next', () => {
  it('is soon after it was validated, for the submission', () => {
    const order = evolve(acceptedOrder(terms(), T0), EVENTS.OrderValidated(), at(3));
    expect(order.nextStepAt).toEqual(new Date(at(3).getTime() + FAST_PATH_GRACE_MS));
  });

  it('is past the answer of a claim, so that a live worker is not taken for a dead one', () => {
    expect(orderIn('SUBMITTING').nextStepAt).toEqual(at(9));
  });

  it('is when the pause of a released claim is over', () => {
    const order = follow(EVENTS.OrderValidated(), EVENTS.SubmissionClaimed(), EVENTS.SubmissionReleased());
    expect(order.nextStepAt).toEqual(at(20));
  });

  it.each(['UNKNOWN', 'SUBMITTED', 'OPEN', 'PARTIALLY_FILLED'] as const)(
    'is up to polls and people in %s',
    (status) => {
      expect(orderIn(status).nextStepAt).toBeNull();
    },
  );

  it.each(['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const)('is never once it is %s', (status) => {
    const order = orderIn(status);
    expect(order.nextStepAt).toBeNull();
    expect(order.finishedAt).toEqual(at(7));
  });
});

describe('the end of an order', () => {
  it.each(ORDER_STATUSES)('has an instant exactly when its status is final: %s', (status) => {
    expect(orderIn(status).finishedAt !== null).toBe(isFinal(status));
  });

  it.each(['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const)(
    'in %s keeps its status and its first instant when a late trade is recorded',
    (status) => {
      const before = orderIn(status);
      const after = evolve(before, EVENTS.TradeRecorded({ quantity: 1 }), at(99));
      expect(after.status).toBe(status);
      expect(after.finishedAt).toEqual(before.finishedAt);
      expect(after.filledQuantity).toBe(before.filledQuantity + 1);
      expect(leavesQuantity(after)).toBe(0);
    },
  );

  it('keeps the status of a cancelled order also when late trades add up to all of it', () => {
    expect(evolve(orderIn('CANCELLED'), EVENTS.TradeRecorded({ quantity: 10 }), at(99)).status).toBe(
      'CANCELLED',
    );
  });

  it('is taken back when a late twin is adopted: live again, without the reason of its refusal', () => {
    const rejected = follow(EVENTS.OrderRejected({ by: 'OMS', failedCheck: 'BALANCE' }));
    const adopted = evolve(rejected, EVENTS.OrderSubmitted({ via: 'BOOK' }), at(30));
    expect(adopted).toMatchObject({
      status: 'SUBMITTED',
      finishedAt: null,
      rejectedBy: null,
      failedCheck: null,
      statusReason: null,
      brokerOrderId: '260715000000001',
    });
    expect(adopted.submittedAt).toEqual(at(30));
  });

  it('leads a late twin that has late fills to what its fills say', () => {
    const some = evolve(orderIn('CANCELLED'), EVENTS.TradeRecorded({ quantity: 3 }), at(20));
    expect(evolve(some, EVENTS.OrderSubmitted(), at(30)).status).toBe('PARTIALLY_FILLED');
    const all = evolve(orderIn('CANCELLED'), EVENTS.TradeRecorded({ quantity: 10 }), at(20));
    const filled = evolve(all, EVENTS.OrderSubmitted(), at(30));
    expect(filled.status).toBe('FILLED');
    expect(filled.finishedAt).not.toBeNull();
  });

  it('names by whom and why it was rejected', () => {
    const order = follow(
      EVENTS.OrderRejected({ by: 'OMS', failedCheck: 'RISK_REWARD', reason: 'ratio 1.50' }),
    );
    expect(order).toMatchObject({
      rejectedBy: 'OMS',
      failedCheck: 'RISK_REWARD',
      statusReason: 'ratio 1.50',
    });
  });
});

describe('claims and answers', () => {
  it('keep the newest attempt, its tag and its deadline', () => {
    const order = follow(EVENTS.OrderValidated(), EVENTS.SubmissionClaimed({ attempt: 3, tag: 'Tag3' }));
    expect(order).toMatchObject({ attempt: 3, attemptTag: 'Tag3', claimedAt: at(7), sendBy: at(2) });
  });

  it('keep the attempt and its tag while nobody knows the answer', () => {
    expect(orderIn('UNKNOWN')).toMatchObject({ attempt: 1, attemptTag: 'Tag1', statusReason: 'TIMEOUT' });
  });

  it('keep the first instant of submission when the answer comes twice', () => {
    const submitted = follow(...toBroker());
    const again = evolve({ ...submitted, status: 'UNKNOWN' }, EVENTS.OrderSubmitted(), at(50));
    expect(again.submittedAt).toEqual(at(7));
  });

  it('note since when the trades of a complete order are awaited, until they add up', () => {
    const complete = (readAt: Date) =>
      EVENTS.BrokerStatusChanged({
        brokerStatus: 'COMPLETE',
        awaitingTrades: true,
        readAt: readAt.toISOString(),
      });
    const waiting = evolve(follow(...toBroker()), complete(at(10)), at(11));
    expect(waiting.awaitingTradesSince).toEqual(at(11));
    expect(waiting.lastReadAt).toEqual(at(10));
    expect(evolve(waiting, complete(at(12)), at(13)).awaitingTradesSince).toEqual(at(11));
    const some = evolve(waiting, EVENTS.TradeRecorded({ quantity: 9 }), at(14));
    expect(some.awaitingTradesSince).toEqual(at(11));
    const all = evolve(some, EVENTS.TradeRecorded({ quantity: 1 }), at(15));
    expect(all).toMatchObject({ status: 'FILLED', awaitingTradesSince: null });
  });

  it('keep the exchange order id once it is known', () => {
    const opened = evolve(follow(...toBroker()), EVENTS.OrderOpened({ exchangeOrderId: 'X1' }), at(8));
    expect(evolve(opened, EVENTS.BrokerStatusChanged(), at(9)).exchangeOrderId).toBe('X1');
  });
});

describe('a modify', () => {
  const { ModifyClaimed, ModifyReleased, OrderModified, TradeRecorded } = EVENTS;

  it('shows the old terms until it is done, while limits count the larger of both', () => {
    const claimed = follow(...toBroker(), ModifyClaimed());
    expect(claimed).toMatchObject({ ...terms(), reserve: RESERVE, modifications: 1 });
    expect(counted(claimed)).toMatchObject({ quantity: 15, openingQuantity: 15 });
    expect(reservedMargin(counted(claimed)).toFixed()).toBe('7500');
    // A smaller one takes nothing away before it is done.
    const smaller = follow(
      ...toBroker(),
      ModifyClaimed({ quantity: 5, openingQuantity: 5, marginPerUnit: '1' }),
    );
    expect(reservedMargin(counted(smaller))).toEqual(reservedMargin(smaller));
  });

  it('once done leaves its terms and figures, and nothing reserved beside them', () => {
    const done = follow(
      ...toBroker(),
      ModifyClaimed(),
      OrderModified({ terms: { quantity: 15, stopLoss: '2430' }, figures: RESERVE }),
    );
    expect(done).toMatchObject({ quantity: 15, openingQuantity: 15, reserve: null, status: 'SUBMITTED' });
    expect([done.stopLoss?.toFixed(), done.marginPerUnit?.toFixed()]).toEqual(['2430', '500']);
  });

  it('that was refused leaves the order as it was, and counts at the broker unless it was certainly not taken', () => {
    const before = follow(...toBroker());
    const refused = follow(...toBroker(), ModifyClaimed(), ModifyReleased());
    expect(refused).toMatchObject({ ...terms(), reserve: null, modifications: 1 });
    expect(reservedMargin(counted(refused))).toEqual(reservedMargin(before));
    expect(follow(...toBroker(), ModifyClaimed(), ModifyReleased({ notDone: true })).modifications).toBe(0);
  });

  it('that was lost stays counted beside those after it, whatever becomes of them, until the book speaks', () => {
    const lost = [...toBroker(), ModifyClaimed({ commandId: 'lost' })];
    const second = ModifyClaimed({
      commandId: 'k2',
      quantity: 12,
      openingQuantity: 12,
      marginPerUnit: '900',
    });
    const both = follow(...lost, second);
    expect(counted(both)).toMatchObject({ quantity: 15, openingQuantity: 15 });
    expect(both.reserve).toMatchObject({ quantity: 12 });
    expect(reservedMargin(counted(both)).toFixed()).toBe('13500');

    for (const after of [
      [ModifyReleased({ commandId: 'k2' })],
      // It was never claimed, or is not the one that is reserved.
      [ModifyReleased({ commandId: 'k2' }), ModifyReleased({ commandId: 'k3' })],
    ]) {
      const left = follow(...lost, second, ...after);
      expect(counted(left)).toMatchObject({ quantity: 15 });
      expect(reservedMargin(counted(left)).toFixed()).toBe('7500');
    }
    const third = follow(
      ...lost,
      second,
      ModifyClaimed({ commandId: 'k4', quantity: 5, openingQuantity: 5 }),
    );
    expect(counted(third)).toMatchObject({ quantity: 15, marginPerUnit: decimal(900) });
    expect(follow(...lost, second, OrderModified({ commandId: null })).reserve).toBeNull();
  });

  it('down to what is filled fills the order, and its opening part never passes its quantity', () => {
    const cut = follow(...toBroker(), TradeRecorded(), OrderModified({ terms: { quantity: 4 } }));
    expect(cut).toMatchObject({ status: 'FILLED', quantity: 4, filledQuantity: 4, openingQuantity: 4 });
    expect(leavesQuantity(cut)).toBe(0);
  });

  it('up while part-filled leaves the new quantity less what is filled', () => {
    const raised = follow(...toBroker(), TradeRecorded(), OrderModified({ terms: { quantity: 15 } }));
    expect([raised.status, leavesQuantity(raised)]).toEqual(['PARTIALLY_FILLED', 11]);
  });

  it('before the order is at the broker sends it through its checks again', () => {
    expect(follow(OrderModified())).toMatchObject({ status: 'PENDING', version: 2 });
    const again = follow(EVENTS.OrderValidated(), OrderModified());
    expect(again.status).toBe('PENDING');
    expect(again.nextStepAt).toEqual(new Date(at(7).getTime() + FAST_PATH_GRACE_MS));
  });

  it('of stop and target alone leaves what another one reserved', () => {
    const local = follow(...toBroker(), ModifyClaimed(), OrderModified({ terms: { takeProfit: '2500' } }));
    expect(local).toMatchObject({ reserve: RESERVE });
  });
});

/** Any life of an order: at each step one of the events that may happen. */
const lives = fc
  .record({
    quantity: fc.integer({ min: 1, max: 500 }),
    opening: fc.integer({ min: 0, max: 500 }),
    margin: fc.integer({ min: 1, max: 10_000_000 }).map((n) => decimal(n).div(10_000).toFixed()),
    steps: fc.array(
      fc.record({
        pick: fc.nat(),
        fill: fc.integer({ min: 1, max: 200 }),
        paise: fc.integer({ min: 1, max: 1_000_000 }),
      }),
      {
        maxLength: 25,
      },
    ),
  })
  .map(({ quantity, opening, margin, steps }) => {
    const openingQuantity = Math.min(opening, quantity);
    const life = [acceptedOrder(terms({ quantity }), T0)];
    const fills: { readonly quantity: number; readonly price: string }[] = [];
    steps.forEach(({ pick, fill, paise }, index) => {
      const order = life.at(-1)!;
      const left = quantity - order.filledQuantity;
      const kinds = ORDER_EVENT_KINDS.filter(
        (kind) =>
          targetOf(order.status, kind) !== null &&
          (kind !== 'TradeRecorded' || left > 0) &&
          (kind !== 'TradeCorrected' || fills.length > 0),
      );
      const kind = kinds[pick % kinds.length];
      if (kind === undefined) return;
      const traded = { quantity: Math.min(fill, left), price: decimal(paise).div(100).toFixed() };
      const from = kind === 'TradeCorrected' ? fills.pop() : undefined;
      const to = from === undefined || fill % 2 === 0 ? null : { ...traded, quantity: from.quantity };
      if (kind === 'TradeRecorded') fills.push(traded);
      if (to !== null) fills.push(to);
      const event =
        kind === 'TradeRecorded'
          ? EVENTS.TradeRecorded(traded)
          : kind === 'TradeCorrected'
            ? EVENTS.TradeCorrected({ from, to })
            : kind === 'OrderValidated'
              ? EVENTS.OrderValidated({ openingQuantity, marginPerUnit: margin })
              : EVENTS[kind]();
      life.push(evolve(order, event, at(10 + index)));
    });
    return { life, fills, openingQuantity, margin, quantity };
  });

describe('in any life of an order', () => {
  it('the leaves are what is not filled while it is unfinished, and nothing afterwards', () => {
    fc.assert(
      fc.property(lives, ({ life, quantity }) => {
        for (const order of life) {
          expect(leavesQuantity(order)).toBe(isFinal(order.status) ? 0 : quantity - order.filledQuantity);
        }
      }),
    );
  });

  it('the reducing part fills first, so the opening leaves are the last of what is left', () => {
    fc.assert(
      fc.property(lives, ({ life, openingQuantity, quantity }) => {
        for (const order of life) {
          const validated = order.marginPerUnit === null ? 0 : openingQuantity;
          const reducing = quantity - validated;
          const openingFilled = Math.max(0, order.filledQuantity - reducing);
          const expected = isLive(order.status) ? validated - openingFilled : 0;
          expect(openingLeaves(order)).toBe(expected);
        }
      }),
    );
  });

  it('margin is reserved for the opening leaves alone: none when it is not live, never more after a fill', () => {
    fc.assert(
      fc.property(lives, ({ life, margin }) => {
        life.forEach((order, index) => {
          const reserved = reservedMargin(order);
          if (!isLive(order.status)) expect(reserved.isZero()).toBe(true);
          const perUnit = order.marginPerUnit === null ? decimal(0) : decimal(margin);
          expect(reserved.eq(perUnit.times(openingLeaves(order)))).toBe(true);
          // Twins may come back to life, and corrections take fills back; every other step from one live status to the
          // next only gives margin free.
          const before = life[index - 1];
          if (before?.corrections === order.corrections && isLive(before.status))
            expect(reserved.lte(reservedMargin(before))).toBe(true);
        });
      }),
    );
  });

  it('the version rises by one a step', () => {
    fc.assert(
      fc.property(lives, ({ life }) => {
        expect(life.map((order) => order.version)).toEqual(life.map((_, index) => index + 1));
      }),
    );
  });

  it('filled quantity, filled value and average are exactly those of its trades', () => {
    fc.assert(
      fc.property(lives, ({ life, fills }) => {
        const order = life.at(-1)!;
        const value = sum(fills.map((fill) => decimal(fill.price).times(fill.quantity)));
        expect(order.filledQuantity).toBe(fills.reduce((total, fill) => total + fill.quantity, 0));
        expect(order.filledValue.eq(value)).toBe(true);
        const average = averageFillPrice(order);
        if (fills.length === 0) expect(average).toBeNull();
        else expect(average?.eq(value.div(order.filledQuantity))).toBe(true);
      }),
    );
  });

  it('it is finished exactly when its status is final, and a finished order has no next step', () => {
    fc.assert(
      fc.property(lives, ({ life }) => {
        for (const order of life) {
          expect(order.finishedAt !== null).toBe(isFinal(order.status));
          if (isFinal(order.status)) expect(order.nextStepAt).toBeNull();
          if (order.status === 'FILLED') expect(order.filledQuantity).toBe(order.quantity);
          if (order.status === 'REJECTED') expect(order.rejectedBy).not.toBeNull();
        }
      }),
    );
  });

  it('events survive the journal: after JSON and back they lead to the same order', () => {
    for (const [status, kind] of allowed) {
      const event = EVENTS[kind]();
      const read = JSON.parse(JSON.stringify(event)) as OrderEvent;
      expect(evolve(orderIn(status), read, at(8))).toEqual(evolve(orderIn(status), event, at(8)));
    }
  });
});
