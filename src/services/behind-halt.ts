import type { AccountView } from '../db/account-view.ts';
import { type Order, isExit } from '../domain/order.ts';
import type { Context } from './context.ts';
import { stageCancel } from './stage-command.ts';

/** An entry that comes back from a claim older than the newest change of its trading state is not sent again. */
export function cameBackBehindHalt(view: AccountView, order: Order): boolean {
  if (isExit(order)) return false;
  return scopesOf(view, order).some(
    (of) => of?.tradingStateAt != null && order.claimedAt !== null && of.tradingStateAt >= order.claimedAt,
  );
}

/** An entry that nobody waited for any more, found at the broker while its account or strategy is halted: cancelled. */
export function cancelLateTwin(context: Pick<Context, 'newId'>, view: AccountView, order: Order): void {
  if (isExit(order) || !scopesOf(view, order).some((of) => of?.tradingState === 'HALTED')) return;
  const reason = 'it turned up at the broker while trading is HALTED';
  stageCancel(context, view, order, { requestedBy: 'halt', reason });
}

function scopesOf(view: AccountView, { strategyId }: Order) {
  return [view.account, strategyId === null ? null : view.strategy(strategyId)];
}
