import { describe, expect, it } from 'vitest';
import type { BrokerOrder } from '../../../src/broker/port.ts';
import { type Command, MAX_MODIFICATIONS, modificationsLeft } from '../../../src/domain/command.ts';
import { ZERO, decimal } from '../../../src/domain/money.ts';
import {
  MAX_CANCEL_SENDS,
  bookMarks,
  bookableQuantity,
  commandVerdict,
  cutsToFilled,
  differingTerms,
  isOut,
  isSpent,
  isStuckInTransit,
  outcomeAtEnd,
  showsNewTerms,
} from '../../../src/reconciliation/commands.ts';
import { at, order } from '../risk/fixtures.ts';

const RAW = { status_message: null, order_timestamp: '2026-07-15 09:30:00', disclosed_quantity: 0 };

function row(changes: Partial<BrokerOrder> = {}): BrokerOrder {
  return {
    orderId: '260715000000001',
    exchangeOrderId: 'X1',
    parentOrderId: null,
    status: 'OPEN',
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
    raw: RAW,
    ...changes,
  };
}

function refusedRow(message: string, changes: Partial<BrokerOrder> = {}): BrokerOrder {
  return row({
    statusMessage: message,
    raw: { ...RAW, status_message: message, order_timestamp: '2026-07-15 09:30:10' },
    ...changes,
  });
}

/** In flight, taken by the broker at second 10. */
function command(changes: Partial<Command> = {}): Command {
  return {
    id: 'k1',
    kind: 'CANCEL',
    terms: null,
    state: 'IN_FLIGHT',
    reason: null,
    sends: 1,
    answer: 'ACKNOWLEDGED',
    answeredAt: at(10),
    bookBefore: bookMarks(RAW),
    cleanReads: 0,
    ...changes,
  };
}

const OPEN = order({ status: 'OPEN', brokerOrderId: '260715000000001' });
const verdict = (of: Command, read: BrokerOrder, second = 11) =>
  commandVerdict(of, OPEN, read, { readAt: at(second), confirmMs: 3000 });
const modify = (terms: Command['terms'], changes: Partial<Command> = {}) =>
  command({ kind: 'MODIFY', terms, ...changes });

describe('a read of the book', () => {
  it('begun before the answer, or in the same instant, says nothing about the command', () => {
    const shown = modify({ quantity: 10 });
    for (const second of [9, 10]) {
      expect(isOut(shown, at(second))).toBe(true);
      expect(verdict(shown, row(), second)).toEqual({ kind: 'NOTHING' });
    }
    expect(isOut(command({ answer: null, answeredAt: null }), at(99))).toBe(true);
    expect(isOut(command({ state: 'WAITING' }), at(9))).toBe(false);
  });

  it.each([
    ...['PUT ORDER REQ RECEIVED', 'OPEN PENDING', 'MODIFY PENDING', 'MODIFY VALIDATION PENDING'],
    'CANCEL PENDING',
  ])('that shows %s says nothing yet, and is not counted', (status) => {
    for (const of of [command({ cleanReads: 5 }), modify({ quantity: 20 }, { cleanReads: 5 })])
      expect(verdict(of, row({ status }), 39)).toEqual({ kind: 'NOTHING' });
  });

  it.each(['MODIFY PENDING', 'MODIFY VALIDATION PENDING', 'CANCEL PENDING', 'PUT ORDER REQ RECEIVED'])(
    'that shows %s for half a minute keeps nothing waiting any more',
    (status) => {
      expect(verdict(modify({ quantity: 20 }), row({ status }), 40)).toEqual({
        ...{ kind: 'END', outcome: 'UNKNOWN' },
        reason: `the broker has shown ${status} for 30 s and longer`,
      });
      expect(verdict(command({ cleanReads: 1 }), row({ status }), 40)).toMatchObject({ kind: 'AGAIN' });
      const last = command({ cleanReads: 1, sends: MAX_CANCEL_SENDS });
      expect(verdict(last, row({ status }), 40)).toMatchObject({ outcome: 'UNKNOWN' });
      expect(isStuckInTransit(command(), row({ status }), at(39))).toBe(false);
      expect(isStuckInTransit(command(), row({ status }), at(40))).toBe(true);
      expect(isStuckInTransit(command(), row(), at(99))).toBe(false);
    },
  );

  it.each(['COMPLETE', 'CANCELLED', 'REJECTED'])('that shows %s waits for the trades', (status) => {
    expect(verdict(command({ cleanReads: 5 }), row({ status }), 60)).toEqual({ kind: 'NOTHING' });
  });
});

