import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { overlap } from '../domain/operation.ts';
import { type MonitoredPosition, named } from '../risk/monitor/monitor.ts';
import { exitCondition } from '../risk/monitor/position-loss.ts';
import type { Context } from './context.ts';
import { stageFlatten } from './stage-flatten.ts';
import { MONITOR } from './stage-trips.ts';

/**
 * Closes a position that lost more than MAX_POSITION_LOSS_PCT, once: the alert that says so stands as long as the
 * position is open, also in another process and after a restart. What the exit can not close it tells by itself.
 * Needs `openAlerts`, `openPositions` and `runningOperations`. Null: it was begun before, something else closes it, or
 * it is gone.
 */
export function stagePositionExit(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  position: MonitoredPosition,
): OperationRow | null {
  const { instrumentId, product, cycle } = position;
  const condition = exitCondition(position);
  const isOpen = view
    .openPositions()
    .some(
      (row) =>
        row.managedBy === 'OMS' &&
        row.instrumentId === instrumentId &&
        row.product === product &&
        row.cycle === cycle,
    );
  if (!isOpen || view.standingAlert(condition) !== null) return null;
  // A flatten that is at it, a halt's above all, must not be put in this one's place; a later look finds what it leaves.
  const scope = { strategyId: null, instrumentId, product };
  const isBeingClosed = view
    .runningOperations()
    .some(({ kind, details }) => kind === 'FLATTEN' && overlap(details, scope));
  if (isBeingClosed) return null;
  const reason = `${named(position)} lost more than MAX_POSITION_LOSS_PCT`;
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'position_loss_exit',
    message: `${reason}: it is being closed (POSITION_LOSS_EXIT=yes)`,
    details: { symbol: position.symbol, product, quantity: position.quantity },
    orderId: null,
    condition,
  });
  return stageFlatten(context, view, { by: MONITOR, reason, instrumentId, product });
}
