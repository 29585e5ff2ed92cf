import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument, Product } from '../domain/instrument.ts';
import type { Decimal } from '../domain/money.ts';
import type { Order, Side } from '../domain/order.ts';
import { acceptedOrder } from '../domain/order-events.ts';

export interface NewExit {
  readonly id: string;
  readonly clientOrderId: string;
  readonly operationId: string;
  readonly strategyId: string | null;
  readonly instrument: Instrument;
  readonly product: Product;
  readonly side: Side;
  readonly quantity: number;
  /** Null: MARKET with the broker's own protection. */
  readonly price: Decimal | null;
  readonly byOperator: boolean;
}

/** Accepts a reduceOnly exit of an operation: PENDING, and checked and sent like every other order. */
export function stageExit(view: AccountView, exit: NewExit): Order {
  const { instrument, price } = exit;
  const day = tradingDayOf(view.now);
  const order = acceptedOrder(
    {
      accountId: view.account.id,
      id: exit.id,
      clientOrderId: exit.clientOrderId,
      requestHash: exit.clientOrderId,
      strategyId: exit.strategyId,
      instrumentId: instrument.id,
      exchange: instrument.exchange,
      symbol: instrument.symbol,
      side: exit.side,
      quantity: exit.quantity,
      orderType: price === null ? 'MARKET' : 'LIMIT',
      product: exit.product,
      validity: 'DAY',
      validityMinutes: null,
      variety: 'regular',
      price,
      triggerPrice: null,
      stopLoss: null,
      takeProfit: null,
      disclosedQuantity: null,
      marketProtection: null,
      reduceOnly: true,
      maxAgeMs: null,
      metadata: { operationId: exit.operationId },
      role: 'EXIT',
      parentOrderId: null,
      protectionGroup: null,
      protection: null,
      trailing: null,
      gtt: false,
      cause: exit.byOperator ? 'OPERATOR' : 'REQUEST',
      tradingDay: day,
    },
    view.now,
  );
  view.changeDay(day, (before) => ({ ordersCount: before.ordersCount + 1 }));
  view.insertOrder(order);
  return order;
}
