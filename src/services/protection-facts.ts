import type { OperationRow, OrderCommandRow, ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { modificationsLeft } from '../domain/command.ts';
import type { Order } from '../domain/order.ts';
import { leavesQuantity, sideSign } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { type GuardRole, closingSide } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { exitPrice, sliceQuantity } from '../risk/exits.ts';
import { positionId } from '../risk/monitor/monitor.ts';
import { isRebased } from '../risk/monitor/price-quality.ts';
import type { GroupFacts, Guard, GuardCommand } from '../risk/protection/plan.ts';
import { isAtTarget, isBeyondStop, isOutsideBand, stopTerms } from '../risk/protection/stop-terms.ts';
import type { Context } from './context.ts';

/** A group as one look under the lock finds it. */
export interface LookedAtGroup {
  readonly group: ProtectionGroupRow;
  readonly held: number;
  /** Its guards that are not finished. */
  readonly guards: readonly Order[];
  /** Its exchange takes orders now. */
  readonly isOpen: boolean;
}

/** Refusals in a row after which a target is left to people. */
const MAX_TARGET_REFUSALS = 2;

/** The group's guards that are not finished, in the order they were placed. */
export function liveGuards(view: AccountView, { guardIds }: ProtectionGroupRow): Order[] {
  return guardIds.flatMap((id) => {
    const order = view.order(id);
    return order === null || isFinal(order.status) ? [] : [order];
  });
}

/** Everything the plan looks at, from rows and the newest price. */
export function factsOf(
  context: Pick<Context, 'prices' | 'instruments' | 'settings'>,
  view: AccountView,
  { group, held, guards, isOpen }: LookedAtGroup,
): GroupFacts {
  const instrument = present(
    context.instruments.cached(group.instrumentId),
    `instrument ${group.instrumentId}`,
  );
  const price = context.prices.peek(instrument.id);
  const side = closingSide(group.side);
  const { withinMs } = context.settings.protection;
  const leaving = leavingOf(view, group, held);
  const isOutside = isOutsideBand(group.stopLoss, side, price);
  // A stop that rests already is left there; more is not placed beside it, nor could it be moved.
  const isHeldBack = isSuspended(context, view, group);
  // While it is held back nobody watches, and what is without a stop counts as that.
  const isWatched = !isHeldBack && isOutside && !guards.some(({ role }) => role === 'STOP');
  const policy = group.policy === 'exchange' && isWatched ? 'oms' : group.policy;
  const mayTry = isOpen && (group.retryAt === null || group.retryAt <= view.now);
  return {
    policy,
    mode: group.mode,
    held,
    side,
    guards: guards.map((order) => guardOf(view, group, order)),
    stop: group.stopLoss === null ? null : stopTerms(group.stopLoss, side, instrument, price),
    // A price a few seconds old must not sell what was just bought: the exchange is asked first, where there is a stop.
    isStopPassed: (policy === 'oms' || group.stopRefusals > 0) && isBeyondStop(group.stopLoss, side, price),
    target: group.takeProfit,
    isTargetPassed: isAtTarget(group.takeProfit, side, price),
    exitPrice: exitPrice(side, instrument, price),
    isClosing: isClosing(view, group) || (leaving > 0 && leaving >= held),
    isHeldBack,
    leaving,
    waitsForOther: waitsForOther(view, group, withinMs),
    mayPlace: {
      stop: mayTry && !isOutside,
      target: mayTry && group.targetRefusals < MAX_TARGET_REFUSALS,
      exit: mayTry,
    },
    slice: sliceQuantity(instrument, context.settings),
    protectWithinMs: withinMs,
  };
}

function guardOf(view: AccountView, group: ProtectionGroupRow, order: Order): Guard {
  const command = view.openCommands(order.id).at(-1) ?? null;
  return {
    id: order.id,
    role: order.role as GuardRole,
    status: order.status,
    leaves: leavesQuantity(order),
    filled: order.filledQuantity,
    orderType: order.orderType,
    trigger: order.triggerPrice,
    price: order.price,
    command: command === null ? null : commandOf(view, order, command),
    takesModify:
      (order.status === 'OPEN' || order.status === 'PARTIALLY_FILLED') &&
      order.brokerOrderId !== null &&
      modificationsLeft(order, true) > 0 &&
      !wasRefused(view, group, order),
    takesCancel: mayCancel(view, group, order),
    isTriggered: isTriggered(order),
    idleMs: view.now.getTime() - order.updatedAt.getTime(),
  };
}

function mayCancel(view: AccountView, { cancelTries }: ProtectionGroupRow, { id }: Order): boolean {
  const tries = cancelTries[id];
  return tries === undefined || new Date(tries.notBefore) <= view.now;
}

/** A stop that waits is TRIGGER PENDING in the book; one that was triggered is an ordinary limit there. */
export function isTriggered({ orderType, brokerStatus }: Pick<Order, 'orderType' | 'brokerStatus'>): boolean {
  return (orderType === 'SL' || orderType === 'SL-M') && brokerStatus === 'OPEN';
}

function commandOf(
  view: AccountView,
  order: Order,
  { kind, state, terms, sentAt }: OrderCommandRow,
): GuardCommand {
  if (kind === 'CANCEL') return { kind };
  const quantity = terms?.quantity ?? order.quantity;
  const sentMs = sentAt === null ? 0 : view.now.getTime() - sentAt.getTime();
  const leaves = Math.max(0, quantity - order.filledQuantity);
  return { kind, isSent: state === 'IN_FLIGHT', leaves, sentMs };
}

/** The newest modify of this order was refused: another one would be, too. One that was lost may be asked again. */
export function wasRefused(
  view: AccountView,
  { modifyKeys }: ProtectionGroupRow,
  order: Pick<Order, 'id'>,
): boolean {
  const key = modifyKeys[order.id];
  const outcome = key === undefined ? null : (view.commandByKey(key)?.outcome ?? null);
  return outcome === 'REFUSED';
}

/** A flatten that is running cancels what reduces the position before it exits: protection stands aside. */
function isClosing(view: AccountView, group: ProtectionGroupRow): boolean {
  return flattensOf(view, group).some(({ details }) => details.quantity === null);
}

/** Flattens that are running and may close something of the group. */
function flattensOf(
  view: AccountView,
  { instrumentId, product, strategyId }: ProtectionGroupRow,
): OperationRow[] {
  return view
    .runningOperations()
    .filter(
      ({ kind, details }) =>
        kind === 'FLATTEN' &&
        (details.instrumentId === null || details.instrumentId === instrumentId) &&
        (details.product === null || details.product === product) &&
        (details.strategyId === null || details.strategyId === strategyId) &&
        details.keys[`${instrumentId}/${product}`]?.givenUp == null,
    );
}

/**
 * The share may be another one since last night (a split, a bonus): a stop at its old price would sell it at once. Until
 * the monitor's alert of it is acknowledged or ends, protection stands aside; before the monitor has looked, the same
 * two closes tell. That nothing protects meanwhile is CRITICAL after PROTECT_WITHIN_MS like any other reason.
 */
export function isSuspended(
  context: Pick<Context, 'prices'>,
  view: AccountView,
  { instrumentId, product }: ProtectionGroupRow,
): boolean {
  const own = view
    .openPositions()
    .find((row) => row.managedBy === 'OMS' && row.instrumentId === instrumentId && row.product === product);
  if (own === undefined) return false;
  const suspected = view.standingAlert(`risk:corporate_action_suspected:${positionId(own)}`);
  if (suspected !== null) return suspected.acknowledgedAt === null;
  return isRebased(own.previousClose, context.prices.peek(instrumentId)?.previousClose ?? null);
}

/**
 * How much of what the group holds a flatten of a part still closes. One of the account takes from the strategies
 * first, in the order of their ids, as its exits do (look-at-key.ts).
 */
function leavingOf(view: AccountView, group: ProtectionGroupRow, held: number): number {
  return flattensOf(view, group).reduce((total, { details }) => {
    if (details.quantity === null) return total;
    const own = details.orders.flatMap((id) => view.order(id) ?? []).filter((exit) => isOfKey(exit, group));
    const filled = own.reduce((sum, exit) => sum + exit.filledQuantity, 0);
    const before = details.strategyId === null ? heldBefore(view, group) : 0;
    const left = Math.max(0, details.quantity - filled - before);
    return Math.min(held, total + left);
  }, 0);
}

function isOfKey(exit: Order, { instrumentId, product }: ProtectionGroupRow): boolean {
  return exit.instrumentId === instrumentId && exit.product === product;
}

/** What the holders that come first hold of the same side. */
function heldBefore(view: AccountView, group: ProtectionGroupRow): number {
  if (group.strategyId === null) {
    return sum([...view.ownersOf(group).values()].map((quantity) => sideSign(group.side) * quantity));
  }
  const { strategyId } = group;
  return sum(
    [...view.ownersOf(group)].map(([id, quantity]) =>
      id < strategyId ? sideSign(group.side) * quantity : 0,
    ),
  );
}

function sum(quantities: readonly number[]): number {
  return quantities.reduce((total, quantity) => total + Math.max(0, quantity), 0);
}

/** The old group of a position that was reversed ends before the new one begins, but not for ever. */
function waitsForOther(view: AccountView, group: ProtectionGroupRow, withinMs: number): boolean {
  const nakedMs = view.now.getTime() - (group.unprotectedSince ?? view.now).getTime();
  if (nakedMs >= withinMs) return false;
  return view
    .protections()
    .some(
      (other) =>
        other.instrumentId === group.instrumentId &&
        other.product === group.product &&
        other.side !== group.side &&
        liveGuards(view, other).some(({ role }) => role !== 'EXIT'),
    );
}
