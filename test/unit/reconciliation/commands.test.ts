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

  it.each(['MODIFY PENDING', 'MODIFY VALIDATION PENDING', 'CANCEL PENDING', 'OPEN PENDING'])(
    'that shows %s says nothing yet, and is not counted',
    (status) => {
      for (const of of [command({ cleanReads: 5 }), modify({ quantity: 20 }, { cleanReads: 5 })])
        expect(verdict(of, row({ status }), 60)).toEqual({ kind: 'NOTHING' });
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
