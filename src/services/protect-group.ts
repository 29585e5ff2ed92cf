import type { OrderCommandRow, ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { LiveOrder } from '../domain/live-order.ts';
import { type Order, openingLeaves, sideSign } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { PROTECTION_ACTOR, afterCancel, closingSide, sharesOf } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { effectOf } from '../risk/effect.ts';
import { stopDayOf } from '../risk/protection/night.ts';
import { type Action, type Plan, planProtection } from '../risk/protection/plan.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { followStop } from './follow-stop.ts';
import { measureGroup } from './measure-group.ts';
import { type LookedAtGroup, factsOf, liveGuards } from './protection-facts.ts';
import { settleGuards, takeOverTerms } from './settle-guards.ts';
import { insertCommand, stageCancel } from './stage-command.ts';
import { stageGuard } from './stage-guard.ts';
import { makeRoom } from './trim-exits.ts';

type LookContext = Pick<Context, 'newId' | 'prices' | 'instruments' | 'settings'>;

/** What a look staged; the caller tells the queues after the commit (protect-account.ts). */
export interface ProtectionLook {
  readonly orders: readonly Order[];
  readonly commands: readonly OrderCommandRow[];
}

/** What ends at once (an order that was not sent yet) makes room for the next step in the same look. */
const MAX_ROUNDS = 3;

/**
 * Looks at the live protection groups of an account under its lock, and stages what makes their guards cover exactly
 * what is held: stops placed, grown, shrunk, moved or replaced, targets beside them, exits where a stop will not do.
 * Level-triggered (risk/protection/plan.ts): after a fill, a loss, a crash or nothing at all it ends at the same place.
 * Needs `protections`; the rest only when there are groups. `keys`: "instrumentId/product" of those to look at.
 */
export function lookAtProtection(
  context: LookContext,
  view: AccountView,
  keys: ReadonlySet<string> | null = null,
): ProtectionLook {
  const groups = view.protections().filter((group) => keys === null || keys.has(keyText(group)));
  const looks = groups.map((group) => lookAtGroup(context, view, group));
  for (const group of new Map(groups.map((one) => [keyText(one), one])).values()) followStop(view, group);
  return {
    orders: looks.flatMap(({ orders }) => orders),
    commands: looks.flatMap(({ commands }) => commands),
  };
}

export function keyText({ instrumentId, product }: Pick<Order, 'instrumentId' | 'product'>): string {
  return `${instrumentId}/${product}`;
}

function lookAtGroup(context: LookContext, view: AccountView, before: ProtectionGroupRow): ProtectionLook {
  const held = heldBy(view, before);
  const day = stopDayOf(context.settings.session, before.exchange, view.now);
  const isOpen = day.phase !== 'CLOSED';
  let group = settleGuards(context, view, takeOverTerms(context, view, before), held);
  let facts = factsOf(context, view, { group, held, guards: liveGuards(view, group), isOpen });
  const did: { orders: Order[]; commands: OrderCommandRow[] } = { orders: [], commands: [] };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const look: LookedAtGroup = { group, held, guards: liveGuards(view, group), isOpen };
    facts = factsOf(context, view, look);
    const plan = planProtection(facts);
    group = changeMode(view, group, plan);
    const unsent = look.guards.length;
    for (const action of plan.actions) group = act(context, view, { group, action, did });
    if (liveGuards(view, group).length >= unsent) break;
  }
  if (before.mode === 'STOP' && group.mode === 'EXIT')
    did.commands.push(...cancelEntries(context, view, group));
  measureGroup(context, view, { before, group, facts, day });
  return { orders: did.orders.flatMap(({ id }) => pendingOrder(view, id)), commands: did.commands };
}

/** Nothing is added to a position that leaves: what would be bought is sold at once. */
function cancelEntries(
  context: LookContext,
  view: AccountView,
  group: ProtectionGroupRow,
): OrderCommandRow[] {
  const isEntry = (live: LiveOrder) =>
    keyText(live) === keyText(group) &&
    live.side === group.side &&
    live.strategyId === group.strategyId &&
    openingLeaves(live) > 0;
  return view
    .liveOrders()
    .filter(isEntry)
    .flatMap(({ id }) => {
      const order = present(view.order(id), `order ${id}`);
      const reason = `its position leaves: ${group.reason ?? 'no stop is possible'}`;
      return stageCancel(context, view, order, { requestedBy: PROTECTION_ACTOR, reason }) ?? [];
    });
}

function pendingOrder(view: AccountView, id: string): Order[] {
  const order = view.order(id);
  return order === null || isFinal(order.status) ? [] : [order];
}

/** What the group's holder has of the position, on the group's side. */
function heldBy(view: AccountView, group: ProtectionGroupRow): number {
  const net =
    view.openPositions().find((row) => row.managedBy === 'OMS' && keyText(row) === keyText(group))
      ?.quantity ?? 0;
  if (Math.sign(net) !== sideSign(group.side)) return 0;
  const holders = view.protections().filter((other) => keyText(other) === keyText(group));
  const shares = sharesOf(net, holders, view.ownersOf(group));
  return shares[holders.findIndex(({ id }) => id === group.id)] ?? 0;
}

function changeMode(view: AccountView, group: ProtectionGroupRow, { mode, why }: Plan): ProtectionGroupRow {
  if (why === null || mode === group.mode) return group;
  const row: ProtectionGroupRow = { ...group, mode, reason: why, retryAt: null };
  view.putProtection(row, { kind: 'ProtectionExits', data: { reason: why } });
  return row;
}

