import { describe, expect, it } from 'vitest';
import { type StandingAlert, hasEnded } from '../../../../src/risk/monitor/ended-conditions.ts';
import { T0, at } from '../fixtures.ts';

type OrderPart = NonNullable<StandingAlert['order']>;

function alert(type: string, order: Partial<OrderPart> | null, changes: Partial<StandingAlert> = {}) {
  return {
    condition: `order:1:${type}`,
    type,
    at: T0,
    acknowledgedAt: null,
    readSince: false,
    rowAppliedSince: false,
    order:
      order === null
        ? null
        : {
            status: 'OPEN',
            brokerStatus: 'OPEN',
            awaitingTradesSince: null,
            parkedAt: null,
            updatedAt: T0,
            finishedAt: null,
            ...order,
          },
    ...changes,
  } satisfies StandingAlert;
}

const STATUS = { condition: 'order:1:status:ODD WORD' };

describe('the condition of an alert', () => {
  it.each<readonly [string, boolean, StandingAlert]>([
    ['an order still UNKNOWN', false, alert('order_unknown', { status: 'UNKNOWN' })],
    ['an order that was found', true, alert('order_unknown', { status: 'OPEN' })],
    ['an order that a person ended', true, alert('order_unknown', { status: 'REJECTED', finishedAt: T0 })],
    ['trades still owed', false, alert('trades_missing', { awaitingTradesSince: T0 })],
    ['trades that came', true, alert('trades_missing', { status: 'FILLED' })],
    ['an order that waits for the day to end', false, alert('order_budget_spent', { status: 'VALIDATED' })],
    ['an order that was sent after all', true, alert('order_budget_spent', { status: 'SUBMITTED' })],
    ['the spent budget of no order', false, alert('order_budget_spent', null)],
    ['a parked order', false, alert('order_parked', { parkedAt: T0 })],
    ['an order that moved on', true, alert('order_parked', {})],
    ['a parked order that ended', true, alert('order_parked', { parkedAt: T0, finishedAt: T0 })],
    ['an odd status', false, alert('broker_status_unknown', { brokerStatus: 'ODD WORD' }, STATUS)],
    ['a known status again', true, alert('broker_status_unknown', { brokerStatus: 'OPEN' }, STATUS)],
    [
      'an odd status of a finished order',
      true,
      alert('broker_status_unknown', { brokerStatus: 'ODD WORD', finishedAt: T0 }, STATUS),
    ],
    ['an order in transit', false, alert('order_in_transit', { brokerStatus: 'MODIFY PENDING' })],
    ['an order that rests again', true, alert('order_in_transit', { brokerStatus: 'OPEN' })],
    [
      'an order that ended in transit',
      true,
      alert('order_in_transit', { brokerStatus: 'CANCEL PENDING', finishedAt: T0 }),
    ],
    ['a row that still fails', false, alert('broker_row_not_applied', {})],
    ['a row that was applied', true, alert('broker_row_not_applied', { updatedAt: at(1) })],
    ['a row of no order', false, alert('broker_row_not_applied', null)],
    ['a row of no order, applied', true, alert('broker_row_not_applied', null, { rowAppliedSince: true })],
    ['a dead session', false, alert('broker_session_expired', null)],
    ['a session that reads again', true, alert('broker_session_expired', null, { readSince: true })],
    ['a late fill', false, alert('late_trade', { finishedAt: T0 })],
    ['a late fill that was seen', true, alert('late_trade', { finishedAt: T0 }, { acknowledgedAt: T0 })],
    ['a live twin that was seen', false, alert('late_twin', {}, { acknowledgedAt: T0 })],
    ['something else', false, alert('somebody_elses', { finishedAt: T0 }, { acknowledgedAt: T0 })],
  ])('%s: ended is %s', (_, expected, of) => {
    expect(hasEnded(of)).toBe(expected);
  });
});
