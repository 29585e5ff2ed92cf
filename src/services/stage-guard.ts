import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Decimal } from '../domain/money.ts';
import type { Order, OrderType } from '../domain/order.ts';
import { acceptedOrder } from '../domain/order-events.ts';
import { type GuardRole, closingSide, guardClientId } from '../domain/protection.ts';

export interface NewGuard {
  readonly id: string;
  /** Its number in the group: the same number is the same order. */
  readonly number: number;
  readonly role: GuardRole;
  readonly quantity: number;
  readonly orderType: OrderType;
  readonly price: Decimal | null;
  readonly triggerPrice: Decimal | null;
}

/**
 * Accepts a stop, a target or an exit of a protection group: PENDING, and checked and sent like every other order,
 * with the priority of its role. It never grows stale, passes a halt, and only reduces.
 */
export function stageGuard(view: AccountView, group: ProtectionGroupRow, guard: NewGuard): Order {
  const day = tradingDayOf(view.now);
  const { id, number, role, quantity, orderType, price, triggerPrice } = guard;
  const clientOrderId = guardClientId(group.id, number);
  const order = acceptedOrder(
    {
      accountId: group.accountId,
      ...{ id, clientOrderId, role, quantity, orderType, price, triggerPrice },
      requestHash: clientOrderId,
      strategyId: group.strategyId,
      instrumentId: group.instrumentId,
      exchange: group.exchange,
      symbol: group.symbol,
      side: closingSide(group.side),
      product: group.product,
      validity: 'DAY',
      validityMinutes: null,
      variety: 'regular',
      stopLoss: null,
      takeProfit: null,
      disclosedQuantity: null,
      marketProtection: null,
      reduceOnly: true,
      maxAgeMs: null,
      metadata: null,
      parentOrderId: group.parentOrderId,
      protectionGroup: group.id,
      protection: null,
      trailing: null,
      gtt: false,
      cause: 'REQUEST',
      tradingDay: day,
    },
    view.now,
  );
  view.changeDay(day, (before) => ({ ordersCount: before.ordersCount + 1 }));
  view.insertOrder(order);
  return order;
}
