import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import { type Needs, mergeNeeds } from '../db/account-load.ts';
import { type AccountView, MoreNeeded } from '../db/account-view.ts';
import type { OrderCommandRow } from '../db/account-rows.ts';
import type { Database } from '../db/client.ts';
import { isRefusedWrite } from '../db/errors.ts';
import {
  type BrokerInterest,
  type OrderOfRow,
  beginPoll,
  endPoll,
  readOrdersOfRows,
} from '../db/stores/poll-store.ts';
import { EXCHANGES, type Instrument } from '../domain/instrument.ts';
import type { Order } from '../domain/order.ts';
import { failpoint } from '../lib/failpoint.ts';
import { isMutant } from '../lib/mutant.ts';
import { tagsOf } from '../reconciliation/orders.ts';
import { attemptOfTags, orderOfRow } from './adopt-order.ts';
import { newsOf } from './book-news.ts';
import { applyRow } from './apply-row.ts';
import type { Context } from './context.ts';
import { correctTrades } from './correct-trades.ts';
import { endOfDay } from './end-of-day.ts';
import { settleAbsent } from './follow-commands.ts';
import { isFresh, noteLook } from './fresh-look.ts';
import { callLast, keepBooks } from './keep-books.ts';
import { LEASE_MS, prolongLease } from './hold-lease.ts';
import { resumeAfterLogin } from './resume-after-login.ts';
import { bookUnbooked } from './planted-bugs.ts';
import { tellNotApplied } from './poll-alerts.ts';
import { gapOf, keepEvidence, searchTrades, tellWhatIsMissing } from './poll-evidence.ts';
import { PROTECTION_NEEDS, enqueueProtection } from './protect-account.ts';
import { type ProtectionLook, keyText, lookAtProtection } from './protect-group.ts';
import { enqueueCommand } from './stage-command.ts';
import { tellUnreadable } from './tell-unreadable.ts';

/** A poll is two reads of the broker at their time-out and this; its lease is prolonged no longer. */
const LONGEST_MARGIN_MS = 6000;
/** Orders changed in one transaction at most. */
const ROWS_PER_TRANSACTION = 100;

export interface PollResult {
  /** skipped: another poll runs, or there was nothing to ask about. */
  readonly kind: 'skipped' | 'read';
  readonly changed: number;
}

/** Accounts this process polls now, by its database; `again` is set by whoever finds the poll under way. */
const underWay = new WeakMap<Database, Map<string, { again: boolean; always: boolean }>>();
/** Polls in a row at most, so that a busy account does not keep a worker for itself. */
const ROUNDS_AT_MOST = 8;

export interface PollOptions {
  readonly always?: boolean;
  /** Leave it to the next one when a look began within half an interval and no order was sent since. */
  readonly unlessFresh?: boolean;
}

/**
 * Reads the broker's book of one account and applies what is new: adopts orders found by tag, follows statuses,
 * records fills by trade id. One poll per account at a time; one that finds another of this process under way has it
 * look once more, since what it came for may be younger than that one's read. A failed read changes nothing. With
 * `always`, the book and the trades are read although nothing of ours is at the broker (late fills, twins, orders
 * placed elsewhere), and trades that were recorded are compared with the broker's.
 * Round trips: begin and end; with news also the account transaction's two, and one for orders that were not live
 * when it began.
 */
export async function pollAccount(
  context: Context,
  accountId: string,
  { always = false, unlessFresh = false }: PollOptions = {},
): Promise<PollResult> {
  if (unlessFresh && isFresh(context, accountId)) return { kind: 'skipped', changed: 0 };
  const polls = underWay.get(context.db) ?? new Map<string, { again: boolean; always: boolean }>();
  underWay.set(context.db, polls);
  const other = polls.get(accountId);
  if (other !== undefined) {
    other.again = true;
    other.always ||= always;
    return { kind: 'skipped', changed: 0 };
  }
  const poll = { again: false, always };
  polls.set(accountId, poll);
  try {
    let result = await pollOnce(context, accountId, always);
    for (let round = 1; poll.again && round < ROUNDS_AT_MOST; round++) {
      poll.again = false;
      const next = await pollOnce(context, accountId, poll.always);
      if (next.kind === 'read') result = { kind: 'read', changed: result.changed + next.changed };
    }
    return result;
  } finally {
    polls.delete(accountId);
  }
}

