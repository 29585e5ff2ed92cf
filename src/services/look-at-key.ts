import type { AccountView } from '../db/account-view.ts';
import type { OperationRow } from '../db/account-rows.ts';
import type { Instrument, Product } from '../domain/instrument.ts';
import { type KeyProgress, exitClientId, pauseAfter } from '../domain/operation.ts';
import { type Order, leavesQuantity, sideSign } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { effectOf } from '../risk/effect.ts';
import { exitPrice, isLocked, isPricedOut, sliceQuantity } from '../risk/exits.ts';
import type { Context } from './context.ts';
import { stageExit } from './stage-exit.ts';

/** An exit that rests this long is priced again, milliseconds. */
const REPRICE_AFTER_MS = 3000;
/** Exits of one key at the broker at once. */
const MAX_SLICES = 10;
/** Exits in a row that may be refused before a person is asked. */
const MAX_REFUSED = 6;

/** A key of a flatten, as one look under the lock finds it. */
export interface KeyOfFlatten {
  readonly instrument: Instrument;
  readonly product: Product;
  /** Signed managed quantity that is still to be closed, in the operation's scope. */
  readonly want: number;
  /** Units of the scope's position that stay; their stops do, too. */
  readonly kept: number;
  /** What the broker holds of it; null: not known. */
  readonly brokerQuantity: number | null;
  /** Who holds how much of it, signed; the rest belongs to no strategy. */
  readonly holders: readonly { readonly strategyId: string; readonly quantity: number }[];
  /** The operation's exits of the key, oldest first. */
  readonly own: readonly Order[];
  readonly progress: KeyProgress;
}

export interface KeyLook {
  readonly progress: KeyProgress;
  readonly placed: readonly Order[];
  /** Own exits to be cancelled: their price is not the market's any more. */
  readonly reprice: readonly Order[];
  /** What stands in the way; null: nothing, or all is on its way. */
  readonly why: string | null;
  /** A person should know of it now. */
  readonly tell: boolean;
  /** The broker's quantity and ours do not go together. */
  readonly differs: boolean;
}

/**
 * One look at one key under the account's lock: places the next exits, or says why not. At most what our books and
 * the broker's positions both hold is exited; an UNKNOWN exit, or another order that reduces the key, blocks the next.
 */
export function lookAtKey(
  context: Pick<Context, 'newId' | 'prices' | 'settings'>,
  view: AccountView,
  operation: OperationRow,
  key: KeyOfFlatten,
): KeyLook {
  const { instrument, own, progress } = key;
  const nothing: KeyLook = { progress, placed: [], reprice: [], why: null, tell: false, differs: false };
  const live = own.filter(({ status }) => !isFinal(status));
  const doubt = live.find(({ status }) => status === 'UNKNOWN');
  if (doubt !== undefined) {
    return { ...nothing, why: `what became of exit ${doubt.clientOrderId} is not known yet`, tell: true };
  }
  if (isTooMuch(key, live, view.now)) return { ...nothing, reprice: live };
  const side = key.want > 0 ? 'SELL' : 'BUY';
  const price = context.prices.peek(instrument.id);
  const resting = live.filter((order) => isStale(order, view.now));
  const wanted = exitPrice(side, instrument, price);
  const reprice = resting.filter((order) => {
    if (wanted === null) return false;
    return order.price === null || !isPricedOut(order.side, order.price, wanted);
  });
  if (live.length > 0) {
    const locked = resting.length > reprice.length && isLocked(side, price);
    const why = locked ? `the market is locked at its circuit; an exit rests at the band` : null;
    return { ...nothing, reprice, why, tell: locked };
  }
  if (key.want === 0) return nothing;
  const refusal = refusedNow(own, view.now);
  if (refusal !== null)
    return { ...nothing, ...refusal, progress: { ...progress, givenUp: refusal.givenUp } };
  const quantity = exitQuantity(view, key, side);
  if (quantity.now === 0) return { ...nothing, ...quantity, tell: quantity.differs };
  const placed = placeSlices(context, view, operation, { key, side, quantity: quantity.now, price: wanted });
  return {
    ...nothing,
    ...quantity,
    placed,
    progress: { ...progress, placed: progress.placed + placed.length },
  };
}

