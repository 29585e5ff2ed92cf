import { describe, expect, it } from 'vitest';
import {
  AT_BROKER_STATUSES,
  FINAL_STATUSES,
  LIVE_STATUSES,
  ORDER_EVENT_KINDS,
  ORDER_STATUSES,
  type OrderEventKind,
  type OrderStatus,
  TRANSITIONS,
  UNFINISHED_STATUSES,
  hasReached,
  isAtBroker,
  isFinal,
  isLive,
  meaningOfBrokerStatus,
  targetOf,
} from '../../../src/domain/order-status.ts';

/**
 * The table once more, by hand and in another shape: a change of the one in src has to be meant twice.
 * "=" keeps the status, "#" goes by the sum of trades.
 */
const EXPECTED: Record<OrderStatus, string> = {
  PENDING:
    'OrderValidated>VALIDATED OrderRejected>REJECTED OrderCancelled>CANCELLED OrderExpired>EXPIRED OrderModified>= OrderSubmitted>SUBMITTED',
  VALIDATED:
    'SubmissionClaimed>SUBMITTING OrderRejected>REJECTED OrderCancelled>CANCELLED OrderExpired>EXPIRED OrderSubmitted>SUBMITTED OrderModified>PENDING',
  SUBMITTING:
    'OrderSubmitted>SUBMITTED SubmissionReleased>VALIDATED SubmissionUnknown>UNKNOWN OrderRejected>REJECTED',
  UNKNOWN: 'OrderSubmitted>SUBMITTED SubmissionReleased>VALIDATED OrderRejected>REJECTED',
  SUBMITTED:
    'OrderOpened>OPEN ModifyClaimed>= ModifyReleased>= OrderModified>= BrokerStatusChanged>= TradeRecorded># OrderAbsorbed>CANCELLED OrderCancelled>CANCELLED OrderRejected>REJECTED OrderExpired>EXPIRED',
  OPEN: 'ModifyClaimed>= ModifyReleased>= OrderModified>= BrokerStatusChanged>= TradeRecorded># TradeCorrected># OrderAbsorbed>CANCELLED OrderCancelled>CANCELLED OrderRejected>REJECTED OrderExpired>EXPIRED',
  PARTIALLY_FILLED:
    'ModifyClaimed>= ModifyReleased>= OrderModified># BrokerStatusChanged>= TradeRecorded># TradeCorrected># OrderAbsorbed>CANCELLED OrderCancelled>CANCELLED OrderRejected>REJECTED OrderExpired>EXPIRED',
  FILLED: 'TradeRecorded>= TradeCorrected># OrderAbsorbed>CANCELLED',
  CANCELLED: 'TradeRecorded>= TradeCorrected>= OrderAbsorbed>CANCELLED OrderSubmitted>SUBMITTED',
  REJECTED: 'TradeRecorded>= TradeCorrected>= OrderAbsorbed>CANCELLED OrderSubmitted>SUBMITTED',
  EXPIRED: 'TradeRecorded>= TradeCorrected>= OrderAbsorbed>CANCELLED OrderSubmitted>SUBMITTED',
};

function expectedTarget(status: OrderStatus, event: OrderEventKind): string | null {
  const found = EXPECTED[status].split(' ').find((pair) => pair.startsWith(`${event}>`));
  const target = found?.slice(event.length + 1) ?? null;
  return target === '=' ? 'SAME' : target === '#' ? 'FILLS' : target;
}

const pairs = ORDER_STATUSES.flatMap((status) => ORDER_EVENT_KINDS.map((event) => [status, event] as const));

describe('the transition table', () => {
  it.each(pairs)('in %s, %s leads where the life of an order says, or nowhere', (status, event) => {
    expect(targetOf(status, event)).toBe(expectedTarget(status, event));
  });

  it('takes back no fill but by a correction: only trades lead to FILLED, and only what they turn out to be out of it', () => {
    for (const [status, event] of pairs) expect(targetOf(status, event)).not.toBe('FILLED');
    expect(Object.keys(TRANSITIONS.FILLED)).toEqual(['TradeRecorded', 'TradeCorrected', 'OrderAbsorbed']);
  });
});

