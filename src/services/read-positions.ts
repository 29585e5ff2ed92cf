import type { Database } from '../db/client.ts';
import {
  type MarkedPosition,
  type MarkedStrategyPosition,
  type PositionFilter,
  type ProtectionNow,
  listPositions,
  listStrategyPositions,
  readNewestCycles,
} from '../db/stores/position-read-store.ts';
import type { ManagedBy } from '../domain/account.ts';
import type { Exchange, Product } from '../domain/instrument.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import { type PositionCycle, averagePrice, unrealizedPnl } from '../domain/position.ts';

/** A position with what its price says now. Null is unknown, never zero. */
export interface PositionView extends PositionCycle {
  readonly accountId: string;
  readonly instrumentId: number;
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly product: Product;
  readonly managedBy: ManagedBy;
  /** Of the open quantity; null when flat. */
  readonly averagePrice: Decimal | null;
  readonly lastPrice: Decimal | null;
  readonly lastPriceAt: Date | null;
  readonly lastPriceAgeMs: number | null;
  /** Gross; null while the price of an open position is unknown. */
  readonly unrealizedPnl: Decimal | null;
  readonly totalPnl: Decimal | null;
  readonly netPnl: Decimal | null;
  /** Units that stops at the exchange would close. */
  readonly protectedQuantity: number;
  /** Null: it is not open, or not the OMS's. */
  readonly protectionNow: ProtectionNow | null;
}

/** Positions of an account, or of one of its strategies, by instrument. */
export async function readPositions(
  db: Database,
  filter: PositionFilter & { readonly strategyId: string | null },
): Promise<PositionView[]> {
  const { strategyId } = filter;
  if (strategyId === null) return (await listPositions(db, filter)).map(positionView);
  const rows = await listStrategyPositions(db, { ...filter, strategyId });
  return rows.map((row) => positionView({ ...row, managedBy: 'OMS' }));
}

/** Most cycles of one instrument that are looked at for one strategy. */
const MAX_CYCLES = 500;

/**
 * The positions of one instrument, one per product: those that are open or, when none is, the newest closed cycle
 * of each product.
 */
export async function readPositionsOf(
  db: Database,
  of: {
    readonly accountId: string;
    readonly exchange: Exchange;
    readonly symbol: string;
    readonly product?: Product | undefined;
    readonly strategyId: string | null;
  },
): Promise<PositionView[]> {
  const cycles =
    of.strategyId === null
      ? (await readNewestCycles(db, of)).map(positionView)
      : newestOfEach(await readPositions(db, { ...of, statuses: ['OPEN', 'CLOSED'], limit: MAX_CYCLES }));
  const open = cycles.filter(({ status }) => status === 'OPEN');
  return open.length > 0 ? open : cycles;
}

/** The last cycle of each product; they come in their order. */
function newestOfEach(cycles: readonly PositionView[]): PositionView[] {
  return [...new Map(cycles.map((cycle) => [cycle.product, cycle])).values()];
}

/** The derived figures of one cycle at its last price. */
export function positionView(
  row: MarkedPosition | (MarkedStrategyPosition & { readonly managedBy: ManagedBy }),
): PositionView {
  const unrealized = unrealizedOf(row);
  const totalPnl = unrealized === null ? null : row.realizedPnl.plus(unrealized);
  return {
    ...row,
    averagePrice: averagePrice(row),
    unrealizedPnl: unrealized,
    totalPnl,
    netPnl: totalPnl?.minus(row.charges) ?? null,
    highestPrice: larger(row.highestPrice, row.markedHighest),
    lowestPrice: smaller(row.lowestPrice, row.markedLowest),
  };
}

function unrealizedOf(row: PositionCycle & { readonly lastPrice: Decimal | null }): Decimal | null {
  if (row.quantity === 0) return ZERO;
  return row.lastPrice === null ? null : unrealizedPnl(row, row.lastPrice);
}

function larger(a: Decimal, b: Decimal | null): Decimal {
  return b?.gt(a) === true ? b : a;
}

function smaller(a: Decimal, b: Decimal | null): Decimal {
  return b?.lt(a) === true ? b : a;
}
