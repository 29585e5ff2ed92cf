import { createHash } from 'node:crypto';
import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Instrument, Product } from '../domain/instrument.ts';
import { instrumentKey } from '../domain/instrument.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { Context } from './context.ts';
import { runOperation } from './run-operation.ts';
import { stageFlatten } from './stage-flatten.ts';
import { enqueueOperation } from './stage-operation.ts';

export interface ClosePositions {
  readonly accountId: string;
  readonly actor: string;
  readonly byOperator: boolean;
  /** Null: the account's positions; else what this strategy holds of them. */
  readonly strategyId: string | null;
  /** Null: every instrument. */
  readonly instrument: Instrument | null;
  /** Null: every product. */
  readonly product: Product | null;
  /** Units of one position; null: all. */
  readonly quantity: number | null;
  readonly includeExternal: boolean;
  readonly reason: string;
  /** The same key again is answered with the operation that it began; left out: each call is one of its own. */
  readonly idempotencyKey?: string | null;
}

export interface CloseRefusal {
  readonly code:
    | 'NOTHING_TO_CLOSE'
    | 'EXITS_LEFT_TO_OPERATORS'
    | 'EXTERNAL_NOT_MANAGED'
    | 'INVALID_CLOSE'
    | 'UNKNOWN_STRATEGY'
    | 'IDEMPOTENCY_CONFLICT';
  /** A sentence with the numbers. */
  readonly message: string;
}

/**
 * Closes positions with reduceOnly exits: begins the operation, takes its first looks at once, so that the answer can
 * name the exits, and leaves the rest to the queue. What closes already is not begun twice. Everything named is
 * managed quantity; of one instrument, a refusal says what could be closed.
 */
export async function closePositions(
  context: Context,
  wanted: ClosePositions,
): Promise<Result<OperationRow, CloseRefusal>> {
  const { accountId, actor, strategyId, instrument, product } = wanted;
  const held = instrument === null || strategyId === null ? [] : productsOf(instrument, product, strategyId);
  const keyed = wanted.idempotencyKey == null ? null : operationIdOf(accountId, wanted.idempotencyKey);
  const staged = await context.withAccount({
    accountId,
    actor,
    urgent: true,
    needs: {
      ...(keyed !== null && { operations: [keyed] }),
      openPositions: true,
      strategies: true,
      strategyPositions: held,
      runningOperations: true,
      openAlerts: true,
    },
    run: (view): Result<OperationRow, CloseRefusal> => {
      // Before anything is refused: what the first call closed is gone when the second one comes.
      const begun = keyed === null ? null : view.operation(keyed);
      if (begun !== null) return isSame(begun, wanted) ? ok(begun) : err(KEY_OF_ANOTHER);
      const refusal = refuse(view, wanted);
      if (refusal !== null) return err(refusal);
      const { reason, byOperator, quantity } = wanted;
      const scope = { strategyId, instrumentId: instrument?.id ?? null, product };
      return ok(
        stageFlatten(context, view, { ...{ id: keyed, by: actor, reason, byOperator, quantity }, ...scope }),
      );
    },
  });
  if (!staged.ok) return staged;
  const { id: operationId } = staged.value;
  await enqueueOperation(context, staged.value);
  const looked = await runOperation(
    context,
    { accountId, operationId },
    { untilMs: FIRST_LOOKS_MS, until: ({ details }) => details.orders.length > 0 },
  );
  return ok(looked ?? staged.value);
}

const KEY_OF_ANOTHER: CloseRefusal = {
  code: 'IDEMPOTENCY_CONFLICT',
  message: 'the Idempotency-Key was used to close something else',
};

