import {
  type ReconciliationRow,
  findReconciliation,
  readHeldKeys,
  settleDifference,
} from '../db/stores/reconciliation-store.ts';
import { EXCHANGES, PRODUCTS } from '../domain/instrument.ts';
import type { Decimal } from '../domain/money.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { compareQuantities } from '../reconciliation/positions.ts';
import { adjustPosition } from './adjust-position.ts';
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
 * same figures is adjusted. Approved twice is approved once.
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
  if (difference.state !== 'PROPOSED') {
    return err({ code: 'DIFFERENCE_SETTLED', message: 'Trades with the broker’s ids settled it.' });
  }
  const { symbol } = difference;
  const exchange = EXCHANGES.find((known) => known === difference.exchange);
  const product = PRODUCTS.find((known) => known === difference.product);
  const instrument = exchange === undefined ? null : await context.instruments.find(exchange, symbol);
  if (instrument === null || product === undefined) {
    return err({ code: 'NOT_TRADED_HERE', message: `${difference.exchange}:${symbol} is not listed here.` });
  }
  const still = await differsStill(context, accountId, difference).catch((error: unknown) => {
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
  const adjusted = await adjustPosition(context, {
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
  await settleDifference(context.db, run, index, {
    ...{ state: 'APPROVED', settledBy: actor, settledReason: reason },
  });
  return ok((await findReconciliation(context.db, accountId, runId)) ?? run);
}

type Figures = Pick<
  ReconciliationRow['differences'][number],
  'exchange' | 'symbol' | 'product' | 'ours' | 'brokers'
>;

async function differsStill(context: Context, accountId: string, wanted: Figures): Promise<boolean> {
  const broker = context.broker(accountId);
  const [positions, holdings] = await Promise.all([broker.getPositions(), broker.getHoldings()]);
  const ours = await readHeldKeys(context.db, accountId);
  return compareQuantities(ours, { net: positions.net, holdings }).some(
    (one) =>
      one.exchange === wanted.exchange &&
      one.symbol === wanted.symbol &&
      one.product === wanted.product &&
      one.ours === wanted.ours &&
      one.brokers === wanted.brokers,
  );
}
