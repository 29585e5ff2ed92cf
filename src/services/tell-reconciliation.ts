import { INVARIANTS } from '../db/invariants.ts';
import { type StoredDifference, haveFailed } from '../db/stores/reconciliation-store.ts';
import { keyName } from '../reconciliation/positions.ts';
import type { Context } from './context.ts';

/** What people are told of a reconciliation: differences that stand, books that contradict themselves, runs that fail. */

/** Its figures are in the condition: a difference that grows is told again. */
const conditionOf = (one: StoredDifference): string => `${prefixOf(one)}:${one.ours}:${one.brokers}`;
const prefixOf = (one: StoredDifference): string => `position:${keyName(one)}:differs`;
const IS_OURS = /^(position:.*:differs|margin:.*:blocked)(:|$)/;
const marginCondition = ({ symbol }: StoredDifference): string => `margin:${symbol}:blocked`;
const BROKEN = 'books:invariant';
const FAILING = 'reconciliation:failing';
/** One run in 30 s may meet a bad moment of the broker. */
const FAILED_RUNS_TOLD = 3;

/** Alerts of differences that stand are raised, those of differences that are gone end; so with the invariants. */
export async function tellRun(
  context: Context,
  accountId: string,
  differences: readonly StoredDifference[],
): Promise<void> {
  const proposed = differences.filter(({ state }) => state === 'PROPOSED');
  // A key that differs otherwise than before is not settled: its alert stays until this one counts or ends.
  const seen = differences.filter(({ state, kind }) => state === 'SEEN' && kind === 'POSITION').map(prefixOf);
  const broken = await brokenInvariants(context, accountId);
  const margins = differences.filter(({ kind, state }) => kind === 'MARGIN' && state === 'TOLD');
  const stand = new Set([
    ...[...proposed.map(conditionOf), ...margins.map(marginCondition)],
    ...(broken.length === 0 ? [] : [BROKEN]),
  ]);
  const isOver = (condition: string): boolean => {
    if (condition === FAILING) return true;
    if (condition === BROKEN) return broken.length === 0;
    if (!IS_OURS.test(condition) || stand.has(condition)) return false;
    return !seen.some((prefix) => condition === prefix || condition.startsWith(`${prefix}:`));
  };
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      for (const { condition } of view.standingAlerts()) if (isOver(condition)) view.clearAlert(condition);
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
      for (const one of margins) {
        view.raiseAlert({
          id: context.newId(),
          severity: 'WARNING',
          type: 'reconciliation_difference',
          message: `the broker has blocked ₹${one.brokers} of ${one.symbol} funds, and nothing is held or waits there that we or its own books know of. Ask the broker`,
          details: { ...one },
          orderId: null,
          condition: marginCondition(one),
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

/** Several runs in a row that proved nothing: a difference would not be found. The first that succeeds ends the alert. */
export async function tellFailedRuns(context: Context, accountId: string, fault: string): Promise<void> {
  if (!(await haveFailed(context.db, accountId, FAILED_RUNS_TOLD))) return;
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      view.raiseAlert({
        id: context.newId(),
        severity: 'WARNING',
        type: 'reconciliation_failing',
        message: `our books could not be compared with the broker's ${FAILED_RUNS_TOLD} times in a row: ${fault}`,
        details: { fault },
        orderId: null,
        condition: FAILING,
      });
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