async function pollOnce(context: Context, accountId: string, always: boolean): Promise<PollResult> {
  const beganMs = performance.now();
  const lease = {
    accountId,
    lease: `poll:${accountId}`,
    holder: `${context.processName}/${context.newId()}`,
  };
  const interest = await beginPoll(context.db, { ...lease, leaseMs: LEASE_MS, always });
  if (interest === null) return { kind: 'skipped', changed: 0 };
  const longestMs = 2 * context.settings.brokerTimeoutMs + LONGEST_MARGIN_MS;
  const prolonged = prolongLease(context.db, lease, longestMs);
  let succeeded = false;
  try {
    const result = await readAndApply(context, accountId, { interest, always });
    succeeded = true;
    noteLook(context, accountId, beganMs);
    return result;
  } finally {
    await prolonged.end();
    await endPoll(context.db, { ...lease, succeeded });
  }
}

interface Look {
  readonly interest: BrokerInterest;
  readonly always: boolean;
}

async function readAndApply(
  context: Context,
  accountId: string,
  { interest, always }: Look,
): Promise<PollResult> {
  const broker = context.broker(accountId);
  let book: readonly BrokerOrder[];
  try {
    await failpoint('poll.read');
    book = await broker.getOrders();
    const news = newsOf(interest, book);
    const read =
      always || news.some((row) => row.filledQuantity > 0)
        ? await broker.getTrades()
        : await searchTrades(context, accountId, interest);
    const trades = read ?? [];
    const gap = gapOf({ interest, book, trades: read });
    if (interest.awaitsLogin) await resumeAfterLogin(context, accountId);
    await keepEvidence(context, accountId, { interest, book, trades: read, fault: gap, always });
    const changed = await applyNews(context, accountId, interest, news, trades);
    await settleMissing(context, accountId, interest, book);
    // Told also with a gap in the book: an order that is missing would silence it.
    await tellWhatIsMissing(context, accountId, interest, book);
    await endOfDay(context, accountId, interest, book);
    if (always && gap === null) await correctTrades(context, accountId, { interest, book, trades });
    if (always) await keepBooks(context, accountId, { readAt: interest.readAt, book, trades, fault: gap });
    if (always) await callLast(context, accountId, interest);
    return { kind: 'read', changed };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    await keepEvidence(context, accountId, { interest, book: null, trades: null, fault, always });
    await tellUnreadable(context, accountId, error);
    if (always) await callLast(context, accountId, interest);
    throw error;
  }
}

async function applyNews(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
  news: readonly BrokerOrder[],
  trades: readonly BrokerTrade[],
): Promise<number> {
  const tradesOf = new Map<string, BrokerTrade[]>();
  for (const trade of trades) tradesOf.set(trade.orderId, [...(tradesOf.get(trade.orderId) ?? []), trade]);
  let failed = 0;
  for (let from = 0; from < news.length; from += ROWS_PER_TRANSACTION) {
    const rows = news.slice(from, from + ROWS_PER_TRANSACTION);
    const ordersOf = await findOrdersOf(context, accountId, interest, rows);
    await context.instruments.byIds(rows.flatMap((row) => ordersOf(row).map((order) => order.instrumentId)));
    const strangers = await listStrangers(
      context,
      rows.filter((row) => ordersOf(row).length === 0 || tagsOf(row).length === 0),
    );
    await failpoint('poll.beforeCommit');
    const { readAt } = interest;
    failed += await applyRows(context, { accountId, rows, ordersOf, tradesOf, strangers, readAt });
    await failpoint('poll.afterCommit');
    if (isMutant('trade-position-two-tx')) await bookUnbooked(context, accountId);
  }
  return news.length - failed;
}

