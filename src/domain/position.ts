import { assert } from '../lib/assert.ts';
import { type Decimal, ZERO, toPaise, toValueScale } from './money.ts';

/**
 * A position is the fold of its entries, sorted by exchange time and trade id (protocol.md). Average cost.
 * Each value is kept to four places, which is exact but for a multiplier with a fraction; averages are derived from them; the entry that closes the last share takes the residue,
 * so over one open-to-close cycle realized P&L = sold value - bought value, to the last place.
 */
export interface PositionEntry {
  readonly id: string;
  /** Signed: bought shares are positive. Never zero. */
  readonly quantity: number;
  readonly price: Decimal;
  /** Rupees per point and unit. */
  readonly multiplier: Decimal;
  readonly charges: Decimal;
  readonly tradedAt: Date;
  /** Breaks ties between entries of one instant: the exchange's trade id. */
  readonly tradeId: string;
  readonly kind?: string;
  /** Of a CORRECTION: the entry that it takes back; null: it stands for itself. */
  readonly counterpart?: string | null;
}

export interface PositionCycle {
  /** 1, 2, ...: one per open-to-close run of a key. */
  readonly cycle: number;
  readonly status: 'OPEN' | 'CLOSED';
  readonly quantity: number;
  /** Cost of the open quantity (positive), with the multiplier in it. */
  readonly openValue: Decimal;
  readonly buyQuantity: number;
  readonly buyValue: Decimal;
  readonly sellQuantity: number;
  readonly sellValue: Decimal;
  readonly realizedPnl: Decimal;
  readonly charges: Decimal;
  readonly highestPrice: Decimal;
  readonly lowestPrice: Decimal;
  readonly multiplier: Decimal;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  /** Sort key of the newest entry folded in: what arrives before it is late and needs a new fold. */
  readonly lastEntryAt: Date;
  readonly lastTradeId: string;
}

export interface FoldStep {
  /** The cycles this entry touched, oldest first: one, or two when it reverses the position. */
  readonly cycles: readonly PositionCycle[];
  readonly realizedPnl: Decimal;
}

