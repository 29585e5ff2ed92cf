import type { EntryRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { ManagedBy } from '../domain/account.ts';
import { type Decimal, ZERO, toPaise, toValueScale } from '../domain/money.ts';
import { sideSign } from '../domain/order.ts';
import { type FilledOrder, addEntry } from './move-position.ts';

/** One fill as the books take it. */
export interface Fill {
  readonly entryId: string;
  readonly kind: 'TRADE' | 'CORRECTION' | 'ADJUSTMENT';
  readonly quantity: number;
  readonly price: Decimal;
  readonly multiplier: Decimal;
  readonly charges: Decimal;
  readonly tradedAt: Date;
  readonly tradeId: string;
  readonly brokerOrderId: string;
}

/** What a fill did to the part of the account that the OMS manages. */
export interface Booked {
  /** Whose position took the fill's entry. */
  readonly managedBy: ManagedBy;
  /** How many of an outside fill closed what the OMS manages. */
  readonly takenFromOms: number;
  readonly realizedPnl: Decimal;
  readonly charges: Decimal;
}

/**
 * Adds a fill to the positions. One of ours goes to the OMS's quantity. An outside one (docs/decisions/0006) first
 * closes what was opened outside, then what the OMS manages, and the rest opens an outside position, so that an exit
 * of ours never reverses what the broker has netted. Its entry is where all of it belongs; when it is split, the OMS's
 * part goes over by a pair of TRANSFER entries at the fill's price.
 */
export function bookFill(view: AccountView, order: FilledOrder, fill: Fill, newId: () => string): Booked {
  const taken = order.cause === 'EXTERNAL' ? takenByOutside(view, order, fill.quantity) : fill.quantity;
  const managedBy = taken === fill.quantity ? 'OMS' : 'EXTERNAL';
  const realizedPnl = addEntry(view, order, fillEntry(view, order, fill, managedBy));
  const takenFromOms = order.cause === 'EXTERNAL' ? taken : 0;
  if (managedBy === 'OMS') return { managedBy, takenFromOms, realizedPnl, charges: fill.charges };
  if (taken === 0) return { managedBy, takenFromOms, realizedPnl: ZERO, charges: ZERO };
  const charges = toPaise(fill.charges.times(taken).div(fill.quantity));
  const [ours, theirs] = transfer(view, order, fill, { quantity: taken, charges }, newId);
  const closed = addEntry(view, order, ours);
  addEntry(view, order, theirs);
  return { managedBy, takenFromOms, realizedPnl: closed, charges };
}

/** How many of an outside fill close a position of the OMS, after those that close an outside one. */
function takenByOutside(view: AccountView, order: FilledOrder, quantity: number): number {
  const sign = sideSign(order.side);
  const against = (managedBy: ManagedBy): number =>
    Math.max(0, -sign * (view.newestCycle({ ...keyOf(order), managedBy })?.quantity ?? 0));
  const closesOutside = Math.min(quantity, against('EXTERNAL'));
  return Math.min(quantity - closesOutside, against('OMS'));
}

function keyOf({ instrumentId, product }: FilledOrder) {
  return { instrumentId, product };
}

function fillEntry(view: AccountView, order: FilledOrder, fill: Fill, managedBy: ManagedBy): EntryRow {
  const { entryId, kind, price, multiplier, charges, tradedAt, tradeId, brokerOrderId } = fill;
  const quantity = sideSign(order.side) * fill.quantity;
  return {
    accountId: order.accountId,
    ...keyOf(order),
    managedBy,
    id: entryId,
    kind,
    strategyId: order.strategyId,
    ...{ quantity, price, multiplier, charges, tradedAt, tradeId },
    cash: toValueScale(price.times(quantity).times(multiplier)).negated(),
    evidence: { orderId: order.id, brokerOrderId, tradeId },
    counterpart: null,
    recordedAt: view.now,
  };
}

/** Sorted after the fill itself by the length of its trade id. */
const TRANSFER_SUFFIX = '-transfer';

/** The OMS's leg and the outside one: together they move nothing but whose it is. */
function transfer(
  view: AccountView,
  order: FilledOrder,
  fill: Fill,
  part: { readonly quantity: number; readonly charges: Decimal },
  newId: () => string,
): readonly [EntryRow, EntryRow] {
  const [oursId, theirsId] = [newId(), newId()];
  const whole = fillEntry(view, order, fill, 'EXTERNAL');
  const leg = (managedBy: ManagedBy, sign: 1 | -1, id: string, counterpart: string): EntryRow => {
    const quantity = sign * sideSign(order.side) * part.quantity;
    return {
      ...whole,
      ...{ managedBy, id, counterpart, quantity },
      kind: 'TRANSFER',
      cash: toValueScale(fill.price.times(quantity).times(fill.multiplier)).negated(),
      charges: part.charges.times(sign),
      tradeId: `${fill.tradeId}${TRANSFER_SUFFIX}`,
      evidence: { ...whole.evidence, ofEntry: fill.entryId },
    };
  };
  return [leg('OMS', 1, oursId, theirsId), leg('EXTERNAL', -1, theirsId, oursId)];
}