/** The orders that rows belong to, from what the poll began with; a round trip only for rows that are not in it. */
async function findOrdersOf(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
  rows: readonly BrokerOrder[],
): Promise<(row: BrokerOrder) => readonly OrderOfRow[]> {
  const found = new Map<string, OrderOfRow>();
  for (const order of interest.orders) {
    if (order.brokerOrderId !== null) found.set(order.brokerOrderId, order);
    if (order.attemptTag !== null) found.set(order.attemptTag, order);
  }
  const namesOf = (row: BrokerOrder) => [row.orderId, ...tagsOf(row)];
  const missing = rows.filter((row) => !namesOf(row).some((name) => found.has(name)));
  if (missing.length > 0) {
    const ids = missing.map((row) => row.orderId);
    for (const order of await readOrdersOfRows(context.db, accountId, ids, missing.flatMap(tagsOf))) {
      found.set(order.name, order);
    }
  }
  return (row) => namesOf(row).flatMap((name) => found.get(name) ?? []);
}

/** Instruments of rows that perhaps no order follows yet (an id may be that of another day), by broker order id. */
async function listStrangers(
  context: Context,
  rows: readonly BrokerOrder[],
): Promise<ReadonlyMap<string, Instrument>> {
  const listed = new Map<string, Instrument>();
  for (const row of rows) {
    const exchange = EXCHANGES.find((known) => known === row.exchange);
    const instrument =
      exchange === undefined ? null : await context.instruments.find(exchange, row.tradingsymbol);
    if (instrument !== null) listed.set(row.orderId, instrument);
  }
  return listed;
}

interface Batch {
  readonly accountId: string;
  readonly rows: readonly BrokerOrder[];
  readonly ordersOf: (row: BrokerOrder) => readonly OrderOfRow[];
  readonly tradesOf: ReadonlyMap<string, readonly BrokerTrade[]>;
  readonly strangers: ReadonlyMap<string, Instrument>;
  readonly readAt: Date;
}

interface Failure {
  readonly row: BrokerOrder;
  readonly error: unknown;
}

/**
 * Applies rows in one transaction. A row that can not be applied leaves no trace, is told to a person and looked at
 * again in the next read; the others go on. Returns how many failed.
 */
async function applyRows(context: Context, batch: Batch): Promise<number> {
  const { accountId, rows } = batch;
  const names = {
    brokerOrderIds: rows.map((row) => row.orderId),
    tags: rows.flatMap(tagsOf),
    openAlerts: true,
  };
  const work = { accountId, actor: context.processName };
  let failures: readonly Failure[];
  let sendable: readonly OrderCommandRow[] = [];
  let protection: ProtectionLook = { orders: [], commands: [] };
  try {
    ({ failures, sendable, protection } = await context.withAccount({
      ...work,
      needs: { ...names, brokerOrders: names.brokerOrderIds, ...needsOf(batch) },
      run: (view) => applyToView(context, view, batch),
    }));
  } catch (error) {
    if (!isRefusedWrite(error)) throw error;
    if (rows.length > 1) {
      // One of them can not be written, so none was: each alone shows which.
      let failed = 0;
      for (const row of rows) failed += await applyRows(context, { ...batch, rows: [row] });
      return failed;
    }
    failures = rows.map((row) => ({ row, error }));
    await context.withAccount({
      ...work,
      needs: names,
      run: (view) => tellFailures(context, view, failures, batch.readAt),
    });
  }
  for (const command of sendable) await enqueueCommand(context, command);
  await enqueueProtection(context, protection);
  for (const { row, error } of failures) {
    context.log.error({ err: error, accountId, brokerOrderId: row.orderId }, 'a row could not be applied');
  }
  return failures.length;
}

interface Applied {
  readonly failures: readonly Failure[];
  /** Commands that this read allows to be sent. */
  readonly sendable: readonly OrderCommandRow[];
  /** What its fills ask of the stops, staged in the same transaction. */
  readonly protection: ProtectionLook;
}