/** The id that a key stands for in its account: the row itself then says whether it was used, in whatever process. */
function operationIdOf(accountId: string, key: string): string {
  const hex = createHash('sha256').update(`sauda/close/${accountId}/${key}`).digest('hex');
  // A UUID of version 8, which is for ids that are made in a way of one's own (RFC 9562).
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function isSame({ details }: OperationRow, wanted: ClosePositions): boolean {
  const { strategyId, instrument, product, quantity } = wanted;
  return (
    details.strategyId === strategyId &&
    details.instrumentId === (instrument?.id ?? null) &&
    details.product === product &&
    details.quantity === quantity
  );
}

/** The answer waits so long for the first exits; orders in their way are cancelled first. */
const FIRST_LOOKS_MS = 3000;
const PRODUCTS: readonly Product[] = ['MIS', 'CNC', 'NRML', 'MTF'];

function productsOf(instrument: Instrument, product: Product | null, strategyId: string): string[] {
  return PRODUCTS.filter((one) => product === null || one === product).map(
    (one) => `${strategyId}/${instrument.id}/${one}`,
  );
}

function refuse(view: AccountView, wanted: ClosePositions): CloseRefusal | null {
  const { byOperator, strategyId, instrument, quantity } = wanted;
  const strategy = strategyId === null ? null : view.strategy(strategyId);
  if (strategyId !== null && strategy === null) {
    return { code: 'UNKNOWN_STRATEGY', message: `the account has no strategy ${strategyId}` };
  }
  const closedTo = [view.account, strategy].find(
    (of) => of?.tradingState === 'HALTED' && of.haltExits === 'operatorOnly',
  );
  if (closedTo != null && !byOperator) {
    const why = closedTo.tradingStateReason ?? 'without a reason';
    return {
      code: 'EXITS_LEFT_TO_OPERATORS',
      message: `trading is HALTED (${why}) and exits are left to operators`,
    };
  }
  if (instrument === null) return quantity === null ? null : invalid('a quantity belongs to one instrument');
  return refuseOne(view, wanted, instrument);
}

function refuseOne(view: AccountView, wanted: ClosePositions, instrument: Instrument): CloseRefusal | null {
  const { strategyId, product, quantity, includeExternal } = wanted;
  const rows = view
    .openPositions()
    .filter((row) => row.instrumentId === instrument.id && (product === null || row.product === product));
  const external = rows.filter(({ managedBy }) => managedBy === 'EXTERNAL');
  if (includeExternal && external.length > 0) {
    const units = external.reduce((total, row) => total + row.quantity, 0);
    return {
      code: 'EXTERNAL_NOT_MANAGED',
      message: `${units} of ${instrumentKey(instrument)} are external: adopt them first, then close`,
    };
  }
  const managed = rows
    .filter(({ managedBy }) => managedBy === 'OMS')
    .map((row) => ({
      product: row.product,
      quantity: strategyId === null ? row.quantity : share(view, strategyId, row),
    }))
    .filter((row) => row.quantity !== 0);
  const [first, second] = managed;
  const whose = strategyId === null ? 'the account' : `strategy ${strategyId}`;
  if (first === undefined) {
    return {
      code: 'NOTHING_TO_CLOSE',
      message: `${whose} holds nothing of ${instrumentKey(instrument)} that is managed`,
    };
  }
  if (quantity === null) return null;
  if (second !== undefined) {
    const products = managed.map((row) => `${row.quantity} ${row.product}`).join(' and ');
    return invalid(`${whose} holds ${products}: with a quantity the product is needed`);
  }
  if (quantity > Math.abs(first.quantity)) {
    return invalid(`quantity ${quantity} is more than the ${Math.abs(first.quantity)} that can be closed`);
  }
  if (quantity % instrument.lotSize === 0) return null;
  return invalid(`quantity must be a multiple of the lot size ${instrument.lotSize}`);
}

/** What a strategy's close may take: min(its net, the account's net) (protocol.md). */
function share(
  view: AccountView,
  strategyId: string,
  row: { readonly instrumentId: number; readonly product: Product; readonly quantity: number },
): number {
  const { instrumentId, product } = row;
  const own =
    view.newestStrategyCycle(strategyId, { instrumentId, product, managedBy: 'OMS' })?.quantity ?? 0;
  if (Math.sign(own) !== Math.sign(row.quantity)) return 0;
  return Math.sign(own) * Math.min(Math.abs(own), Math.abs(row.quantity));
}

function invalid(message: string): CloseRefusal {
  return { code: 'INVALID_CLOSE', message };
}