/** Order of the fold: exchange time, then trade id (shorter first, so that "9" is before "10"), then our id. */
export function compareEntries(
  a: Pick<PositionEntry, 'tradedAt' | 'tradeId' | 'id'>,
  b: Pick<PositionEntry, 'tradedAt' | 'tradeId' | 'id'>,
): number {
  return (
    a.tradedAt.getTime() - b.tradedAt.getTime() ||
    a.tradeId.length - b.tradeId.length ||
    compareText(a.tradeId, b.tradeId) ||
    compareText(a.id, b.id)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when `entry` may belong before something the cycle already holds; of equal keys our id decides, in a fold. */
export function isLate(cycle: PositionCycle, entry: PositionEntry): boolean {
  const byTime = entry.tradedAt.getTime() - cycle.lastEntryAt.getTime();
  const byLength = entry.tradeId.length - cycle.lastTradeId.length;
  return (
    byTime < 0 || (byTime === 0 && (byLength < 0 || (byLength === 0 && entry.tradeId <= cycle.lastTradeId)))
  );
}

/** Adds one entry to the newest cycle of its key (null: none yet): add, reduce, close, or reverse. */
export function applyEntry(current: PositionCycle | null, entry: PositionEntry): FoldStep {
  assert(
    entry.quantity !== 0 && Number.isSafeInteger(entry.quantity),
    'a position entry has a whole quantity',
  );
  if (current === null || current.status === 'CLOSED') {
    return {
      cycles: [openCycle((current?.cycle ?? 0) + 1, entry, entry.quantity, entry.charges)],
      realizedPnl: ZERO,
    };
  }
  if (Math.sign(current.quantity) === Math.sign(entry.quantity)) {
    return { cycles: [increase(current, entry)], realizedPnl: ZERO };
  }
  const size = Math.abs(entry.quantity);
  const open = Math.abs(current.quantity);
  if (size <= open) return reduce(current, entry, size, entry.charges);

  const closingCharges = toPaise(entry.charges.times(open).div(size));
  const closed = reduce(current, entry, open, closingCharges);
  const rest = Math.sign(entry.quantity) * (size - open);
  const reversed = openCycle(current.cycle + 1, entry, rest, entry.charges.minus(closingCharges));
  return { cycles: [...closed.cycles, reversed], realizedPnl: closed.realizedPnl };
}

/**
 * The entries that count: one that was taken back and the correction that takes it back are both left out, so that the
 * fold is what it would have been without the trade. Their quantities and charges add up to zero.
 */
export function standingEntries<Entry extends PositionEntry>(entries: Iterable<Entry>): Entry[] {
  const all = [...entries];
  const takenBack = new Set(all.flatMap((entry) => takesBack(entry) ?? []));
  return takenBack.size === 0
    ? all
    : all.filter((entry) => takesBack(entry) === null && !takenBack.has(entry.id));
}

function takesBack({ kind, counterpart }: PositionEntry): string | null {
  return kind === 'CORRECTION' ? (counterpart ?? null) : null;
}

/** Folds entries from flat, in their order, into cycles numbered from `firstCycle`. */
export function foldEntries(entries: Iterable<PositionEntry>, firstCycle = 1): PositionCycle[] {
  const cycles: PositionCycle[] = [];
  let current: PositionCycle | null = null;
  for (const entry of standingEntries(entries).sort(compareEntries)) {
    const step: FoldStep = applyEntry(current, entry);
    for (const next of step.cycles) {
      const renumbered: PositionCycle = current === null ? { ...next, cycle: firstCycle } : next;
      if (cycles.at(-1)?.cycle === renumbered.cycle) cycles.pop();
      cycles.push(renumbered);
      current = renumbered;
    }
  }
  return cycles;
}

/** Average price of the open quantity, four places, half even; null when flat. */
export function averagePrice(
  cycle: Pick<PositionCycle, 'quantity' | 'openValue' | 'multiplier'>,
): Decimal | null {
  if (cycle.quantity === 0) return null;
  return toValueScale(cycle.openValue.div(cycle.multiplier.times(Math.abs(cycle.quantity))));
}

/** Unrealized P&L of the open quantity at `lastPrice`, gross. */
export function unrealizedPnl(
  cycle: Pick<PositionCycle, 'quantity' | 'openValue' | 'multiplier'>,
  lastPrice: Decimal,
): Decimal {
  if (cycle.quantity === 0) return ZERO;
  const worth = lastPrice.times(cycle.multiplier).times(Math.abs(cycle.quantity));
  return cycle.quantity > 0 ? worth.minus(cycle.openValue) : cycle.openValue.minus(worth);
}

function openCycle(cycle: number, entry: PositionEntry, quantity: number, charges: Decimal): PositionCycle {
  const value = valueOf(entry, Math.abs(quantity));
  return {
    cycle,
    status: 'OPEN',
    quantity,
    openValue: value,
    ...traded(null, quantity, value),
    realizedPnl: ZERO,
    charges,
    highestPrice: entry.price,
    lowestPrice: entry.price,
    multiplier: entry.multiplier,
    openedAt: entry.tradedAt,
    closedAt: null,
    lastEntryAt: entry.tradedAt,
    lastTradeId: entry.tradeId,
  };
}

function increase(current: PositionCycle, entry: PositionEntry): PositionCycle {
  const value = valueOf(entry, Math.abs(entry.quantity));
  return {
    ...touched(current, entry),
    quantity: current.quantity + entry.quantity,
    openValue: current.openValue.plus(value),
    ...traded(current, entry.quantity, value),
    charges: current.charges.plus(entry.charges),
  };
}

function reduce(current: PositionCycle, entry: PositionEntry, size: number, charges: Decimal): FoldStep {
  const open = Math.abs(current.quantity);
  const signed = Math.sign(entry.quantity) * size;
  const value = valueOf(entry, size);
  const closes = size === open;
  const cost = closes ? current.openValue : toValueScale(current.openValue.times(size).div(open));
  const realizedPnl = current.quantity > 0 ? value.minus(cost) : cost.minus(value);
  const next: PositionCycle = {
    ...touched(current, entry),
    status: closes ? 'CLOSED' : 'OPEN',
    quantity: current.quantity + signed,
    openValue: current.openValue.minus(cost),
    ...traded(current, signed, value),
    realizedPnl: current.realizedPnl.plus(realizedPnl),
    charges: current.charges.plus(charges),
    closedAt: closes ? entry.tradedAt : null,
  };
  return { cycles: [next], realizedPnl };
}

function touched(current: PositionCycle, entry: PositionEntry): PositionCycle {
  // Shares that a split or a bonus adds cost nothing: nobody traded at that price.
  const traded = entry.kind !== 'CORPORATE_ACTION';
  return {
    ...current,
    highestPrice: entry.price.gt(current.highestPrice) ? entry.price : current.highestPrice,
    lowestPrice: traded && entry.price.lt(current.lowestPrice) ? entry.price : current.lowestPrice,
    lastEntryAt: entry.tradedAt,
    lastTradeId: entry.tradeId,
  };
}

type Traded = Pick<PositionCycle, 'buyQuantity' | 'buyValue' | 'sellQuantity' | 'sellValue'>;

function traded(before: Traded | null, quantity: number, value: Decimal): Traded {
  const bought = quantity > 0;
  return {
    buyQuantity: (before?.buyQuantity ?? 0) + (bought ? quantity : 0),
    buyValue: (before?.buyValue ?? ZERO).plus(bought ? value : ZERO),
    sellQuantity: (before?.sellQuantity ?? 0) + (bought ? 0 : -quantity),
    sellValue: (before?.sellValue ?? ZERO).plus(bought ? ZERO : value),
  };
}

function valueOf(entry: PositionEntry, quantity: number): Decimal {
  return toValueScale(entry.price.times(quantity).times(entry.multiplier));
}
