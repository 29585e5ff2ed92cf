import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order, Side } from '../domain/order.ts';
import type { Context } from './context.ts';
import { lookAt } from './stage-command.ts';

type Key = Pick<Order, 'instrumentId' | 'product'>;

type Terms = Pick<
  ProtectionGroupRow,
  | 'parentOrderId'
  | 'policy'
  | 'stopLoss'
  | 'takeProfit'
  | 'parentStop'
  | 'parentTarget'
  | 'trailing'
  | 'gtt'
  | 'mode'
  | 'reason'
>;

/** The live group of a holder on this side of a key. Needs `protections`. */
export function groupOf(
  view: AccountView,
  { instrumentId, product, strategyId }: Key & Pick<Order, 'strategyId'>,
  side: Side,
): ProtectionGroupRow | null {
  return (
    view
      .protections()
      .find(
        (group) =>
          group.instrumentId === instrumentId &&
          group.product === product &&
          group.strategyId === strategyId &&
          group.side === side,
      ) ?? null
  );
}

/** To be looked at now; what was filled is without its stop since then, and not only since we know of it. */
export function nakedSince(view: AccountView, group: ProtectionGroupRow, at: Date): ProtectionGroupRow {
  const since = group.unprotectedSince ?? (at < view.now ? at : view.now);
  return {
    ...group,
    unprotectedSince: group.policy === 'exchange' ? since : null,
    nextLookAt: lookAt(view, 0),
  };
}

/** Begins a protection group for what the holder of `order` has on `side`, to be looked at now. */
export function beginGroup(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  side: Side,
  terms: Terms,
): ProtectionGroupRow {
  const { instrumentId, product, exchange, symbol, strategyId } = order;
  const group: ProtectionGroupRow = {
    accountId: view.account.id,
    id: context.newId(),
    ...{ instrumentId, product, exchange, symbol, strategyId, side },
    ...terms,
    gttNet: null,
    guardIds: [],
    cancelledIds: [],
    cancelTries: {},
    placed: 0,
    modified: 0,
    modifyKeys: {},
    stopAsked: null,
    targetAsked: null,
    stopRefusals: 0,
    targetRefusals: 0,
    exitRefusals: 0,
    retryAt: null,
    heldQuantity: 0,
    protectedQuantity: 0,
    unprotectedSince: null,
    unprotectedMs: 0,
    nextLookAt: lookAt(view, 0),
    createdAt: view.now,
    updatedAt: view.now,
    endedAt: null,
  };
  view.putProtection(group, {
    kind: 'ProtectionBegun',
    data: {
      policy: terms.policy,
      mode: terms.mode,
      stopLoss: terms.stopLoss?.toFixed() ?? null,
      takeProfit: terms.takeProfit?.toFixed() ?? null,
      reason: terms.reason,
    },
  });
  return group;
}