describe('the derived sets of statuses', () => {
  it('split all statuses into PENDING, live and final', () => {
    const all = ['PENDING', ...LIVE_STATUSES, ...FINAL_STATUSES];
    expect([...all].sort()).toEqual([...ORDER_STATUSES].sort());
    expect(new Set(all).size).toBe(ORDER_STATUSES.length);
  });

  it('count UNKNOWN as live and PENDING as not live but unfinished', () => {
    expect(isLive('UNKNOWN')).toBe(true);
    expect(isLive('PENDING')).toBe(false);
    expect(UNFINISHED_STATUSES).toContain('PENDING');
  });

  it('list as unfinished exactly what is not final', () => {
    expect([...UNFINISHED_STATUSES].sort()).toEqual(ORDER_STATUSES.filter((s) => !isFinal(s)).sort());
  });

  it('hold at the broker exactly the live orders that were claimed', () => {
    expect([...AT_BROKER_STATUSES].sort()).toEqual(LIVE_STATUSES.filter((s) => s !== 'VALIDATED').sort());
    for (const status of ORDER_STATUSES) {
      expect(isAtBroker(status)).toBe((AT_BROKER_STATUSES as readonly OrderStatus[]).includes(status));
      expect(isLive(status)).toBe((LIVE_STATUSES as readonly OrderStatus[]).includes(status));
      expect(isFinal(status)).toBe(['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'].includes(status));
    }
  });
});

describe('hasReached', () => {
  const road: readonly OrderStatus[] = [
    'PENDING',
    'VALIDATED',
    'SUBMITTING',
    'UNKNOWN',
    'SUBMITTED',
    'OPEN',
    'PARTIALLY_FILLED',
  ];
  const ends: readonly OrderStatus[] = ['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'];
  const all = ORDER_STATUSES.flatMap((status) => ORDER_STATUSES.map((wanted) => [status, wanted] as const));

  it.each(all)(
    'from %s, %s is reached when it was passed on the road, or the order is finished',
    (status, wanted) => {
      const passed =
        road.includes(status) && road.includes(wanted) && road.indexOf(status) >= road.indexOf(wanted);
      expect(hasReached(status, wanted)).toBe(ends.includes(status) || passed);
    },
  );
});

describe('the meaning of a broker status', () => {
  it.each([
    ['PUT ORDER REQ RECEIVED', 'LIVE'],
    ['VALIDATION PENDING', 'LIVE'],
    ['OPEN PENDING', 'LIVE'],
    ['AMO REQ RECEIVED', 'LIVE'],
    ['MODIFY AMO REQ RECEIVED', 'LIVE'],
    ['UPDATE', 'LIVE'],
    ['OPEN', 'RESTING'],
    ['TRIGGER PENDING', 'RESTING'],
    ['MODIFY VALIDATION PENDING', 'RESTING'],
    ['MODIFY PENDING', 'RESTING'],
    ['MODIFIED', 'RESTING'],
    ['NOT MODIFIED', 'RESTING'],
    ['CANCEL PENDING', 'RESTING'],
    ['COMPLETE', 'COMPLETE'],
    ['CANCELLED', 'CANCELLED'],
    ['CANCELLED AMO', 'CANCELLED'],
    ['REJECTED', 'REJECTED'],
  ])('%s is %s', (word, meaning) => {
    expect(meaningOfBrokerStatus(word)).toBe(meaning);
  });

  it.each([
    '',
    'open',
    'Complete',
    ' COMPLETE',
    'PARTIALLY FILLED',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ])('"%s" is unheard of, so that the order stays live', (word) => {
    expect(meaningOfBrokerStatus(word)).toBe('UNHEARD_OF');
  });
});