function isStale(order: Order, now: Date): boolean {
  if (order.submittedAt === null || order.status === 'SUBMITTING') return false;
  return now.getTime() - order.submittedAt.getTime() >= REPRICE_AFTER_MS;
}

/** True when the exits at the broker could do more than close what is held: it was closed in another way. */
function isTooMuch({ want, brokerQuantity }: KeyOfFlatten, live: readonly Order[], now: Date): boolean {
  if (ownLeaves(live) > Math.abs(want)) return true;
  if (brokerQuantity === null) return false;
  // Fills of a young exit may be at the broker and not yet with us.
  const resting = live.filter((order) => isStale(order, now));
  return ownLeaves(resting) > Math.max(0, Math.sign(want) * brokerQuantity);
}

/** What the newest exits' refusals ask for: a pause, or the end of trying; null: go on. */
function refusedNow(
  own: readonly Order[],
  now: Date,
): { readonly why: string; readonly tell: true; readonly givenUp: string | null } | null {
  const lastGood = own.findLastIndex(({ status }) => status !== 'REJECTED');
  const refused = own.slice(lastGood + 1);
  const last = refused.at(-1);
  if (last === undefined) return null;
  const why = `the exit was refused: ${last.statusReason ?? 'without a reason'}`;
  if (refused.length >= MAX_REFUSED) return { why, tell: true, givenUp: `${refused.length} times ${why}` };
  const endedAt = last.finishedAt ?? now;
  const waits = now.getTime() - endedAt.getTime() < pauseAfter(refused.length);
  return waits ? { why, tell: true, givenUp: null } : null;
}

interface ExitQuantity {
  readonly now: number;
  readonly why: string | null;
  readonly differs: boolean;
}

/** Never more than what only reduces, by our books and by the broker's. */
function exitQuantity(view: AccountView, key: KeyOfFlatten, side: Order['side']): ExitQuantity {
  const { instrument, product, want, brokerQuantity } = key;
  const size = Math.abs(want);
  const of = { instrumentId: instrument.id, product, side, quantity: size };
  const room = effectOf(of, view.openPositions(), view.liveOrders()).largestReduction;
  const held = brokerQuantity === null ? size : Math.max(0, Math.sign(want) * brokerQuantity);
  const now = Math.min(size, room, held);
  const short = held < size;
  const why = short
    ? `our books hold ${want}, the broker ${brokerQuantity}: no more than that is exited`
    : now < size
      ? `other orders are on their way to reduce it; ${now} of ${size} can be exited now`
      : null;
  return { now, why, differs: short };
}

function placeSlices(
  context: Pick<Context, 'newId' | 'settings'>,
  view: AccountView,
  operation: OperationRow,
  {
    key,
    side,
    quantity,
    price,
  }: {
    readonly key: KeyOfFlatten;
    readonly side: Order['side'];
    readonly quantity: number;
    readonly price: Order['price'];
  },
): Order[] {
  const { instrument, product, progress } = key;
  const slice = sliceQuantity(instrument, context.settings);
  const keyName = `${instrument.id}/${product}`;
  return slicesOf(key, side, quantity, slice)
    .slice(0, MAX_SLICES)
    .map((part, index) =>
      stageExit(view, {
        id: context.newId(),
        clientOrderId: exitClientId(operation.id, keyName, progress.placed + index + 1),
        operationId: operation.id,
        byOperator: operation.details.byOperator,
        ...{ instrument, product, side, price, ...part },
      }),
    );
}

/** Each holder's share first, so that the exit is in its own position; then what belongs to nobody. */
function slicesOf(
  { holders }: KeyOfFlatten,
  side: Order['side'],
  quantity: number,
  slice: number,
): { readonly strategyId: string | null; readonly quantity: number }[] {
  const slices: { strategyId: string | null; quantity: number }[] = [];
  let left = quantity;
  const take = (strategyId: string | null, most: number): void => {
    for (let rest = Math.min(left, most); rest > 0; rest -= slice) {
      const part = Math.min(rest, slice);
      slices.push({ strategyId, quantity: part });
      left -= part;
    }
  };
  for (const holder of holders) take(holder.strategyId, Math.max(0, -sideSign(side) * holder.quantity));
  take(null, left);
  return slices;
}

/** Units of the operation's exits that are still to fill. */
function ownLeaves(own: readonly Order[]): number {
  return own.reduce((total, order) => total + leavesQuantity(order), 0);
}