interface Act {
  readonly group: ProtectionGroupRow;
  readonly action: Action;
  readonly did: { readonly orders: Order[]; readonly commands: OrderCommandRow[] };
}

function act(context: LookContext, view: AccountView, { group, action, did }: Act): ProtectionGroupRow {
  switch (action.kind) {
    case 'place': {
      const quantity =
        action.role === 'EXIT' ? roomForExit(context, view, group, { action, did }) : action.quantity;
      if (quantity === 0) return group;
      const order = place(context, view, group, { ...action, quantity });
      did.orders.push(order);
      return {
        ...group,
        placed: group.placed + 1,
        guardIds: [...group.guardIds, order.id],
        ...(action.role === 'STOP' ? { stopAsked: order.triggerPrice } : {}),
        ...(action.role === 'TARGET' ? { targetAsked: order.price } : {}),
      };
    }
    case 'cancel': {
      const order = present(view.order(action.id), `guard ${action.id}`);
      const command = stageCancel(context, view, order, {
        requestedBy: PROTECTION_ACTOR,
        reason: action.why,
      });
      if (command !== null) did.commands.push(command);
      return {
        ...group,
        cancelledIds: [...new Set([...group.cancelledIds, action.id])],
        cancelTries: {
          ...group.cancelTries,
          [action.id]: afterCancel(group.cancelTries[action.id], view.now),
        },
      };
    }
    case 'modify':
      return modify(context, view, group, { action, did });
  }
}

/**
 * How much of a protective exit goes out now. A strategy's own exit that rests takes its place in the position, and
 * may rest where nothing trades, as a reversal may: it is cut first, and the exit follows when the book shows that.
 */
function roomForExit(
  context: LookContext,
  view: AccountView,
  group: ProtectionGroupRow,
  { action, did }: Omit<Act, 'group' | 'action'> & { readonly action: Extract<Action, { kind: 'place' }> },
): number {
  const side = closingSide(group.side);
  const unseen = liveGuards(view, group)
    .filter(({ role, status }) => role === 'EXIT' && status === 'PENDING')
    .reduce((total, { quantity }) => total + quantity, 0);
  const of = { ...group, side, role: 'EXIT', quantity: action.quantity, protectionGroup: group.id } as const;
  const room = effectOf(of, view.openPositions(), view.liveOrders()).largestReduction - unseen;
  const excess = action.quantity - Math.max(0, room);
  if (excess <= 0) return action.quantity;
  const reason = 'the position leaves by a protective exit';
  did.commands.push(...makeRoom(context, view, group, { side, excess, reason }));
  const now = effectOf(of, view.openPositions(), view.liveOrders()).largestReduction - unseen;
  return Math.min(action.quantity, Math.max(0, now));
}

function place(
  context: LookContext,
  view: AccountView,
  group: ProtectionGroupRow,
  { role, quantity }: Extract<Action, { kind: 'place' }>,
): Order {
  const of = { id: context.newId(), number: group.placed + 1, role, quantity };
  const facts = factsOf(context, view, { group, held: quantity, guards: [], isOpen: true });
  switch (role) {
    case 'STOP': {
      const { orderType, trigger, price } = present(facts.stop, `stop of group ${group.id}`);
      return stageGuard(view, group, { ...of, orderType, price, triggerPrice: trigger });
    }
    case 'TARGET':
      return stageGuard(view, group, { ...of, orderType: 'LIMIT', price: facts.target, triggerPrice: null });
    case 'EXIT': {
      const price = facts.exitPrice;
      const orderType = price === null ? 'MARKET' : 'LIMIT';
      return stageGuard(view, group, { ...of, orderType, price, triggerPrice: null });
    }
  }
}

function modify(
  context: LookContext,
  view: AccountView,
  group: ProtectionGroupRow,
  { action, did }: Omit<Act, 'group' | 'action'> & { readonly action: Extract<Action, { kind: 'modify' }> },
): ProtectionGroupRow {
  const order = present(view.order(action.id), `guard ${action.id}`);
  const { stop, target } = action;
  const quantity = order.filledQuantity + action.leaves;
  for (const waiting of view.openCommands(order.id).filter(({ state }) => state === 'WAITING')) {
    endCommand(view, waiting, 'REPLACED', `a modify by ${PROTECTION_ACTOR} took its place`);
  }
  const key = `protect.${group.id}.m${group.modified + 1}`;
  const command = insertCommand(context, view, order, {
    kind: 'MODIFY',
    terms: {
      ...(quantity === order.quantity ? {} : { quantity }),
      ...(stop === null ? {} : { triggerPrice: stop.trigger.toFixed() }),
      ...(stop === null || stop.price === null ? {} : { price: stop.price.toFixed() }),
      ...(target === null ? {} : { price: target.toFixed() }),
    },
    requestedBy: PROTECTION_ACTOR,
    reason: `the position is ${action.leaves}`,
    idempotencyKey: key,
  });
  did.commands.push(command);
  return {
    ...group,
    modified: group.modified + 1,
    modifyKeys: { ...group.modifyKeys, [order.id]: key },
    ...(stop === null ? {} : { stopAsked: stop.trigger }),
    ...(target === null ? {} : { targetAsked: target }),
  };
}
