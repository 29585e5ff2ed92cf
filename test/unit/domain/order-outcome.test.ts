import { describe, expect, it } from 'vitest';
import type { Order } from '../../../src/domain/order.ts';
import { acceptedOrder } from '../../../src/domain/order-events.ts';
import { decimal } from '../../../src/domain/money.ts';
import { outcomeId, outcomeOf } from '../../../src/domain/order-outcome.ts';
import { orderRow } from '../db/fixtures.ts';

const order = (fields: Partial<Order> = {}): Order => ({
  ...acceptedOrder(orderRow(), new Date('2026-11-23T04:00:00Z')),
  clientOrderId: 'c-1',
  ...fields,
});

describe('the end of an order, as it is told', () => {
  it('names what, at which average, worth how much', () => {
    const told = outcomeOf(order({ status: 'FILLED', filledQuantity: 10, filledValue: decimal('24500.50') }));
    expect(told).toMatchObject({ type: 'order_filled', severity: 'INFO' });
    expect(told!.message).toContain('filled at ₹2,450.05, value ₹24,500.50');
    expect(told!.message).toContain('(c-1)');
  });

  it('says who rejected it, which check, and why', () => {
    const rejected = {
      status: 'REJECTED',
      rejectedBy: 'OMS',
      failedCheck: 'BALANCE',
      statusReason: 'too little',
    } as const;
    const told = outcomeOf(order(rejected));
    expect(told).toMatchObject({ type: 'order_rejected', severity: 'WARNING' });
    expect(told!.details.why).toBe('BALANCE: too little');
    expect(told!.message).toMatch(/REJECTED by the OMS .*: BALANCE: too little$/);
  });

  it('is CRITICAL when an exit was rejected or has expired: a position stays open', () => {
    for (const status of ['REJECTED', 'EXPIRED'] as const) {
      for (const exit of [{ reduceOnly: true }, { role: 'STOP' as const }]) {
        expect(outcomeOf(order({ status, rejectedBy: 'BROKER', ...exit }))!.severity).toBe('CRITICAL');
      }
      expect(outcomeOf(order({ status, rejectedBy: 'BROKER' }))!.severity).toBe('WARNING');
    }
  });

  it('tells what was filled before a cancel', () => {
    const told = outcomeOf(order({ status: 'CANCELLED', filledQuantity: 3, statusReason: 'by hand' }));
    expect(told!.message).toContain('cancelled after 3 of');
  });

  it('is nothing while the order lives, and nothing of an outside order', () => {
    for (const status of ['PENDING', 'OPEN', 'UNKNOWN', 'PARTIALLY_FILLED'] as const) {
      expect(outcomeOf(order({ status }))).toBeNull();
    }
    expect(outcomeOf(order({ status: 'FILLED', cause: 'EXTERNAL' }))).toBeNull();
  });

  it('has one id for one end, and another for the next', () => {
    const of = { accountId: 'main', id: order().id, version: 4 };
    expect(outcomeId(of)).toBe(outcomeId({ ...of }));
    expect(outcomeId(of)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(outcomeId({ ...of, version: 5 })).not.toBe(outcomeId(of));
    expect(outcomeId({ ...of, accountId: 'more' })).not.toBe(outcomeId(of));
  });
});