describe('a cancel', () => {
  it('that was taken is waited for, and made again once it is lost', () => {
    expect(verdict(command(), row())).toEqual({ kind: 'NOT_SHOWN' });
    expect(verdict(command({ cleanReads: 1 }), row(), 12)).toEqual({ kind: 'NOT_SHOWN' });
    expect(verdict(command({ cleanReads: 1 }), row(), 13)).toMatchObject({ kind: 'AGAIN' });
    expect(verdict(command(), row(), 99)).toEqual({ kind: 'NOT_SHOWN' });
  });

  it('without an answer is made again at the first read that shows the order live', () => {
    expect(verdict(command({ answer: 'UNKNOWN' }), row())).toMatchObject({ kind: 'AGAIN' });
  });

  it('is not made for ever', () => {
    expect(verdict(command({ answer: 'UNKNOWN', sends: MAX_CANCEL_SENDS }), row())).toMatchObject({
      kind: 'END',
      outcome: 'UNKNOWN',
    });
  });

  it('that was refused is refused for good when the order lives', () => {
    const refused = command({ answer: 'REFUSED', reason: 'no' });
    expect(verdict(refused, row())).toEqual({ kind: 'END', outcome: 'REFUSED', reason: 'no' });
  });
});

describe('a modify', () => {
  it('is done when every term that the book repeats is there, however the number is written', () => {
    const both = modify({ quantity: 20, price: '2440.50' });
    expect(verdict(both, row({ quantity: 20, price: decimal('2440.5') }))).toMatchObject({
      outcome: 'ACCEPTED',
    });
    expect(verdict(both, row({ quantity: 20 }))).toEqual({ kind: 'NOT_SHOWN' });
  });

  it('without an answer is done as well when the book shows it, and refused never is', () => {
    const shown = row({ quantity: 20 });
    expect(verdict(modify({ quantity: 20 }, { answer: 'UNKNOWN' }), shown)).toMatchObject({
      outcome: 'ACCEPTED',
    });
    expect(verdict(modify({ quantity: 20 }, { answer: 'REFUSED' }), shown)).toMatchObject({
      outcome: 'REFUSED',
    });
  });

  it('is lost after two reads and the time given, never before both', () => {
    const of = (cleanReads: number) => modify({ quantity: 20 }, { cleanReads });
    expect(verdict(of(0), row(), 60)).toEqual({ kind: 'NOT_SHOWN' });
    expect(verdict(of(5), row(), 12)).toEqual({ kind: 'NOT_SHOWN' });
    expect(verdict(of(1), row(), 13)).toMatchObject({ kind: 'END', outcome: 'UNKNOWN' });
  });

  it('is refused by a message that is newer than the command; an old one is no answer', () => {
    const old = { ...RAW, status_message: 'out of range' };
    const told = row({ statusMessage: 'out of range', raw: old });
    const since = modify({ quantity: 20 }, { bookBefore: bookMarks(old) });
    expect(verdict(since, told)).toEqual({ kind: 'NOT_SHOWN' });
    // The same words once more, with a time of their own.
    expect(verdict(since, refusedRow('out of range'))).toEqual({
      kind: 'END',
      outcome: 'REFUSED',
      reason: 'out of range',
    });
  });

  it('of terms that the book does not repeat is done once it was taken and rests', () => {
    expect(verdict(modify({ marketProtection: '2' }), row())).toMatchObject({ outcome: 'ACCEPTED' });
    expect(verdict(modify({ marketProtection: '2' }, { answer: 'UNKNOWN' }), row())).toEqual({
      kind: 'NOT_SHOWN',
    });
  });

  it('of terms that the book does not repeat is refused by a message, and by NOT MODIFIED, that came after it', () => {
    const protection = modify({ marketProtection: '2' });
    expect(verdict(protection, refusedRow('out of range'))).toMatchObject({ outcome: 'REFUSED' });
    const wordAlone = row({ status: 'NOT MODIFIED' });
    expect(verdict(protection, wordAlone)).toEqual({ kind: 'NOT_SHOWN' });
    const later = { ...RAW, order_timestamp: '2026-07-15 09:30:10' };
    expect(verdict(protection, row({ status: 'NOT MODIFIED', raw: later }))).toMatchObject({
      outcome: 'REFUSED',
    });
    // The exchange is still at work on it.
    expect(verdict(protection, row({ status: 'MODIFY PENDING' }))).toEqual({ kind: 'NOTHING' });
  });

  describe('of type or trigger', () => {
    const OLD_LIMIT = row();
    const STOP_ROW = row({
      orderType: 'SL-M',
      price: ZERO,
      triggerPrice: decimal(2430),
      status: 'TRIGGER PENDING',
    });
    const LATER = { ...RAW, modified: true, order_timestamp: '2026-07-15 09:30:10' };
    const limit = OPEN;
    const slm = order({ status: 'OPEN', orderType: 'SL-M', price: null, triggerPrice: decimal(2430) });
    const sl = order({ status: 'OPEN', orderType: 'SL', price: decimal(2425), triggerPrice: decimal(2430) });
    const slRow = (changes: Partial<BrokerOrder> = {}) =>
      row({
        orderType: 'SL',
        price: decimal(2425),
        triggerPrice: decimal(2430),
        status: 'TRIGGER PENDING',
        ...changes,
      });
    const TO_MARKET = { orderType: 'MARKET', price: null } as const;
    const SL_M_TO_SL = { orderType: 'SL', price: '2424', triggerPrice: '2429' } as const;

    it.each([
      ['another trigger of an SL-M, not there yet', slm, { triggerPrice: '2435' }, STOP_ROW, 'NOT_SHOWN'],
      [
        'another trigger of an SL-M',
        slm,
        { triggerPrice: '2435' },
        { ...STOP_ROW, triggerPrice: decimal(2435) },
        'ACCEPTED',
      ],
      [
        'quantity and trigger of an SL-M, one of them there',
        slm,
        { quantity: 20, triggerPrice: '2435' },
        { ...STOP_ROW, quantity: 20 },
        'NOT_SHOWN',
      ],
      [
        'a trigger that was moved once it has triggered',
        slm,
        { triggerPrice: '2435' },
        row({ orderType: 'LIMIT', price: decimal(2410) }),
        'ACCEPTED',
      ],
      ['LIMIT to MARKET while the old limit stands', limit, TO_MARKET, OLD_LIMIT, 'NOT_SHOWN'],
      [
        'LIMIT to MARKET, made into another limit',
        limit,
        TO_MARKET,
        row({ price: decimal('2474.5') }),
        'ACCEPTED',
      ],
      [
        'LIMIT to MARKET, kept as such',
        limit,
        TO_MARKET,
        row({ orderType: 'MARKET', price: ZERO }),
        'ACCEPTED',
      ],
      ['LIMIT to MARKET at the very price it had', limit, TO_MARKET, row({ raw: LATER }), 'ACCEPTED'],
      [
        'LIMIT to MARKET of more, which is not there',
        limit,
        { ...TO_MARKET, quantity: 20 },
        row({ price: decimal('2474.5') }),
        'NOT_SHOWN',
      ],
      [
        'SL to SL-M while the row says SL',
        sl,
        { orderType: 'SL-M', price: null } as const,
        slRow(),
        'NOT_SHOWN',
      ],
      ['SL to SL-M', sl, { orderType: 'SL-M', price: null } as const, STOP_ROW, 'ACCEPTED'],
      ['SL-M to SL while the row says SL-M', slm, SL_M_TO_SL, STOP_ROW, 'NOT_SHOWN'],
      [
        'SL-M to SL',
        slm,
        SL_M_TO_SL,
        slRow({ price: decimal(2424), triggerPrice: decimal(2429) }),
        'ACCEPTED',
      ],
      [
        'LIMIT to SL-M while the row says LIMIT',
        limit,
        { orderType: 'SL-M', price: null, triggerPrice: '2460' } as const,
        OLD_LIMIT,
        'NOT_SHOWN',
      ],
      [
        'SL to LIMIT while it waits for its trigger',
        sl,
        { orderType: 'LIMIT', triggerPrice: null } as const,
        slRow(),
        'NOT_SHOWN',
      ],
      [
        'SL to MARKET, which merely triggered',
        sl,
        { ...TO_MARKET, triggerPrice: null },
        row({ price: decimal(2425) }),
        'NOT_SHOWN',
      ],
    ] as const)('%s', (_, of, terms, read, wanted) => {
      const facts = { readAt: at(11), confirmMs: 3000 };
      const found = commandVerdict(modify(terms), of, read, facts);
      expect(found.kind === 'END' ? found.outcome : found.kind).toBe(wanted);
    });

    it('is refused by a message while the old terms stand, whatever the book repeats of it', () => {
      const facts = { readAt: at(11), confirmMs: 3000 };
      const told = { statusMessage: 'out of range', raw: { ...LATER, status_message: 'out of range' } };
      for (const [of, terms, read] of [
        [slm, { triggerPrice: '2435' }, STOP_ROW],
        [limit, TO_MARKET, OLD_LIMIT],
        [sl, { orderType: 'SL-M', price: null }, slRow()],
      ] as const) {
        expect(commandVerdict(modify(terms), of, { ...read, ...told }, facts)).toEqual({
          kind: 'END',
          outcome: 'REFUSED',
          reason: 'out of range',
        });
      }
    });

    it('LIMIT to MARKET has its terms before its trades are counted', () => {
      expect(
        showsNewTerms(modify(TO_MARKET), limit, row({ status: 'COMPLETE', price: decimal('2474.5') })),
      ).toBe(true);
      expect(showsNewTerms(modify(TO_MARKET), limit, OLD_LIMIT)).toBe(false);
    });

    it.each([
      ['a trigger of an SL-M', slm, { ...STOP_ROW, triggerPrice: decimal(2400) }, { triggerPrice: '2400' }],
      ['an SL-M made an SL', slm, slRow(), { orderType: 'SL', price: '2425' }],
      ['an SL made an SL-M', sl, STOP_ROW, { orderType: 'SL-M', price: null }],
      [
        'a LIMIT made MARKET',
        limit,
        row({ orderType: 'MARKET', price: ZERO }),
        { orderType: 'MARKET', price: null },
      ],
      [
        'a LIMIT made MARKET, shown as a limit',
        limit,
        row({ price: decimal('2474.5') }),
        { price: '2474.5' },
      ],
      [
        'a MARKET made a stop',
        order({ status: 'OPEN', orderType: 'MARKET', price: null }),
        STOP_ROW,
        { orderType: 'SL-M', triggerPrice: '2430' },
      ],
      ['an SL-M as it was sent', slm, STOP_ROW, {}],
      // Not known to be a change: Kite may turn a stop into a limit at its trigger.
      ['an SL-M that became a limit', slm, row({ orderType: 'LIMIT', price: decimal(2410) }), {}],
      ['an SL-M that became an SL once triggered', slm, slRow({ status: 'OPEN' }), {}],
      ['an SL that became a limit', sl, row({ price: decimal(2425) }), {}],
      [
        'a row without the prices of its type',
        slm,
        row({ orderType: 'SL', price: ZERO, triggerPrice: ZERO }),
        {},
      ],
    ] as const)('%s in the book is told from what was sent', (_, of, read, differing) => {
      expect(differingTerms(of, read)).toEqual(differing);
    });
  });

  it('of a market order is not judged by the price the broker made of it', () => {
    const market = order({ status: 'OPEN', orderType: 'MARKET', price: null });
    const converted = row({ orderType: 'LIMIT', price: decimal('2474.5'), quantity: 20 });
    const facts = { readAt: at(11), confirmMs: 3000 };
    expect(commandVerdict(modify({ quantity: 20 }), market, converted, facts)).toMatchObject({
      outcome: 'ACCEPTED',
    });
    expect(differingTerms(market, converted)).toEqual({ quantity: 20 });
  });

  it('is new to the order only while the order does not have its terms', () => {
    const of = modify({ quantity: 20, stopLoss: '2440' });
    expect(showsNewTerms(of, OPEN, row({ quantity: 20 }))).toBe(true);
    expect(showsNewTerms(of, OPEN, row())).toBe(false);
    expect(showsNewTerms(of, { ...OPEN, quantity: 20 }, row({ quantity: 20 }))).toBe(false);
    expect(showsNewTerms(modify({ stopLoss: '2440' }), OPEN, row())).toBe(false);
  });

  it('to what is filled, or below, cuts the order there', () => {
    expect(cutsToFilled(modify({ quantity: 4 }), { filledQuantity: 4 })).toBe(true);
    expect(cutsToFilled(modify({ quantity: 5 }), { filledQuantity: 4 })).toBe(false);
    expect(cutsToFilled(modify({ price: '2440' }), { filledQuantity: 4 })).toBe(false);
    expect(cutsToFilled(modify({ quantity: 4 }), { filledQuantity: 0 })).toBe(false);
  });
});

