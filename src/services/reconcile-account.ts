import type { BrokerFunds } from '../broker/port.ts';
import {
  type Books,
  type JournalSpan,
  type ReconciliationEvidence,
  type ReconciliationRow,
  type StoredDifference,
  closeCutOffRuns,
  findNewestReconciliation,
  finishReconciliation,
  hasLiveOrders,
  insertReconciliation,
  readAdjustedKeys,
  readBooks,
  readOrdersFound,
  readTradedToday,
  readTradesFound,
  readUnsettledKeys,
} from '../db/stores/reconciliation-store.ts';
import { beatReconciliation } from '../db/stores/step-store.ts';
import { failpoint } from '../lib/failpoint.ts';
import { type BlockedMargin, blockedForNothing } from '../reconciliation/margins.ts';
import {
  type BrokerBooks,
  type DeliveryFigures,
  type QuantityDifference,
  compareQuantities,
  deliveryFigures,
  isSameDifference,
  keyName,
  missingPositions,
} from '../reconciliation/positions.ts';
import type { Context } from './context.ts';
import { holdLease } from './hold-lease.ts';
import { pollAccount } from './poll-account.ts';
import { orderFindings, repairsOf } from './reconcile-findings.ts';
import { tellFailedRuns, tellRun } from './tell-reconciliation.ts';
import { tellUnreadable } from './tell-unreadable.ts';

/** Looks at the broker's positions in one run: a fill between two reads is no difference. */
const MAX_LOOKS = 4;
/** A fill of ours that was recorded later than this after it happened had been missed by the polls. */
const MISSED_AFTER_MS = 15_000;
/** Another process may be polling just now. */
const POLL_TRIES = 120;
const POLL_PAUSE_MS = 250;
/** A run that takes longer than this loses its lease. */
const LONGEST_MS = 120_000;

/** The broker's answer can not be all there is: it proves nothing. */
class NotWholeError extends Error {
  override readonly name = 'NotWholeError';
}

/**
 * Compares an account with its broker: orders and trades (a poll of everything), then positions with holdings, and
 * margins; then the cheap invariants. What broker trade ids explain is repaired by them; any other difference that two
 * runs in a row show is proposed, told, and waits for a person. A read that failed, or can not be whole, proves nothing
 * and changes nothing. Null when another run of the account is under way. A run cut off by a crash is closed as FAILED
 * by the next.
 */
export async function reconcileAccount(
  context: Context,
  accountId: string,
  { startedBy }: { readonly startedBy: string },
): Promise<ReconciliationRow | null> {
  const lease = `reconcile:${accountId}`;
  const holder = `${context.processName}/${context.newId()}`;
  return holdLease(context.db, { lease, holder, atMostMs: LONGEST_MS }, () =>
    runOnce(context, accountId, startedBy),
  );
}

async function runOnce(context: Context, accountId: string, startedBy: string): Promise<ReconciliationRow> {
  await beatReconciliation(context.db, accountId);
  await closeCutOffRuns(context.db, accountId);
  const previous = await findNewestReconciliation(context.db, accountId);
  const run = { accountId, id: context.newId() };
  await insertReconciliation(context.db, { ...run, startedBy });
  await failpoint('reconcile.begun');
  const found = await compare(context, accountId, previous).catch(async (error: unknown) => {
    context.log.warn({ err: error, accountId }, 'a reconciliation could not be made');
    await tellUnreadable(context, accountId, error);
    return { fault: error instanceof Error ? error.message : String(error) };
  });
  if ('fault' in found) {
    const failed = { status: 'FAILED', checked: 0, differences: [], evidence: null, ...found } as const;
    const row = await finishReconciliation(context.db, { ...run, ...failed });
    await tellFailedRuns(context, accountId, found.fault);
    return row;
  }
  await failpoint('reconcile.compared');
  await tellRun(context, accountId, found.differences);
  const status = found.differences.length === 0 ? 'CLEAN' : 'DIFFERENCES';
  return finishReconciliation(context.db, { ...run, ...found, status, fault: null });
}

