import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument, Product } from '../domain/instrument.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import { averagePrice } from '../domain/position.ts';
import { failpoint } from '../lib/failpoint.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { bookFill } from './book-fill.ts';
import type { Context } from './context.ts';
import { trimExits } from './trim-exits.ts';
import { enqueueCommand } from './stage-command.ts';

export interface AdjustPosition {
  readonly accountId: string;
  readonly actor: string;
  readonly instrument: Instrument;
  readonly product: Product;
  /** What the account holds in truth, signed units, whoever manages it. */
  readonly quantity: number;
  /** Null: what changes hands does so at our own average price, so that no P&L is made of it. */
  readonly price: Decimal | null;
  readonly reason: string;
  /** What the person saw; kept with the entry. */
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Refused when our books hold another quantity than this by now; null: whatever they hold. */
  readonly onlyFrom: number | null;
}

export interface AdjustedPosition {
  readonly before: number;
  readonly after: number;
  /** Of what the OMS manages, rupees. */
  readonly realizedPnl: Decimal;
}

export interface AdjustRefusal {
  readonly code: 'POSITION_CHANGED' | 'PRICE_NEEDED' | 'NOT_TRADED_HERE';
  /** A sentence with the numbers. */
  readonly message: string;
}

/**
 * A person says what is held in truth: the difference is booked as an outside fill would be (decision 0009), first
 * against what was opened outside, then against what the OMS manages, the rest as EXTERNAL; live exits that are then
 * too large are cut. The entry names who, why and the evidence. To what is there already it changes nothing.
 */
export async function adjustPosition(
  context: Context,
  wanted: AdjustPosition,
): Promise<Result<AdjustedPosition, AdjustRefusal>> {
  const { accountId, actor, instrument, product } = wanted;
  const key = `${instrument.id}/${product}`;
  const keys = [`${key}/OMS`, `${key}/EXTERNAL`];
  await failpoint('adjust.beforeCommit');
  const done = await context.withAccount({
    accountId,
    actor,
    needs: {
      positionKeys: keys,
      entriesOf: keys,
      cyclesOf: keys,
      baseline: true,
      liveOrders: true,
      openAlerts: true,
    },
    run: (view) => adjust(context, view, wanted),
  });
  await failpoint('adjust.afterCommit');
  if (!done.ok) return done;
  for (const command of done.value.commands) await enqueueCommand(context, command);
  return ok(done.value.adjusted);
}

type Adjusted = { readonly adjusted: AdjustedPosition; readonly commands: readonly OrderCommandRow[] };

function adjust(
  context: Context,
  view: AccountView,
  wanted: AdjustPosition,
): Result<Adjusted, AdjustRefusal> {
  const { instrument, product, quantity, reason } = wanted;
  const key = { instrumentId: instrument.id, product };
  const cycles = (['OMS', 'EXTERNAL'] as const).map((managedBy) => view.newestCycle({ ...key, managedBy }));
  const before = cycles.reduce((sum, cycle) => sum + (cycle?.quantity ?? 0), 0);
  const unchanged = { adjusted: { before, after: before, realizedPnl: ZERO }, commands: [] };
  if (quantity === before) return ok(unchanged);
  if (wanted.onlyFrom !== null && wanted.onlyFrom !== before) {
    const message = `our books hold ${before} of ${instrument.symbol} ${product} by now, not ${wanted.onlyFrom}`;
    return err({ code: 'POSITION_CHANGED', message });
  }
  if (wanted.price?.gt(0) === false) {
    return err({ code: 'PRICE_NEEDED', message: `a price is above 0, not ${wanted.price.toFixed()}` });
  }
  const { multiplier } = instrument;
  if (multiplier === null) {
    const message = `${instrument.symbol} has no multiplier: what it is worth is not known`;
    return err({ code: 'NOT_TRADED_HERE', message });
  }
  const held = cycles.find((cycle) => cycle !== null && cycle.quantity !== 0) ?? null;
  const price = wanted.price ?? (held === null ? null : averagePrice(held));
  if (price === null) {
    const message = `nothing of ${instrument.symbol} ${product} is held: say at which price ${quantity} came to be`;
    return err({ code: 'PRICE_NEEDED', message });
  }
  const id = context.newId();
  const entryId = context.newId();
  view.note('PositionAdjusted', id, {
    ...{ instrumentId: instrument.id, exchange: instrument.exchange, symbol: instrument.symbol, product },
    ...{ before, after: quantity, price: price.toFixed(), reason, entryId, evidence: wanted.evidence },
  });
  const booked = bookFill(
    view,
    {
      ...{ id, accountId: view.account.id, strategyId: null, cause: 'EXTERNAL', stopLoss: null, ...key },
      ...{ exchange: instrument.exchange, symbol: instrument.symbol },
      side: quantity > before ? 'BUY' : 'SELL',
    },
    {
      ...{ entryId, kind: 'ADJUSTMENT', quantity: Math.abs(quantity - before), price, multiplier },
      ...{ charges: ZERO, tradedAt: view.now, tradeId: `adjust-${id}`, brokerOrderId: '' },
    },
    context.newId,
  );
  if (!booked.realizedPnl.isZero()) {
    view.changeDay(tradingDayOf(view.now), (day) => ({
      realizedPnl: day.realizedPnl.plus(booked.realizedPnl),
    }));
  }
  const commands =
    booked.takenFromOms === 0
      ? []
      : trimExits(context, view, key, {
          reason: `a person set the position to ${quantity}: ${reason}`,
          guards: 'CUT',
        });
  return ok({ adjusted: { before, after: quantity, realizedPnl: booked.realizedPnl }, commands });
}