describe('when an order has ended', () => {
  it('its cancel is done only when it is CANCELLED', () => {
    expect(outcomeAtEnd(command(), { ...OPEN, status: 'CANCELLED' }).outcome).toBe('ACCEPTED');
    for (const status of ['FILLED', 'REJECTED', 'EXPIRED'] as const)
      expect(outcomeAtEnd(command(), { ...OPEN, status }).outcome).toBe('TOO_LATE');
  });

  it('a modify is done when the order has its terms, and too late when it has not', () => {
    const filled = { ...OPEN, status: 'FILLED' as const };
    expect(outcomeAtEnd(modify({ quantity: 20 }), filled)).toEqual({
      outcome: 'TOO_LATE',
      reason: 'the order is filled already',
    });
    expect(outcomeAtEnd(modify({ quantity: 10, price: '2450' }), filled).outcome).toBe('ACCEPTED');
  });
});

describe('trades read while an increase is on its way', () => {
  const reserve = {
    quantity: 20,
    openingQuantity: 20,
    marginPerUnit: '1',
    riskPerUnit: null,
    referencePrice: null,
    valuePerUnit: null,
  };

  it('count only as far as the row does, so that the old quantity does not fill the order', () => {
    const raised = { ...OPEN, reserve };
    expect(bookableQuantity(raised, row({ filledQuantity: 7 }))).toBe(7);
    expect(bookableQuantity(raised, row({ status: 'COMPLETE', filledQuantity: 10 }))).toBe(Infinity);
    expect(bookableQuantity(OPEN, row({ filledQuantity: 7 }))).toBe(Infinity);
    expect(bookableQuantity({ ...OPEN, reserve: { ...reserve, quantity: 5 } }, row())).toBe(Infinity);
  });
});