interface Comparison {
  /** Keys, orders and trades that were compared. */
  readonly checked: number;
  readonly differences: readonly StoredDifference[];
  readonly evidence: ReconciliationEvidence;
}

async function compare(
  context: Context,
  accountId: string,
  previous: ReconciliationRow | null,
): Promise<Comparison> {
  const { db } = context;
  const before = previous?.evidence ?? null;
  const afterSeq = before?.seq ?? (await readBooks(db, accountId)).seq;
  const checked = await readEverything(context, accountId);
  const standing = await standingDifferences(context, accountId, { previous, afterSeq });
  const span = { afterSeq, toSeq: standing.books.seq };
  const held = new Map(standing.books.keys.map((key) => [keyName(key), key.quantity]));
  const trades = await readTradesFound(db, accountId, span, MISSED_AFTER_MS);
  const orders = await readOrdersFound(db, accountId, span);
  return {
    checked: checked + standing.keys,
    differences: [
      ...orderFindings(orders),
      ...repairsOf(trades, held),
      ...standing.differences.map((one) => positionDifference(one, standing, previous)),
      ...standing.margins.map((one) => marginDifference(one, standing, previous)),
    ],
    evidence: standing.evidence,
  };
}

/** One run alone may have met a moment in between: what the run before saw, too, counts (protocol.md). */
function positionDifference(
  one: QuantityDifference,
  { evidence, measure }: Standing,
  previous: ReconciliationRow | null,
): StoredDifference {
  const { positionsRead, holdingsRead, available } = evidence;
  const was = measure[keyName(one)];
  const shown = { positionsRead, holdingsRead, available, ...(was === undefined ? {} : { before: was }) };
  const difference = {
    kind: 'POSITION' as const,
    ...one,
    evidence: shown,
    settledBy: null,
    settledReason: null,
  };
  if (one.cause === 'T_PLUS_ONE') return { ...difference, state: 'EXPLAINED' };
  const again = previous?.differences.some(
    (old) => isOpen(old) && (old.kind ?? 'POSITION') === 'POSITION' && isSameDifference(old, one),
  );
  return { ...difference, state: again === true ? 'PROPOSED' : 'SEEN' };
}

/** Nothing of it can be repaired here: a person is told, and asks the broker. */
function marginDifference(
  { segment, rupees }: BlockedMargin,
  { evidence }: Standing,
  previous: ReconciliationRow | null,
): StoredDifference {
  const before = previous?.differences.some(({ kind, symbol }) => kind === 'MARGIN' && symbol === segment);
  return {
    ...{ kind: 'MARGIN', exchange: 'FUNDS', symbol: segment, product: 'MARGIN', ours: 0, brokers: rupees },
    ...{ cause: 'MARGIN', state: before === true ? 'TOLD' : 'SEEN' },
    evidence: { available: evidence.available },
    ...{ settledBy: null, settledReason: null },
  };
}

function isOpen({ state }: StoredDifference): boolean {
  return state === 'SEEN' || state === 'PROPOSED';
}

/** Orders and trades: one whole poll of ours, not one that somebody else began before. How many rows changed. */
async function readEverything(context: Context, accountId: string): Promise<number> {
  for (let tries = 0; tries < POLL_TRIES; tries += 1) {
    const poll = await pollAccount(context, accountId, { always: true });
    if (poll.kind === 'read') return poll.changed;
    await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE_MS));
  }
  throw new Error('another poll of the account did not end');
}

interface Standing {
  readonly keys: number;
  readonly books: Books;
  readonly differences: readonly QuantityDifference[];
  readonly margins: readonly BlockedMargin[];
  readonly evidence: ReconciliationEvidence;
  /** What delivery was measured by, by key. */
  readonly measure: Readonly<Record<string, DeliveryFigures>>;
}

