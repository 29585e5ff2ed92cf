import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { canonicalJson } from '../domain/journal.ts';
import type { Order } from '../domain/order.ts';
import { restingLeaves } from '../domain/protection.ts';
import type { StopDayNow } from '../risk/protection/night.ts';
import { type GroupFacts, isSpent } from '../risk/protection/plan.ts';
import type { Context } from './context.ts';
import { isTriggered, liveGuards } from './protection-facts.ts';
import { lookAt } from './stage-command.ts';
import { endTold, tellOfBand, tellOfGroup, tellOfNight } from './tell-protection.ts';

/** While something of a group is on its way, it is looked at this often, milliseconds. */
const LOOK_EVERY_MS = 1000;
/** While its exchange is closed. */
const LOOK_CLOSED_MS = 30_000;

interface Looked {
  readonly before: ProtectionGroupRow;
  readonly group: ProtectionGroupRow;
  /** As the plan saw it. */
  readonly facts: Pick<GroupFacts, 'held' | 'policy' | 'isHeldBack'>;
  readonly day: StopDayNow;
}

/** The end of a look: measures what is protected, tells, says when to look again, and writes the row when it changed. */
export function measureGroup(
  context: Pick<Context, 'newId' | 'settings'>,
  view: AccountView,
  { before, group, facts, day }: Looked,
): void {
  const { held } = facts;
  const isOpen = day.phase !== 'CLOSED';
  const guards = liveGuards(view, group);
  const protectedQuantity = Math.min(held, restingStops(view, guards));
  const counts = facts.policy === 'exchange' || facts.isHeldBack;
  const isNaked = counts && isOpen && protectedQuantity < held;
  const isLive = (id: string) => guards.some((guard) => guard.id === id);
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
    unprotectedMs: group.unprotectedMs + (isNaked || since === null ? 0 : elapsed(since, view.now)),
    endedAt: held === 0 && guards.length === 0 && group.gttNet === null ? view.now : null,
  };
  tellOfGroup(context, view, measured);
  tellOfNight(context, view, measured, day.phase);
  tellOfBand(context, view, measured, held > 0 && facts.policy !== group.policy);
  endTold(view, measured);
  const everyMs = !isOpen
    ? LOOK_CLOSED_MS
    : isBusy(view, measured, guards, facts)
      ? LOOK_EVERY_MS
      : day.turnsInMs;
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

function elapsed(since: Date, now: Date): number {
  return Math.max(0, now.getTime() - since.getTime());
}

/** Units that stops at the exchange would close once the price comes to them. */
function restingStops(view: AccountView, guards: readonly Order[]): number {
  const today = tradingDayOf(view.now);
  return guards
    .filter((order) => order.role === 'STOP')
    .filter(
      // A stop of the day before rests nowhere, whatever its row says until the book of today was read.
      (order) =>
        order.tradingDay === today &&
        !isSpent({ isTriggered: isTriggered(order), idleMs: elapsed(order.updatedAt, view.now) }) &&
        !view.openCommands(order.id).some(({ kind }) => kind === 'CANCEL'),
    )
    .reduce((total, order) => total + restingLeaves(order), 0);
}

/** True while something is on its way, or may change by the clock or the price alone. */
function isBusy(
  view: AccountView,
  group: ProtectionGroupRow,
  guards: readonly Order[],
  { held, policy }: Looked['facts'],
): boolean {
  return (
    group.unprotectedSince !== null ||
    group.mode === 'EXIT' ||
    policy === 'oms' ||
    group.trailing !== null ||
    group.gtt ||
    group.gttNet !== null ||
    guards.some(
      // A triggered stop is OPEN in the book, and has to fill: it is chased when it does not.
      (order) => order.status !== 'OPEN' || isTriggered(order) || view.openCommands(order.id).length > 0,
    ) ||
    held === 0 ||
    Object.keys(group.cancelTries).length > 0 ||
    isWaitingForTarget(group, guards)
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
