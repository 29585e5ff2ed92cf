/** An entry of the journal as streams tell it: what happened, and how what it is about stands. */
import { formatIst } from '../domain/calendar.ts';
import { withoutOrigin } from '../domain/journal.ts';
import { decimal } from '../domain/money.ts';
import { averageFillPrice, leavesQuantity } from '../domain/order.ts';
import { averagePrice, unrealizedPnl } from '../domain/position.ts';
import type { EventLine, EventOrderState, EventPosition } from '../services/read-events.ts';
import { moneyOrNull, moneyText } from './order-json.ts';
import type { EventJson } from './schemas/event.ts';

/** JSON text of schema Event. The data is JSON text already, and the same for every stream. */
export function eventText(line: EventLine): string {
  const { accountId, seq, at, kind, entity, actor, data, order, terms, state, position } = line;
  const head: Omit<EventJson, 'data'> = {
    ...{ seq, accountId, at: formatIst(new Date(at)), event: kind, entity, actor },
    strategyId: order?.strategyId ?? null,
    order: terms ?? null,
    state: state == null ? null : stateJson(state),
    position: position == null ? null : positionJson(position),
  };
  return `${JSON.stringify(head).slice(0, -1)},"data":${shownData(data)}}`;
}

function stateJson(state: EventOrderState): EventJson['state'] {
  const { status, quantity, filledQuantity, price, triggerPrice } = state;
  const filledValue = decimal(state.filledValue);
  return {
    ...{ status, quantity, filledQuantity, price: trimmed(price), triggerPrice: trimmed(triggerPrice) },
    leavesQuantity: leavesQuantity({ status, quantity, filledQuantity }),
    averagePrice: moneyOrNull(averageFillPrice({ filledQuantity, filledValue })),
  };
}

function positionJson(position: EventPosition): EventJson['position'] {
  const { strategyId, cycle: number, status, quantity, lastPriceAgeMs } = position;
  const cycle = {
    quantity,
    openValue: decimal(position.openValue),
    multiplier: decimal(position.multiplier),
  };
  const lastPrice = position.lastPrice === null ? null : decimal(position.lastPrice);
  const realized = decimal(position.realizedPnl);
  const charges = decimal(position.charges);
  const isKnown = quantity === 0 || lastPrice !== null;
  const unrealized = isKnown ? unrealizedPnl(cycle, lastPrice ?? decimal(0)) : null;
  return {
    ...{ strategyId, cycle: number, status, quantity, averagePrice: moneyOrNull(averagePrice(cycle)) },
    ...{ realizedPnl: moneyText(realized), charges: moneyText(charges) },
    ...{ lastPrice: moneyOrNull(lastPrice), lastPriceAgeMs },
    unrealizedPnl: moneyOrNull(unrealized),
    netPnl: moneyOrNull(unrealized === null ? null : realized.plus(unrealized).minus(charges)),
  };
}

function trimmed(amount: string | null): string | null {
  return amount === null ? null : moneyText(decimal(amount));
}

/** From where a person acted is for operators (GET /v1/journal), not for every viewer of the stream. */
function shownData(data: string): string {
  if (!data.includes('"origin":')) return data;
  return JSON.stringify(withoutOrigin(JSON.parse(data) as Record<string, unknown>));
}
