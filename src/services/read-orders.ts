import type { AttemptRow, OrderCommandRow, TradeRow } from '../db/account-rows.ts';
import type { Database } from '../db/client.ts';
import {
  type JournalRow,
  findOrder,
  readGroupOf,
  readGuards,
  readJournalOf,
  readOpenCommands,
  readOrderRecords,
  readOrderStatuses,
} from '../db/stores/order-read-store.ts';
import { type Evidence, readEvidence } from '../db/stores/evidence-store.ts';
import { withoutOrigin } from '../domain/journal.ts';
import { ORDER_EVENT_KINDS, type OrderStatus } from '../domain/order-status.ts';
import type { Order, OrderRole } from '../domain/order.ts';
import { type OrderEvent, acceptedOrder, evolve } from '../domain/order-events.ts';
import { InvariantError } from '../lib/assert.ts';
import type { CheckResult } from '../risk/check.ts';

export { readOrderStatuses };
export type { Evidence, OrderCommandRow };

/** The command a person is shown first: a cancel before a modify, one in flight before one that waits. */
export function pendingOf(commands: readonly OrderCommandRow[]): OrderCommandRow | undefined {
  const open = commands.filter(({ state }) => state !== 'DONE');
  return (
    open.find(({ kind }) => kind === 'CANCEL') ?? open.find(({ state }) => state === 'IN_FLIGHT') ?? open[0]
  );
}

/** The pending command of each of these orders that has one. */
export async function readPendingCommands(
  db: Database,
  accountId: string,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, OrderCommandRow>> {
  const open = await readOpenCommands(db, accountId, orderIds);
  return new Map(
    orderIds.flatMap((orderId) => {
      const pending = pendingOf(open.filter((command) => command.orderId === orderId));
      return pending === undefined ? [] : [[orderId, pending] as const];
    }),
  );
}

/** One entry of an order's story; from and to are equal when its status stayed. */
export interface TimelineEntry {
  /** Whose step it is: the order's own, or that of one of its guards. */
  readonly orderId: string;
  readonly role: OrderRole;
  /** The account's journal number. */
  readonly seq: number;
  readonly at: Date;
  readonly event: string;
  /** Null before the order was accepted. */
  readonly from: OrderStatus | null;
  readonly to: OrderStatus | null;
  readonly actor: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface OrderStory {
  readonly order: Order;
  readonly checks: readonly CheckResult[];
  readonly commands: readonly OrderCommandRow[];
  readonly trades: readonly TradeRow[];
  /** Of an order that is or was in doubt; else null. */
  readonly evidence: Evidence | null;
  readonly timeline: readonly TimelineEntry[];
  /** Stops, targets and protective exits of what it opened, oldest first. */
  readonly guards: readonly Order[];
  /** The protection group that it belongs to, or that its fills began or joined; null: none. */
  readonly groupId: string | null;
  /** Of a stop, a target, a protective exit or a twin: the order it belongs to. */
  readonly parent: Order | null;
}

/** An order with everything that happened to it; null when the account has none with this id. */
export async function readOrder(
  db: Database,
  accountId: string,
  orderId: string,
): Promise<OrderStory | null> {
  const order = await findOrder(db, accountId, orderId);
  if (order === null) return null;
  const [{ checks, commands, attempts, trades, entries }, found, groupId, parent] = await Promise.all([
    readOrderRecords(db, accountId, orderId),
    readGuards(db, accountId, orderId),
    order.protectionGroup ?? readGroupOf(db, accountId, orderId),
    order.parentOrderId === null ? null : findOrder(db, accountId, order.parentOrderId),
  ]);
  const guards = found.filter(({ id, protectionGroup }) => id !== orderId && protectionGroup !== null);
  return {
    order,
    checks: checks as readonly CheckResult[],
    commands,
    trades,
    evidence: await evidenceOf(db, order, attempts),
    timeline: await withGuards(db, timelineOf(order, entries), guards),
    guards,
    groupId: groupId ?? guards[0]?.protectionGroup ?? null,
    parent,
  };
}

/** The order's own steps and those of its guards as one story, by the journal's numbers. */
async function withGuards(
  db: Database,
  own: readonly TimelineEntry[],
  guards: readonly Order[],
): Promise<TimelineEntry[]> {
  const [first] = guards;
  if (first === undefined) return [...own];
  const ids = guards.map(({ id }) => id);
  const entries = await readJournalOf(db, first.accountId, ids);
  const theirs = guards.flatMap((guard) =>
    timelineOf(
      guard,
      entries.filter(({ entity }) => entity === guard.id),
    ),
  );
  return [...own, ...theirs].sort((a, b) => a.seq - b.seq);
}

/** Nothing is asked for an order whose every attempt had its answer. */
async function evidenceOf(
  db: Database,
  { accountId, id: orderId }: Order,
  attempts: readonly AttemptRow[],
): Promise<Evidence | null> {
  const doubtful = attempts.filter(({ outcome }) => outcome !== 'PLACED' && outcome !== 'NOT_PLACED');
  const [first] = doubtful;
  if (first === undefined) return null;
  const tags = doubtful.map(({ tag }) => tag);
  return readEvidence(db, { accountId, orderId, tags, since: first.claimedAt });
}

/** The order's row alone. */
export async function readOrderRow(db: Database, accountId: string, orderId: string): Promise<Order | null> {
  return findOrder(db, accountId, orderId);
}

const EVENT_KINDS: ReadonlySet<string> = new Set(ORDER_EVENT_KINDS);

/**
 * The journal of one order as a story: each event with the status before and after, found by replaying it through
 * `evolve`. An entry that does not replay (a later format) is shown without statuses, and so are those after it.
 */
export function timelineOf(order: Order, entries: readonly JournalRow[]): TimelineEntry[] {
  let state: Order | null = null;
  let isLost = false;
  return entries.map(({ seq, at, kind, actor, data: text }) => {
    // From where a person acted is for operators: GET /v1/journal.
    const data = withoutOrigin(JSON.parse(text) as Record<string, unknown>);
    const instant = new Date(at);
    const from: OrderStatus | null = isLost ? null : statusOf(state);
    if (!isLost) {
      try {
        state = after(order, state, kind, data, instant);
      } catch (error) {
        if (!(error instanceof InvariantError || error instanceof RangeError)) throw error;
        isLost = true;
      }
    }
    return {
      orderId: order.id,
      role: order.role,
      seq,
      at: instant,
      event: kind,
      from,
      to: isLost ? null : statusOf(state),
      actor,
      data,
    };
  });
}

function statusOf(state: Order | null): OrderStatus | null {
  return state?.status ?? null;
}

function after(
  order: Order,
  state: Order | null,
  kind: string,
  data: Readonly<Record<string, unknown>>,
  at: Date,
): Order | null {
  if (kind === 'OrderAccepted') {
    // A modify may have changed the quantity since; how full the order was depends on the first one.
    const quantity = typeof data['quantity'] === 'number' ? data['quantity'] : order.quantity;
    return acceptedOrder({ ...order, quantity }, at);
  }
  if (state === null || !EVENT_KINDS.has(kind)) return state;
  return evolve(state, { kind, ...data } as OrderEvent, at);
}
