import type { BrokerFunds } from '../broker/port.ts';
import { INVARIANTS } from '../db/invariants.ts';
import {
  type FoundTrade,
  type ReconciliationRow,
  type StoredDifference,
  findNewestReconciliation,
  finishReconciliation,
  insertReconciliation,
  readHeldKeys,
  readTradesFound,
  readUnsettledKeys,
  sweepReconciliations,
} from '../db/stores/reconciliation-store.ts';
import { beatReconciliation } from '../db/stores/step-store.ts';
import { failpoint } from '../lib/failpoint.ts';
import { type QuantityDifference, compareQuantities, isSameDifference } from '../reconciliation/positions.ts';
import type { Context } from './context.ts';
import { holdLease } from './hold-lease.ts';
import { pollAccount } from './poll-account.ts';

/** Looks at the broker's positions in one run: a fill between two reads is no difference. */
const MAX_LOOKS = 4;
/** A fill of ours that was recorded later than this after it happened had been missed by the polls. */
const MISSED_AFTER_MS = 15_000;
/** Another process may be polling just now. */
const POLL_TRIES = 80;
const POLL_PAUSE_MS = 250;
/** A run that takes longer than this loses its lease. */
const LONGEST_MS = 120_000;
/** Runs without a finding that are kept: a day of them at one in 30 s. */
const CLEAN_RUNS_KEPT = 2880;

type ReadKey = Pick<StoredDifference, 'exchange' | 'symbol' | 'product'>;
const nameOf = ({ exchange, symbol, product }: ReadKey): string => `${exchange}:${symbol}/${product}`;
const conditionOf = (key: ReadKey): string => `position:${nameOf(key)}:differs`;
const BROKEN = 'books:invariant';

/**
 * Compares an account with its broker: orders and trades (a poll of everything), then positions with holdings, and
 * margins; then the cheap invariants. What broker trade ids explain is repaired by them; any other difference that
 * stands at two looks is proposed, told, and waits for a person. A read that failed proves nothing and changes nothing.
 * Null when another run of the account is under way. A run cut off by a crash is closed as FAILED by the next.
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
  await sweepReconciliations(context.db, accountId, CLEAN_RUNS_KEPT);
  const previous = await findNewestReconciliation(context.db, accountId);
  const run = { accountId, id: context.newId() };
  const startedAt = await insertReconciliation(context.db, { ...run, startedBy });
  await failpoint('reconcile.begun');
  const since = previous ?? { startedAt, differences: [] };
  const found = await compare(context, accountId, since).catch((error: unknown) => {
    context.log.warn({ err: error, accountId }, 'a reconciliation could not be made');
    return { fault: error instanceof Error ? error.message : String(error) };
  });
  if ('fault' in found) {
    const failed = { status: 'FAILED', checked: 0, differences: [], fault: found.fault } as const;
    return await finishReconciliation(context.db, { ...run, ...failed });
  }
  await failpoint('reconcile.compared');
  await tell(context, accountId, found);
  const status = found.differences.length === 0 ? 'CLEAN' : 'DIFFERENCES';
  return await finishReconciliation(context.db, { ...run, ...found, status, fault: null });
}

interface Comparison {
  /** Keys, orders and trades that were compared. */
  readonly checked: number;
  readonly differences: readonly StoredDifference[];
}

/** The run before: what it told is not told again. */
type Previous = Pick<ReconciliationRow, 'startedAt' | 'differences'>;

