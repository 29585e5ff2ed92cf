import { formatIst } from '../domain/calendar.ts';
import type { OperationStory } from '../services/read-operation.ts';
import { istOrNull, orderJson } from './order-json.ts';
import type { OperationJson } from './schemas/operation.ts';

export function operationJson({ operation, instrument, orders }: OperationStory): OperationJson {
  const { details } = operation;
  return {
    id: operation.id,
    accountId: operation.accountId,
    kind: operation.kind,
    state: operation.state,
    strategyId: details.strategyId,
    exchange: instrument?.exchange ?? null,
    symbol: instrument?.symbol ?? null,
    product: details.product,
    quantity: details.quantity,
    reason: details.reason,
    haltId: details.haltId,
    startedBy: operation.startedBy,
    startedAt: formatIst(operation.startedAt),
    finishedAt: istOrNull(operation.finishedAt),
    orders: orders.map((order) => orderJson(order)),
    left: [...details.left],
  };
}
