import type { OrderCommandRow } from '../db/account-rows.ts';
import { type AccountView, MoreNeeded } from '../db/account-view.ts';
import type { HaltExits, TradingState } from '../domain/account.ts';
import { decimal } from '../domain/money.ts';
import { type Order, isExit, openingLeaves } from '../domain/order.ts';
import { termsOf } from '../domain/order-terms.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import { effectOf } from '../risk/effect.ts';
import { PROTECTION_ACTOR } from '../domain/protection.ts';
import { heldLossOf, raisesRisk } from '../risk/modify.ts';
import { managedPosition } from './check-modify.ts';
import { endCommand } from './end-command.ts';
import { rejectOrder } from './reject-order.ts';
import { settleUnsent } from './stage-command.ts';

/** An order whose call was claimed and has no answer yet. */
export interface InFlight {
  readonly id: string;
  readonly status: OrderStatus;
  /** After this instant the call is not begun any more; real time of the database. */
  readonly sendBy: Date;
}

export interface Sweep {
  readonly state: TradingState;
  /** What waited behind a halt does not survive its release. */
  readonly leavesHalt: boolean;
  /** Null: of the whole account. */
  readonly strategyId: string | null;
  readonly reason: string;
  readonly exits: HaltExits;
}

/**
 * Ends every PENDING and VALIDATED order of the scope that the state refuses, and the waiting modifies that may raise
 * risk (protocol.md: none survives a release). The ids of the orders. One that can not be ended is left to the fence
 * at its claim: nothing stops a halt.
 */
export function endUnsentEntries(view: AccountView, sweep: Sweep): string[] {
  if (sweep.state === 'ACTIVE' && !sweep.leavesHalt) return [];
  const refuses = refusedBy(view, sweep);
  const unsent = view
    .unsettledOrders()
    .filter(({ status }) => status === 'PENDING' || status === 'VALIDATED')
    .filter((order) => isIn(order, sweep.strategyId) && refuses(order));
  const reason = `trading is ${sweep.state} (${sweep.reason}): the order was not sent`;
  const ended = unsent.filter((order) =>
    attempted(view, () => {
      settleUnsent(view, rejectOrder(view, order, { by: 'OMS', failedCheck: 'CIRCUIT_BREAKER', reason }));
    }),
  );
  for (const command of view.allOpenCommands()) {
    attempted(view, () => {
      endModify(view, command, sweep);
    });
  }
  return ended.map(({ id }) => id);
}

/** Entries of the scope whose claims were made and not answered. */
export function entriesInFlight(view: AccountView, strategyId: string | null): InFlight[] {
  const placements = view
    .unsettledOrders()
    .filter(({ status }) => status === 'SUBMITTING' || status === 'UNKNOWN')
    .filter((order) => isIn(order, strategyId) && !isExit(order))
    .map(({ id, status, sendBy }) => ({ id, status, sendBy: sendBy ?? view.real.realNow }));
  const modifies = view.allOpenCommands().flatMap((command) => {
    if (command.kind !== 'MODIFY' || command.state !== 'IN_FLIGHT' || command.answeredAt !== null) return [];
    const order = view.order(command.orderId);
    if (order === null || !isIn(order, strategyId) || isExit(order)) return [];
    return [{ id: order.id, status: order.status, sendBy: command.sendBy ?? view.real.realNow }];
  });
  return [...placements, ...modifies];
}

function isIn(order: Order, strategyId: string | null): boolean {
  return strategyId === null || order.strategyId === strategyId;
}

function refusedBy(view: AccountView, { state, leavesHalt, exits }: Sweep): (order: Order) => boolean {
  if (state === 'HALTED' && exits === 'operatorOnly') return (order) => order.cause !== 'OPERATOR';
  if (state === 'HALTED' || leavesHalt) return (order) => !isExit(order);
  const live = view.liveOrders();
  const positions = view.openPositions();
  return (order) => {
    const others = live.filter(({ id }) => id !== order.id);
    return effectOf(order, positions, others).openingQuantity > 0;
  };
}

/** A modify that waits is ended when it may raise risk: it is an entry. */
function endModify(view: AccountView, command: OrderCommandRow, sweep: Sweep): void {
  if (command.kind !== 'MODIFY' || command.state !== 'WAITING') return;
  const before = view.order(command.orderId);
  if (before === null || !isIn(before, sweep.strategyId)) return;
  const after = { ...before, ...termsOf(command.terms ?? {}) };
  const others = view.liveOrders().filter(({ id }) => id !== before.id);
  const leaves = { ...after, quantity: Math.max(0, after.quantity - before.filledQuantity) };
  const position = managedPosition(view, before);
  const multiplier = position?.multiplier ?? decimal(1);
  const raises = raisesRisk({
    ...{ before, after, multiplier },
    held: heldLossOf({ before, after, multiplier }, position),
    byProtection: command.requestedBy === PROTECTION_ACTOR,
    openingBefore: openingLeaves(before),
    openingAfter: effectOf(leaves, view.openPositions(), others).openingQuantity,
    // Without a price: what can not be compared is what the checks at its claim will judge.
    price: null,
  });
  if (!raises) return;
  endCommand(view, command, 'REFUSED', `trading is ${sweep.state} (${sweep.reason}): it would raise risk`);
}

function attempted(view: AccountView, work: () => void): boolean {
  try {
    view.inside(work);
    return true;
  } catch (error) {
    if (error instanceof MoreNeeded) throw error;
    return false;
  }
}