function applyToView(context: Context, view: AccountView, batch: Batch): Applied {
  const { rows, tradesOf, strangers, readAt } = batch;
  const apply = (inside: AccountView, row: BrokerOrder): OrderCommandRow[] => {
    const instrument = strangers.get(row.orderId) ?? null;
    return applyRow(context, inside, { row, readAt, instrument, trades: tradesOf.get(row.orderId) ?? [] });
  };
  try {
    const sendable = view.attempt(context.processName, (inside) => rows.flatMap((row) => apply(inside, row)));
    return { failures: [], sendable, protection: protect(context, view, batch) };
  } catch {
    // Row by row below: what each one needs, or why it fails.
  }
  let more: Needs | null = null;
  const failures: Failure[] = [];
  const sendable: OrderCommandRow[] = [];
  for (const row of rows) {
    try {
      sendable.push(...view.attempt(context.processName, (inside) => apply(inside, row)));
    } catch (error) {
      if (error instanceof MoreNeeded) more = mergeNeeds(more ?? {}, error.needs);
      else failures.push({ row, error });
    }
  }
  if (more !== null) throw new MoreNeeded(more);
  tellFailures(context, view, failures, readAt);
  return { failures, sendable, protection: protect(context, view, batch) };
}

/** A look that fails must not cost the fills: they are recorded, and the dispatcher looks again. */
function protect(context: Context, view: AccountView, batch: Batch): ProtectionLook {
  try {
    return view.inside((inside) => lookAtProtection(context, inside, new Set(keysOf(batch))));
  } catch (error) {
    if (error instanceof MoreNeeded) throw error;
    context.log.error({ err: error, accountId: batch.accountId }, 'protection could not be looked at');
    return { orders: [], commands: [] };
  }
}

function keysOf({ rows, ordersOf, strangers }: Batch): string[] {
  return rows.flatMap((row) => {
    const instrument = strangers.get(row.orderId);
    const own = ordersOf(row).map(keyText);
    return instrument === undefined ? own : [...own, `${instrument.id}/${row.product}`];
  });
}

function tellFailures(context: Context, view: AccountView, failures: readonly Failure[], readAt: Date): void {
  for (const failure of failures) {
    tellNotApplied(context, view, orderToBlame(view, failure.row, readAt), failure);
  }
}

function orderToBlame(view: AccountView, row: BrokerOrder, readAt: Date): Order | null {
  const known = orderOfRow(view, { row, readAt });
  if (known !== null) return known;
  const attempt = attemptOfTags(view, row);
  return attempt === null ? null : view.order(attempt.orderId);
}

/** What recording fills of these rows will look at, so that one read brings all of it. */
function needsOf({ rows, ordersOf, strangers }: Batch): Needs {
  const unique = (values: readonly string[]) => [...new Set(values)];
  const touched = rows.flatMap(ordersOf);
  const ours = touched.map((order) => `${order.instrumentId}/${order.product}`);
  const outside = rows.flatMap((row) => {
    const instrument = strangers.get(row.orderId);
    return instrument === undefined || row.filledQuantity === 0 ? [] : [`${instrument.id}/${row.product}`];
  });
  return {
    orders: unique(touched.map((order) => order.id)),
    commandsOf: unique(touched.map((order) => order.id)),
    tradesOf: unique(touched.map((order) => order.id)),
    positionKeys: unique([
      ...[...ours, ...outside].map((key) => `${key}/OMS`),
      ...outside.map((key) => `${key}/EXTERNAL`),
    ]),
    strategyPositions: unique(
      touched.flatMap(({ strategyId, instrumentId, product }) =>
        strategyId === null ? [] : [`${strategyId}/${instrumentId}/${product}`],
      ),
    ),
    // What closes something makes live exits smaller.
    ...(rows.some(({ filledQuantity }) => filledQuantity > 0) ? { liveOrders: true } : {}),
    ...PROTECTION_NEEDS,
  };
}

/** Commands of orders that this read should have held, and did not. */
async function settleMissing(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
  book: readonly BrokerOrder[],
): Promise<void> {
  const listed = new Set(book.map((row) => row.orderId));
  const missing = interest.orders.filter(
    ({ watched, brokerOrderId }) => watched && brokerOrderId !== null && !listed.has(brokerOrderId),
  );
  if (missing.length === 0) return;
  const ids = missing.map(({ id }) => id);
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { orders: ids, commandsOf: ids, openAlerts: true },
    run: (view) => {
      for (const id of ids) {
        const order = view.order(id);
        if (order !== null) settleAbsent(context, view, order, interest.readAt);
      }
    },
  });
}
