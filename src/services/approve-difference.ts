import {
  type ReconciliationRow,
  type StoredDifference,
  findAdjustmentOf,
  findReconciliation,
  readBooks,
  readTradedToday,
  readUnsettledKeys,
  settleDifference,
} from '../db/stores/reconciliation-store.ts';
import { EXCHANGES, PRODUCTS } from '../domain/instrument.ts';
import type { Decimal } from '../domain/money.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { failpoint } from '../lib/failpoint.ts';
import {
  type DeliveryFigures,
  compareQuantities,
  isSameDifference,
  keyName,
  missingPositions,
} from '../reconciliation/positions.ts';
import { adjustPosition } from './adjust-position.ts';
import { bookCorporateAction } from './book-corporate-action.ts';
import type { Context } from './context.ts';

export { listReconciliations, findReconciliation } from '../db/stores/reconciliation-store.ts';
export type { ReconciliationRow } from '../db/stores/reconciliation-store.ts';

export interface ApproveDifference {
  readonly accountId: string;
  readonly actor: string;
  readonly runId: string;
  /** Place in the run's differences, from 0. */
  readonly index: number;
  /** Null: at our own average price. */
  readonly price: Decimal | null;
  readonly reason: string;
}

export interface ApproveRefusal {
  readonly code:
    | 'NOT_FOUND'
    | 'DIFFERENCE_SETTLED'
    | 'DIFFERENCE_CHANGED'
    | 'PRICE_NEEDED'
    | 'NOT_TRADED_HERE'
    | 'BROKER_NOT_READ';
  readonly message: string;
}

/**
 * A person takes the broker's figure for ours. The broker is asked again first: only what still differs by the very
 * same figures, with no order of the key live, is adjusted. Approved twice is approved once, also when a crash came in
 * between: what the journal has of it is not booked again. A corporate action leaves the cost as it is.
 */
export async function approveDifference(
  context: Context,
  wanted: ApproveDifference,
): Promise<Result<ReconciliationRow, ApproveRefusal>> {
  const { accountId, runId, index, actor, reason } = wanted;
  const run = await findReconciliation(context.db, accountId, runId);
  const difference = run?.differences[index];
  if (run === null || difference === undefined) {
    return err({ code: 'NOT_FOUND', message: 'There is no such difference.' });
  }
  if (difference.state === 'APPROVED') return ok(run);
  if (difference.state === 'SEEN') {
    const message = 'One run alone has seen it: it counts when the next one does, too.';
    return err({ code: 'DIFFERENCE_CHANGED', message });
  }
  if (difference.state !== 'PROPOSED') {
    return err({
      code: 'DIFFERENCE_SETTLED',
      message: 'There is nothing to decide: it is settled or explained.',
    });
  }
  const { symbol } = difference;
  const exchange = EXCHANGES.find((known) => known === difference.exchange);
  const product = PRODUCTS.find((known) => known === difference.product);
  const instrument = exchange === undefined ? null : await context.instruments.find(exchange, symbol);
  if (instrument === null || product === undefined) {
    return err({ code: 'NOT_TRADED_HERE', message: `${difference.exchange}:${symbol} is not listed here.` });
  }
  const booked = await findAdjustmentOf(context.db, run, index);
  if (booked !== null) return settle(context, run, index, booked);
  const still = await differsStill(context, run, difference).catch((error: unknown) => {
    context.log.warn({ err: error, accountId }, 'the broker could not be asked about a difference');
    return null;
  });
  if (still === null) {
    return err({ code: 'BROKER_NOT_READ', message: 'The broker can not be asked now: nothing was changed.' });
  }
  if (!still) {
    const message = 'Our books or the broker’s say something else by now: run the reconciliation again.';
    return err({ code: 'DIFFERENCE_CHANGED', message });
  }
  const isCorporate = difference.cause === 'CORPORATE_ACTION' && wanted.price?.gt(0) !== true;
  const adjusted = await (isCorporate ? bookCorporateAction : adjustPosition)(context, {
    ...{ accountId, actor, instrument, product, reason },
    quantity: difference.brokers,
    onlyFrom: difference.ours,
    price: wanted.price,
    evidence: { reconciliation: runId, difference: index, ...difference.evidence },
  });
  if (!adjusted.ok) {
    const { code, message } = adjusted.error;
    return err({ code: code === 'POSITION_CHANGED' ? 'DIFFERENCE_CHANGED' : code, message });
  }
  await failpoint('approve.adjusted');
  return settle(context, run, index, { actor, reason });
}

/** Who booked it, and why: after a crash in between, whoever asked first. */
async function settle(
  { db }: Context,
  run: ReconciliationRow,
  index: number,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<Result<ReconciliationRow, ApproveRefusal>> {
  await settleDifference(db, run, index, { state: 'APPROVED', settledBy: actor, settledReason: reason });
  return ok((await findReconciliation(db, run.accountId, run.id)) ?? run);
}

/** By the measure of the run that proposed it; an order of the key that is live may be what is missing. */
async function differsStill(
  context: Context,
  { accountId }: ReconciliationRow,
  wanted: StoredDifference,
): Promise<boolean> {
  const broker = context.broker(accountId);
  const [positions, holdings] = await Promise.all([broker.getPositions(), broker.getHoldings()]);
  const { keys } = await readBooks(context.db, accountId);
  const { live } = await readUnsettledKeys(context.db, accountId);
  const name = keyName(wanted);
  if (
    live.has(name) ||
    missingPositions(await readTradedToday(context.db, accountId), positions.net) !== null
  ) {
    return false;
  }
  const before = wanted.evidence['before'] as DeliveryFigures | undefined;
  const measure = before === undefined ? {} : { [name]: before };
  const found = compareQuantities(keys, { net: positions.net, holdings }, measure);
  return found.some((one) => isSameDifference(one, wanted));
}
