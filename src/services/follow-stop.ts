import type { AccountView } from '../db/account-view.ts';
import { type Order, sideSign } from '../domain/order.ts';

type Key = Pick<Order, 'instrumentId' | 'product'>;

/**
 * Brings a managed position's own stop, which open risk and the monitor judge by, to where its protection has it: that
 * of the newest order among its groups, wherever `stopLoss`, a person or trailing moved it since the fill.
 * Needs `protections` and `openPositions`.
 */
export function followStop(view: AccountView, { instrumentId, product }: Key): void {
  const isOfKey = (row: Key) => row.instrumentId === instrumentId && row.product === product;
  const position = view.openPositions().find((row) => row.managedBy === 'OMS' && isOfKey(row));
  if (position === undefined) return;
  const [newest] = view
    .protections()
    .filter((group) => isOfKey(group) && sideSign(group.side) === Math.sign(position.quantity))
    .flatMap(({ stopLoss, parentOrderId }) => {
      const parent = view.order(parentOrderId);
      return stopLoss === null || parent === null ? [] : [{ stopLoss, parent }];
    })
    .sort((a, b) => b.parent.createdAt.getTime() - a.parent.createdAt.getTime());
  if (newest === undefined || position.stopLoss?.eq(newest.stopLoss) === true) return;
  view.putPosition({ ...position, stopLoss: newest.stopLoss, updatedAt: view.now });
  view.note('PositionStopMoved', newest.parent.id, {
    ...{ instrumentId, product, managedBy: position.managedBy, cycle: position.cycle },
    from: position.stopLoss?.toFixed() ?? null,
    stopLoss: newest.stopLoss.toFixed(),
  });
}