describe('modifications left', () => {
  it('are 25, of which a stop keeps the last five', () => {
    expect(modificationsLeft({ role: 'ENTRY', modifications: 24 })).toBe(1);
    expect(modificationsLeft({ role: 'ENTRY', modifications: MAX_MODIFICATIONS })).toBe(0);
    expect(modificationsLeft({ role: 'STOP', modifications: 20 })).toBe(0);
    expect(modificationsLeft({ role: 'STOP', modifications: 19 })).toBe(1);
  });
});

describe('a command that nothing can come of any more', () => {
  it('is one whose order has ended, also while its call is out, or one that was refused before the read began', () => {
    const taken = modify({ quantity: 5 });
    const refused = modify({ quantity: 5 }, { answer: 'REFUSED' });
    expect(isSpent(taken, row(), at(11))).toBe(false);
    expect(isSpent(refused, row(), at(11))).toBe(true);
    expect(isSpent(refused, row(), at(10))).toBe(false);
    for (const one of [taken, refused]) {
      for (const seconds of [10, 11])
        expect(isSpent(one, row({ status: 'COMPLETE' }), at(seconds))).toBe(true);
    }
  });
});

describe('an order whose row shows more than it has', () => {
  it('is not filled by its old quantity while its row is live', () => {
    expect(bookableQuantity(OPEN, row({ quantity: 11, filledQuantity: 10 }))).toBe(9);
    expect(bookableQuantity(OPEN, row({ quantity: 10, filledQuantity: 10 }))).toBe(Infinity);
    expect(bookableQuantity(OPEN, row({ status: 'COMPLETE', quantity: 11, filledQuantity: 11 }))).toBe(
      Infinity,
    );
  });
});