async function compare(context: Context, accountId: string, previous: Previous): Promise<Comparison> {
  const checked = await readEverything(context, accountId);
  const told = JSON.stringify(previous.differences.map(({ evidence }) => evidence));
  const trades = await readTradesFound(context.db, accountId, previous.startedAt, MISSED_AFTER_MS);
  const repaired = repairsOf(trades.filter((trade) => !told.includes(nameOfTrade(trade))));
  const standing = await standingDifferences(context, accountId);
  return {
    checked: checked + standing.keys,
    differences: [
      ...repaired,
      ...standing.differences.map((one) => ({
        ...one,
        state: 'PROPOSED' as const,
        evidence: standing.evidence,
        settledBy: null,
        settledReason: null,
      })),
    ],
  };
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
  readonly differences: readonly QuantityDifference[];
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** Differences that two looks in a row show alike, the book having been read between them. */
async function standingDifferences(context: Context, accountId: string): Promise<Standing> {
  let last = await lookOnce(context, accountId);
  let standing: readonly QuantityDifference[] = [];
  for (let looks = 1; looks < MAX_LOOKS && last.differences.length > 0; looks += 1) {
    await readEverything(context, accountId);
    const now = await lookOnce(context, accountId);
    const { differences } = last;
    standing = now.differences.filter((one) => differences.some((old) => isSameDifference(old, one)));
    last = now;
    if (standing.length === now.differences.length) break;
  }
  return { ...last, differences: standing };
}

async function lookOnce(context: Context, accountId: string): Promise<Standing> {
  const broker = context.broker(accountId);
  const [positions, holdings, funds] = await Promise.all([
    broker.getPositions(),
    broker.getHoldings(),
    broker.getMargins(),
  ]);
  const ours = await readHeldKeys(context.db, accountId);
  const unsettled = await readUnsettledKeys(context.db, accountId);
  const differences = compareQuantities(ours, { net: positions.net, holdings }).filter(
    (one) => !unsettled.has(nameOf(one)),
  );
  return {
    keys: ours.length + positions.net.length + holdings.length,
    differences,
    evidence: {
      positionsRead: positions.net.length,
      holdingsRead: holdings.length,
      available: availableOf(funds),
    },
  };
}

function availableOf({ equity, commodity }: BrokerFunds): Readonly<Record<string, string | null>> {
  return { equity: equity?.net.toFixed() ?? null, commodity: commodity?.net.toFixed() ?? null };
}

/** One repaired difference for each key whose books moved by trades that only this run brought. */
function repairsOf(trades: readonly FoundTrade[]): StoredDifference[] {
  const keys = new Map<string, FoundTrade[]>();
  for (const trade of trades) keys.set(nameOf(trade), [...(keys.get(nameOf(trade)) ?? []), trade]);
  return [...keys.values()].flatMap((of) => {
    const [first] = of;
    if (first === undefined) return [];
    const moved = of.reduce((sum, { side, quantity }) => sum + (side === 'BUY' ? quantity : -quantity), 0);
    const { exchange, symbol, product } = first;
    return {
      ...{ exchange, symbol, product, ours: 0, brokers: moved, cause: causeOf(first) },
      state: 'REPAIRED' as const,
      evidence: {
        trades: of.map((trade) => ({
          ...{ trade: nameOfTrade(trade), side: trade.side, quantity: trade.quantity },
          tradedAt: trade.tradedAt.toISOString(),
        })),
      },
      settledBy: 'oms',
      settledReason: 'trades with the broker’s ids',
    };
  });
}

/** The broker's ids of a trade. */
function nameOfTrade({ tradeId, brokerOrderId }: FoundTrade): string {
  return `${brokerOrderId}/${tradeId}`;
}

function causeOf({ cause, byBroker }: FoundTrade): StoredDifference['cause'] {
  if (cause !== 'EXTERNAL') return 'MISSED_FILL';
  return byBroker ? 'RMS_SQUARE_OFF' : 'MANUAL_TRADE';
}

/** Alerts of differences that stand are raised, those of differences that are gone end; so with the invariants. */
async function tell(context: Context, accountId: string, { differences }: Comparison): Promise<void> {
  const proposed = differences.filter(({ state }) => state === 'PROPOSED');
  const broken = await brokenInvariants(context, accountId);
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      const stand = new Set([...proposed.map(conditionOf), ...(broken.length === 0 ? [] : [BROKEN])]);
      for (const { condition } of view.standingAlerts()) {
        const isOurs = /^position:.*:differs$/.test(condition) || condition === BROKEN;
        if (isOurs && !stand.has(condition)) view.clearAlert(condition);
      }
      for (const one of proposed) {
        view.raiseAlert({
          id: context.newId(),
          severity: 'CRITICAL',
          type: 'reconciliation_difference',
          message: `${one.exchange}:${one.symbol} ${one.product}: our books hold ${one.ours}, the broker ${one.brokers}, and no trade explains it (${one.cause}). A person decides: sauda reconcile`,
          details: { ...one },
          orderId: null,
          condition: conditionOf(one),
        });
      }
      if (broken.length > 0) {
        view.raiseAlert({
          id: context.newId(),
          severity: 'CRITICAL',
          type: 'invariant_broken',
          message: `the books contradict themselves: ${broken.join('; ')}. Run sauda audit`,
          details: { broken },
          orderId: null,
          condition: BROKEN,
        });
      }
    },
  });
}

/** Those invariants that can be asked of one account at little cost. */
async function brokenInvariants({ db }: Context, accountId: string): Promise<string[]> {
  const broken: string[] = [];
  for (const { what, sql, ofAccount } of INVARIANTS) {
    if (ofAccount !== true) continue;
    const { rowCount } = await db.reads.query(`select from (${sql}) found where account_id = $1 limit 1`, [
      accountId,
    ]);
    if (rowCount !== 0) broken.push(what);
  }
  return broken;
}
