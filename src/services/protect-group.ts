import type { OrderCommandRow, ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { canonicalJson } from '../domain/journal.ts';
import { type Order, sideSign } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { PROTECTION_ACTOR, afterCancel, closingSide, restingLeaves, sharesOf } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { effectOf } from '../risk/effect.ts';
import { type StopDayNow, stopDayOf } from '../risk/protection/night.ts';
import { type Action, type Plan, planProtection } from '../risk/protection/plan.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { followStop } from './follow-stop.ts';
import { type LookedAtGroup, factsOf, liveGuards } from './protection-facts.ts';
import { settleGuards, takeOverTerms } from './settle-guards.ts';
import { insertCommand, lookAt, stageCancel } from './stage-command.ts';
import { stageGuard } from './stage-guard.ts';
import { tellOfGroup, tellOfNight } from './tell-protection.ts';
import { makeRoom } from './trim-exits.ts';

type LookContext = Pick<Context, 'newId' | 'prices' | 'instruments' | 'settings'>;

/** What a look staged; the caller tells the queues after the commit (protect-account.ts). */
export interface ProtectionLook {
  readonly orders: readonly Order[];
  readonly commands: readonly OrderCommandRow[];
}

/** While something of a group is on its way, it is looked at this often, milliseconds. */
const LOOK_EVERY_MS = 1000;
/** While its exchange is closed. */
const LOOK_CLOSED_MS = 30_000;
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
  const did: { orders: Order[]; commands: OrderCommandRow[] } = { orders: [], commands: [] };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const look: LookedAtGroup = { group, held, guards: liveGuards(view, group), isOpen };
    const plan = planProtection(factsOf(context, view, look));
    group = changeMode(view, group, plan);
    const unsent = look.guards.length;
    for (const action of plan.actions) group = act(context, view, { group, action, did });
    if (liveGuards(view, group).length >= unsent) break;
  }
  finish(context, view, { before, group, held, day });
  return { orders: did.orders.flatMap(({ id }) => pendingOrder(view, id)), commands: did.commands };
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
 * may rest where nothing trades: it is cut first, and the exit follows when the book shows that.
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
  const of = { ...group, side, role: 'EXIT', quantity: action.quantity } as const;
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

interface Finish {
  readonly before: ProtectionGroupRow;
  readonly group: ProtectionGroupRow;
  readonly held: number;
  readonly day: StopDayNow;
}

/** Measures, tells, and writes the row when it changed. */
function finish(context: LookContext, view: AccountView, { before, group, held, day }: Finish): void {
  const isOpen = day.phase !== 'CLOSED';
  const today = tradingDayOf(view.now);
  const guards = liveGuards(view, group);
  const stops = guards.filter(({ role }) => role === 'STOP');
  // A stop of the day before rests nowhere, whatever its row says until the book of today was read.
  const resting = stops.filter(
    ({ id, tradingDay }) =>
      tradingDay === today && !view.openCommands(id).some(({ kind }) => kind === 'CANCEL'),
  );
  const protectedQuantity = Math.min(
    held,
    resting.reduce((total, order) => total + restingLeaves(order), 0),
  );
  const isNaked = group.policy === 'exchange' && isOpen && protectedQuantity < held;
  const isLive = (id: string) => guards.some((guard) => guard.id === id);
  const now = view.now.getTime();
  const since = group.unprotectedSince;
  const measured: ProtectionGroupRow = {
    ...group,
    heldQuantity: held,
    protectedQuantity,
    guardIds: guards.map(({ id }) => id),
    cancelledIds: group.cancelledIds.filter(isLive),
    cancelTries: Object.fromEntries(Object.entries(group.cancelTries).filter(([id]) => isLive(id))),
    modifyKeys: Object.fromEntries(Object.entries(group.modifyKeys).filter(([id]) => isLive(id))),
    unprotectedSince: isNaked ? (since ?? view.now) : null,
    unprotectedMs: group.unprotectedMs + (isNaked || since === null ? 0 : now - since.getTime()),
    endedAt: held === 0 && guards.length === 0 && group.gttNet === null ? view.now : null,
  };
  tellOfGroup(context, view, measured);
  tellOfNight(context, view, measured, day.phase);
  const isBusy =
    measured.unprotectedSince !== null ||
    measured.mode === 'EXIT' ||
    measured.policy === 'oms' ||
    measured.trailing !== null ||
    measured.gtt ||
    measured.gttNet !== null ||
    guards.some((order) => order.status !== 'OPEN' || view.openCommands(order.id).length > 0) ||
    held === 0 ||
    Object.keys(measured.cancelTries).length > 0 ||
    isWaitingForTarget(measured, guards);
  const everyMs = !isOpen ? LOOK_CLOSED_MS : isBusy ? LOOK_EVERY_MS : day.turnsInMs;
  const isOver = measured.endedAt !== null || everyMs === null;
  const row = { ...measured, nextLookAt: isOver ? null : lookAt(view, everyMs) };
  if (sameRow(before, row)) return;
  view.putProtection(
    { ...row, updatedAt: view.now },
    row.endedAt === null
      ? null
      : { kind: 'ProtectionEnded', data: { unprotectedMs: row.unprotectedMs, orders: row.placed } },
  );
}

function isWaitingForTarget({ takeProfit }: ProtectionGroupRow, guards: readonly Order[]): boolean {
  return takeProfit !== null && !guards.some(({ role }) => role === 'TARGET');
}

function sameRow(a: ProtectionGroupRow, b: ProtectionGroupRow): boolean {
  return canonicalJson(plain(a)) === canonicalJson(plain(b));
}

function plain(row: ProtectionGroupRow): unknown {
  return JSON.parse(JSON.stringify(row));
}