/** The run before, and from where in the journal this one looks. */
interface Since {
  readonly previous: ReconciliationRow | null;
  readonly afterSeq: number;
}

/** Differences that two looks in a row show alike, the book having been read between them. */
async function standingDifferences(context: Context, accountId: string, since: Since): Promise<Standing> {
  let last = await lookOnce(context, accountId, since);
  let standing: readonly QuantityDifference[] = [];
  for (let looks = 1; looks < MAX_LOOKS && last.differences.length > 0; looks += 1) {
    await readEverything(context, accountId);
    const now = await lookOnce(context, accountId, since);
    const { differences } = last;
    standing = now.differences.filter((one) => differences.some((old) => isSameDifference(old, one)));
    last = now;
    if (standing.length === now.differences.length) break;
  }
  return { ...last, differences: standing };
}

async function lookOnce(context: Context, accountId: string, since: Since): Promise<Standing> {
  const { db } = context;
  const broker = context.broker(accountId);
  const traded = await broker.getTrades();
  const [positions, holdings, funds] = await Promise.all([
    broker.getPositions(),
    broker.getHoldings(),
    broker.getMargins(),
  ]);
  const listed = traded.map(({ exchange, tradingsymbol }) => ({ exchange, symbol: tradingsymbol }));
  const missing = missingPositions([...listed, ...(await readTradedToday(db, accountId))], positions.net);
  if (missing !== null) throw new NotWholeError(missing);
  const brokers: BrokerBooks = { net: positions.net, holdings };
  const books = await readBooks(db, accountId);
  const unsettled = await readUnsettledKeys(db, accountId);
  const measure = await measureOf(context, accountId, since, books);
  const differences = compareQuantities(books.keys, brokers, measure).filter(
    (one) => !unsettled.live.has(keyName(one)),
  );
  const isAnythingHeld = [...books.keys, ...positions.net].some(({ quantity }) => quantity !== 0);
  const isAnythingThere = isAnythingHeld || unsettled.moving.size > 0 || (await hasLiveOrders(db, accountId));
  const differing = new Set(differences.filter(({ cause }) => cause !== 'T_PLUS_ONE').map(keyName));
  return {
    keys: books.keys.length + positions.net.length + holdings.length,
    books,
    differences,
    margins: blockedForNothing(funds, isAnythingThere),
    measure,
    evidence: {
      seq: books.seq,
      positionsRead: positions.net.length,
      holdingsRead: holdings.length,
      available: availableOf(funds),
      delivery: measureNext(
        deliveryFigures(books.keys, brokers),
        measure,
        (name) => differing.has(name) || unsettled.moving.has(name),
      ),
    },
  };
}

/** What the run before saw of delivery, but of keys that a person has set since. */
async function measureOf(
  { db }: Context,
  accountId: string,
  { previous, afterSeq }: Since,
  { seq }: Books,
): Promise<Readonly<Record<string, DeliveryFigures>>> {
  const span: JournalSpan = { afterSeq, toSeq: seq };
  const adjusted = await readAdjustedKeys(db, accountId, span);
  return Object.fromEntries(
    Object.entries(previous?.evidence?.delivery ?? {}).filter(([name]) => !adjusted.has(name)),
  );
}

/** What the next run measures by: a key that differs, or moves, keeps what was there before it did. */
function measureNext(
  now: Readonly<Record<string, DeliveryFigures>>,
  before: Readonly<Record<string, DeliveryFigures>>,
  keepsBefore: (name: string) => boolean,
): Record<string, DeliveryFigures> {
  return Object.fromEntries(
    Object.entries(now).flatMap(([name, figures]) => {
      const kept = keepsBefore(name) ? before[name] : figures;
      return kept === undefined ? [] : [[name, kept] as const];
    }),
  );
}

function availableOf({ equity, commodity }: BrokerFunds): Readonly<Record<string, string | null>> {
  return { equity: equity?.net.toFixed() ?? null, commodity: commodity?.net.toFixed() ?? null };
}
