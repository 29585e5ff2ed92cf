import type { AccountView } from '../db/account-view.ts';
import type { EntryRow } from '../db/account-rows.ts';
import { readStrategiesHolding } from '../db/stores/reconciliation-store.ts';
import { type ManagedBy, positionKeyText } from '../domain/account.ts';
import { type Decimal, ZERO, decimal } from '../domain/money.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { AdjustPosition, AdjustRefusal, AdjustedPosition } from './adjust-position.ts';
import type { Context } from './context.ts';
import { addEntry } from './move-position.ts';
import { lookAt } from './stage-command.ts';

/**
 * The company multiplied its shares (split, bonus): whoever holds some holds more of them at the same cost, so that
 * neither P&L nor risk comes of it. Every owner and strategy gets its share by an entry of its own at price 0; what
 * does not divide goes to the owner with the most. Stops and targets of the key are divided with the price. To what is
 * there already it changes nothing.
 */
export async function bookCorporateAction(
  context: Context,
  wanted: AdjustPosition,
): Promise<Result<AdjustedPosition, AdjustRefusal>> {
  const { accountId, actor, instrument, product } = wanted;
  const key = { instrumentId: instrument.id, product };
  const keys = (['OMS', 'EXTERNAL'] as const).map((managedBy) => positionKeyText({ ...key, managedBy }));
  const strategies = await readStrategiesHolding(context.db, accountId, key);
  const own = strategies.map((id) => `${id}/${instrument.id}/${product}`);
  return context.withAccount({
    accountId,
    actor,
    needs: {
      ...{ positionKeys: keys, entriesOf: keys, cyclesOf: keys, baseline: true },
      ...{ strategyPositions: own, strategyCyclesOf: own, protections: true },
    },
    run: (view) => book(context, view, wanted, strategies),
  });
}

interface Share {
  readonly managedBy: ManagedBy;
  readonly strategyId: string | null;
  readonly quantity: number;
}

function book(
  context: Context,
  view: AccountView,
  wanted: AdjustPosition,
  strategies: readonly string[],
): Result<AdjustedPosition, AdjustRefusal> {
  const { instrument, product, quantity: after } = wanted;
  const held = sharesOf(view, wanted, strategies);
  const before = held.reduce((sum, { quantity }) => sum + quantity, 0);
  if (after === before) return ok({ before, after, realizedPnl: ZERO });
  const { multiplier } = instrument;
  if (before !== wanted.onlyFrom || before <= 0 || after < before || multiplier === null) {
    const message = `our books hold ${before} of ${instrument.symbol} ${product} by now: ${after} can not come of them`;
    return err({ code: 'POSITION_CHANGED', message });
  }
  const id = context.newId();
  const entries = grown(held, before, after).map((share): EntryRow => ({
    ...{ accountId: view.account.id, instrumentId: instrument.id, product, id: context.newId() },
    ...{ ...share, kind: 'CORPORATE_ACTION', price: ZERO, multiplier, cash: ZERO, charges: ZERO },
    ...{ tradedAt: view.now, tradeId: `adjust-${id}`, counterpart: null, recordedAt: view.now },
    evidence: { ...wanted.evidence, adjustment: id },
  }));
  view.note('PositionAdjusted', id, {
    ...{ instrumentId: instrument.id, exchange: instrument.exchange, symbol: instrument.symbol, product },
    ...{
      before,
      after,
      price: '0',
      kind: 'CORPORATE_ACTION',
      reason: wanted.reason,
      evidence: wanted.evidence,
    },
    entries: entries.map(({ id: entryId, managedBy, strategyId, quantity }) => ({
      ...{ entryId, managedBy, strategyId, quantity },
    })),
  });
  for (const entry of entries) {
    const { exchange, symbol } = instrument;
    const of = { id, accountId: entry.accountId, strategyId: entry.strategyId, cause: 'EXTERNAL' as const };
    const key = { instrumentId: instrument.id, product };
    addEntry(view, { ...of, ...key, exchange, symbol, side: 'BUY', stopLoss: null }, entry);
  }
  scaleProtection(view, wanted, before);
  return ok({ before, after, realizedPnl: ZERO });
}

/** A stop where the old price was would sell at once: it stands for the same loss as before, rounded away from the price. */
function scaleProtection(
  view: AccountView,
  { instrument, product, quantity: after, reason }: AdjustPosition,
  before: number,
): void {
  const tick = instrument.tickSize;
  const divided = (amount: Decimal): Decimal => amount.times(before).div(after);
  const part = (rupees: string): string => divided(decimal(rupees)).toDecimalPlaces(4).toFixed();
  for (const group of view.protections()) {
    if (group.instrumentId !== instrument.id || group.product !== product || group.side !== 'BUY') continue;
    const { stopLoss, takeProfit, trailing } = group;
    const moved = {
      ...group,
      stopLoss: stopLoss === null ? null : divided(stopLoss).div(tick).floor().times(tick),
      takeProfit: takeProfit === null ? null : divided(takeProfit).div(tick).ceil().times(tick),
      trailing: trailing === null ? null : { distance: part(trailing.distance), step: part(trailing.step) },
      nextLookAt: lookAt(view, 0),
    };
    view.putProtection(moved, {
      kind: 'ProtectionMoved',
      data: {
        ...{ stopLoss: moved.stopLoss?.toFixed() ?? null, takeProfit: moved.takeProfit?.toFixed() ?? null },
        ...{ before, after, reason },
      },
    });
  }
}

/** Who holds how much: each strategy of what the OMS manages, the rest of that, and what came from outside. */
function sharesOf(
  view: AccountView,
  { instrument, product }: AdjustPosition,
  strategies: readonly string[],
): Share[] {
  const key = { instrumentId: instrument.id, product };
  const of = (managedBy: ManagedBy): number => view.newestCycle({ ...key, managedBy })?.quantity ?? 0;
  const own = strategies.map((strategyId): Share => {
    const quantity = view.newestStrategyCycle(strategyId, { ...key, managedBy: 'OMS' })?.quantity ?? 0;
    return { managedBy: 'OMS', strategyId, quantity };
  });
  const rest = of('OMS') - own.reduce((sum, { quantity }) => sum + quantity, 0);
  const shares: Share[] = [
    ...own,
    { managedBy: 'OMS', strategyId: null, quantity: rest },
    { managedBy: 'EXTERNAL', strategyId: null, quantity: of('EXTERNAL') },
  ];
  return shares.filter(({ quantity }) => quantity !== 0);
}

/** By how much each share grows; together from `before` to `after`. */
function grown(held: readonly Share[], before: number, after: number): Share[] {
  const parts = held.map((share) => ({
    ...share,
    quantity: Math.trunc((share.quantity * (after - before)) / before),
  }));
  const left = after - before - parts.reduce((sum, { quantity }) => sum + quantity, 0);
  const largest = held.reduce(
    (best, { quantity }, n) => (quantity > (held[best]?.quantity ?? 0) ? n : best),
    0,
  );
  return parts
    .map((share, n) => (n === largest ? { ...share, quantity: share.quantity + left } : share))
    .filter(({ quantity }) => quantity !== 0);
}
