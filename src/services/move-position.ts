import type { Needs } from '../db/account-load.ts';
import type { EntryRow, PositionRow, StrategyPositionRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type PositionKey, positionKeyText } from '../domain/account.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import { type Order, sideSign } from '../domain/order.ts';
import { type PositionCycle, applyEntry, foldEntries, isLate } from '../domain/position.ts';

/** What a position takes from whatever filled: an order, or a person's adjustment. */
export type FilledOrder = Pick<
  Order,
  | 'id'
  | 'accountId'
  | 'strategyId'
  | 'instrumentId'
  | 'exchange'
  | 'symbol'
  | 'product'
  | 'side'
  | 'cause'
  | 'stopLoss'
>;

/** What folding the keys of these orders anew looks at, so that one read brings all of it. */
export function refoldNeeds(
  orders: readonly Pick<Order, 'instrumentId' | 'product' | 'strategyId'>[],
): Needs {
  const unique = (values: readonly string[]) => [...new Set(values)];
  const keys = unique(
    orders.flatMap(({ instrumentId, product }) =>
      (['OMS', 'EXTERNAL'] as const).map((managedBy) =>
        positionKeyText({ instrumentId, product, managedBy }),
      ),
    ),
  );
  const own = unique(
    orders.flatMap(({ strategyId, instrumentId, product }) =>
      strategyId === null ? [] : [`${strategyId}/${instrumentId}/${product}`],
    ),
  );
  return {
    positionKeys: keys,
    entriesOf: keys,
    cyclesOf: keys,
    strategyPositions: own,
    strategyCyclesOf: own,
    baseline: true,
  };
}

/**
 * Adds an entry to the position of its key, and to its strategy's own; `order` is the one whose fill it is. One that
 * belongs before what is there already folds the key anew (protocol.md). By how much realized P&L changed, rupees.
 */
export function addEntry(view: AccountView, order: FilledOrder, entry: EntryRow): Decimal {
  const change = movePosition(view, order, entry);
  if (entry.strategyId !== null) moveStrategyPosition(view, entry.strategyId, entry);
  view.insertEntry(entry);
  return change;
}

/**
 * Folds a key from its entries after some were taken back, and the strategy's own position with it. By how much
 * realized P&L changed. `entryId` names the change in the journal.
 */
export function refoldKey(view: AccountView, order: FilledOrder, key: PositionKey, entryId: string): Decimal {
  if (order.strategyId !== null) refoldStrategyPosition(view, order.strategyId, key, []);
  return refoldPosition(view, order, key, { entryId, entries: view.entriesOf(key) });
}

function movePosition(view: AccountView, order: FilledOrder, entry: EntryRow): Decimal {
  const newest = view.newestCycle(entry);
  if (newest !== null && isLate(newest, entry)) {
    return refoldPosition(view, order, entry, {
      entryId: entry.id,
      entries: [...view.entriesOf(entry), entry],
    });
  }
  const step = applyEntry(newest, entry);
  for (const cycle of step.cycles) {
    const own = newest?.cycle === cycle.cycle ? newest : null;
    const opens = Math.sign(cycle.quantity) === sideSign(order.side);
    putCycle(view, order, entry, {
      cycle,
      own,
      stopLoss: (opens ? order.stopLoss : null) ?? own?.stopLoss ?? null,
    });
  }
  return step.realizedPnl;
}

function refoldPosition(
  view: AccountView,
  order: FilledOrder,
  key: PositionKey,
  { entryId, entries }: { readonly entryId: string; readonly entries: readonly EntryRow[] },
): Decimal {
  const stored = view.cyclesOf(key);
  const newest = stored.at(-1) ?? null;
  const cycles = foldEntries(entries);
  for (const cycle of cycles) {
    const own = stored.find((row) => row.cycle === cycle.cycle) ?? null;
    putCycle(view, order, key, { cycle, own, stopLoss: stopAfterRefold(cycle, own, newest, order) });
  }
  for (const row of stored) if (!cycles.some(({ cycle }) => cycle === row.cycle)) view.removePosition(row);
  const change = totalRealized(cycles).minus(totalRealized(stored));
  view.note('PositionRefolded', order.id, {
    instrumentId: key.instrumentId,
    product: key.product,
    managedBy: key.managedBy,
    entryId,
    realizedChange: change.toFixed(),
  });
  return change;
}

function putCycle(
  view: AccountView,
  order: FilledOrder,
  { instrumentId, product, managedBy }: PositionKey,
  of: { readonly cycle: PositionCycle; readonly own: PositionRow | null; readonly stopLoss: Decimal | null },
): void {
  const { cycle, own, stopLoss } = of;
  view.putPosition({
    accountId: order.accountId,
    exchange: order.exchange,
    symbol: order.symbol,
    ...{ instrumentId, product, managedBy },
    ...cycle,
    stopLoss: cycle.status === 'OPEN' ? stopLoss : null,
    overnightQuantity: own?.overnightQuantity ?? 0,
    previousClose: own?.previousClose ?? null,
    updatedAt: view.now,
  } satisfies PositionRow);
}

/** The cycle's own stop, else that of the open cycle whose place it took, else the late order's: never a wrong-sided one. */
function stopAfterRefold(
  cycle: PositionCycle,
  own: PositionRow | null,
  newest: PositionRow | null,
  order: FilledOrder,
): Decimal | null {
  const side = Math.sign(cycle.quantity);
  const stored = [own, newest].find((row) => row?.stopLoss != null && Math.sign(row.quantity) === side);
  return stored?.stopLoss ?? (side === sideSign(order.side) ? order.stopLoss : null);
}

function moveStrategyPosition(view: AccountView, strategyId: string, entry: EntryRow): void {
  const newest = view.newestStrategyCycle(strategyId, entry);
  if (newest !== null && isLate(newest, entry)) {
    refoldStrategyPosition(view, strategyId, entry, [entry]);
    return;
  }
  for (const cycle of applyEntry(newest, entry).cycles) putStrategyCycle(view, strategyId, entry, cycle);
}

/** Folds the strategy's own entries of the key, and `more` that are not stored yet. */
function refoldStrategyPosition(
  view: AccountView,
  strategyId: string,
  key: PositionKey,
  more: readonly EntryRow[],
): void {
  const own = view.entriesOf(key).filter((row) => row.strategyId === strategyId);
  const cycles = foldEntries([...own, ...more]);
  for (const cycle of cycles) putStrategyCycle(view, strategyId, key, cycle);
  for (const row of view.strategyCyclesOf(strategyId, key)) {
    if (!cycles.some(({ cycle }) => cycle === row.cycle)) view.removeStrategyPosition(row);
  }
}

function putStrategyCycle(
  view: AccountView,
  strategyId: string,
  { instrumentId, product }: PositionKey,
  cycle: PositionCycle,
): void {
  view.putStrategyPosition({
    accountId: view.account.id,
    ...{ strategyId, instrumentId, product },
    ...cycle,
    updatedAt: view.now,
  } satisfies StrategyPositionRow);
}

function totalRealized(cycles: readonly Pick<PositionCycle, 'realizedPnl'>[]): Decimal {
  return cycles.reduce((total, cycle) => total.plus(cycle.realizedPnl), ZERO);
}
