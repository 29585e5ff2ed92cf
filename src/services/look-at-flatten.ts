import type { BrokerPosition } from '../broker/port.ts';
import type { OperationRow, PositionRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Instrument, type Product, instrumentKey } from '../domain/instrument.ts';
import type { Leftover, OperationDetails } from '../domain/operation.ts';
import { type Order, type OrderRole, leavesQuantity, sideSign } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { isGuard } from '../domain/protection.ts';
import { exitRank, hedges } from '../risk/exits.ts';
import type { Context } from './context.ts';
import { type Look, endOperation, isInForce, keepOperation } from './keep-operation.ts';
import { type KeyLook, type KeyOfFlatten, lookAtKey } from './look-at-key.ts';
import { raisingOrders, stageCancels } from './stage-cancels.ts';
import { isUnsent } from './stage-command.ts';

/** Looks in a row at which the broker may show other positions than ours, with nothing on its way (about 10 s). */
const MAX_DIFFERENT_LOOKS = 20;

/** What was read outside the lock. */
export interface SeenByFlatten {
  readonly keys: readonly { readonly instrumentId: number; readonly product: Product }[];
  /** "strategyId/instrumentId/product" of strategies that hold something. */
  readonly strategyKeys: readonly string[];
  /** The broker's; null: the read failed, which says nothing. */
  readonly positions: readonly BrokerPosition[] | null;
}

type Flatten = Pick<OperationRow, 'details'> & {
  readonly context: Context;
  readonly view: AccountView;
  readonly operation: OperationRow;
  readonly seen: SeenByFlatten;
  /** Unfinished orders of the scope, without the operation's own exits. */
  readonly others: readonly Order[];
  readonly exits: readonly Order[];
};

interface LookedAt extends KeyLook {
  readonly key: KeyOfFlatten;
}

/**
 * One look at a flatten under the account's lock: orders that could raise the position and those that already reduce
 * a key are cancelled first, then exits go out key by key, hedges last. DONE when the broker's own positions show
 * what our books show, which is nothing of the scope; what can not be closed is named. `mine` are the unfinished
 * orders of its scope.
 */
export function lookAtFlatten(
  context: Context,
  view: AccountView,
  operation: OperationRow,
  seen: SeenByFlatten,
  mine: readonly Order[],
): Look {
  const { details } = operation;
  const flatten: Flatten = {
    ...{ context, view, operation, details, seen },
    others: mine.filter(({ id }) => !details.orders.includes(id)),
    exits: details.orders.flatMap((id) => view.order(id) ?? []),
  };
  const keys = keysOf(flatten);
  const first = cancelRound(flatten, ordersInTheWay(flatten, keys));
  const looked = keys.map((key) => lookAt(flatten, key, keys, first.open));
  const repricing = cancelRound(
    { ...flatten, details: { ...details, cancels: first.cancels } },
    looked.flatMap(({ reprice }) => reprice),
  );
  const placed = looked.flatMap((look) => look.placed);
  const checked = isQuiet(looked, placed) ? confirm(flatten, keys) : { differs: 0, left: [] };
  const next: OperationDetails = {
    ...details,
    cancels: repricing.cancels,
    keys: Object.fromEntries(looked.map(({ key, progress }) => [nameOf(key), progress])),
    orders: [...details.orders, ...placed.map(({ id }) => id)],
    differs: checked.differs,
    left: [
      ...first.givenUp,
      ...repricing.givenUp,
      ...first.open.flatMap(doubtOf),
      ...looked.flatMap(leftOf),
      ...checked.left,
    ],
  };
  const did = { commands: [...first.commands, ...repricing.commands], placed };
  const stuck = checked.differs >= MAX_DIFFERENT_LOOKS;
  const tell = stuck || looked.some((look) => look.tell) || first.givenUp.length > 0;
  if (!isInForce(view, details)) {
    const left = [...next.left, ...(looked.some(isOpen) ? [RELEASED] : [])];
    return endOperation(context, view, operation, { ...next, left }, did);
  }
  const goesOn =
    first.open.length > 0 ||
    repricing.open.length > 0 ||
    looked.some((look) => isOpen(look) && look.progress.givenUp === null && !(stuck && look.differs)) ||
    // A read that failed is no reason to stop asking; one that says otherwise, again and again, is.
    (checked.differs > 0 && (!stuck || seen.positions === null));
  return goesOn
    ? keepOperation(context, view, operation, next, { ...did, tell })
    : endOperation(context, view, operation, next, did);
}

const RELEASED: Leftover = {
  what: 'the rest',
  quantity: null,
  why: 'the halt that asked for it was released',
};

/** The keys of the scope, those that must go first before the others. */
function keysOf(flatten: Flatten): KeyOfFlatten[] {
  const { context, details, seen } = flatten;
  const names = new Set([...seen.keys.map(nameOfKey), ...Object.keys(details.keys)]);
  return [...names]
    .flatMap((name) => {
      const [id = '', product = ''] = name.split('/');
      const instrument = context.instruments.cached(Number(id));
      return instrument === null ? [] : [keyOf(flatten, instrument, product as Product)];
    })
    .sort((a, b) => exitRank(a.instrument, a.want) - exitRank(b.instrument, b.want));
}

function keyOf(flatten: Flatten, instrument: Instrument, product: Product): KeyOfFlatten {
  const { view, details, seen, exits } = flatten;
  const position = positionOf(view, instrument.id, product);
  const net = position?.quantity ?? 0;
  const holders = [...seen.strategyKeys].sort().flatMap((text) => {
    const [strategyId = '', id, of] = text.split('/');
    if (Number(id) !== instrument.id || of !== product) return [];
    const held = view.newestStrategyCycle(strategyId, {
      instrumentId: instrument.id,
      product,
      managedBy: 'OMS',
    });
    return [{ strategyId, quantity: held?.quantity ?? 0 }];
  });
  const own = exits.filter((exit) => exit.instrumentId === instrument.id && exit.product === product);
  const filled = own.reduce((total, exit) => total + exit.filledQuantity, 0);
  const ofScope = holders.find(({ strategyId }) => strategyId === details.strategyId)?.quantity ?? 0;
  const held =
    details.strategyId === null ? net : Math.sign(ofScope) === Math.sign(net) ? smaller(ofScope, net) : 0;
  const most = details.quantity === null ? Infinity : Math.max(0, details.quantity - filled);
  const size = Math.min(Math.abs(held), most);
  return {
    instrument,
    product,
    want: Math.sign(held) * size,
    kept: Math.abs(held) - size,
    brokerQuantity: brokerQuantityOf(flatten, instrument, product),
    holders: holders.filter(
      ({ strategyId }) => details.strategyId === null || strategyId === details.strategyId,
    ),
    own,
    progress: details.keys[`${instrument.id}/${product}`] ?? { placed: 0, givenUp: null },
  };
}

function smaller(a: number, b: number): number {
  return Math.abs(a) < Math.abs(b) ? a : b;
}

function positionOf(view: AccountView, instrumentId: number, product: Product): PositionRow | undefined {
  return view
    .openPositions()
    .find((row) => row.managedBy === 'OMS' && row.instrumentId === instrumentId && row.product === product);
}

/**
 * What the broker holds of a key beside what is external; null when it did not say. A row that is missing says
 * nothing (U20), and shares that were carried over are holdings, not a position.
 */
function brokerQuantityOf({ view, seen }: Flatten, instrument: Instrument, product: Product): number | null {
  if (isCarriedDelivery(view, { instrument, product })) return null;
  const row = seen.positions?.find(
    (of) =>
      of.exchange === instrument.exchange && of.tradingsymbol === instrument.symbol && of.product === product,
  );
  const external = view
    .openPositions()
    .filter(
      (of) => of.managedBy === 'EXTERNAL' && of.instrumentId === instrument.id && of.product === product,
    )
    .reduce((total, { quantity }) => total + quantity, 0);
  return row === undefined ? null : row.quantity - external;
}

function isCarriedDelivery(
  view: AccountView,
  { instrument, product }: Pick<KeyOfFlatten, 'instrument' | 'product'>,
): boolean {
  if (product !== 'CNC') return false;
  const newest = view.newestCycle({ instrumentId: instrument.id, product, managedBy: 'OMS' });
  return newest !== null && tradingDayOf(newest.openedAt) !== tradingDayOf(view.now);
}

/** Orders that could raise the position, and orders of a key that take from what its exits need. */
function ordersInTheWay(flatten: Flatten, keys: readonly KeyOfFlatten[]): Order[] {
  const { view, details, others } = flatten;
  // What a halt refuses by itself needs no cancel.
  const mayLive = (order: Order) => details.haltId === null || !isUnsent(order);
  // Closing one instrument leaves the entries of it to those who placed them.
  const raising = details.instrumentId === null ? raisingOrders(view, others.filter(mayLive)) : [];
  const inFlight = others.filter(({ id }) => details.inFlight.includes(id));
  return [...new Set([...inFlight, ...raising, ...keys.flatMap((key) => reducersOf(others, key))])];
}

/**
 * Orders of the scope that reduce the key already: with them, an exit of all of it would reverse the position. Where a
 * part of it stays, so do its guards: protection makes them smaller.
 */
function reducersOf(
  others: readonly Order[],
  { instrument, product, want, kept, progress }: KeyOfFlatten,
): Order[] {
  if (want === 0 || progress.givenUp !== null) return [];
  return others.filter(
    (order) =>
      !isFinal(order.status) &&
      order.instrumentId === instrument.id &&
      order.product === product &&
      (kept === 0 || !isGuard(order)) &&
      sideSign(order.side) === -Math.sign(want),
  );
}

/** Whether the guards of a position that is closed in part could still close more than what stays. */
function areGuardsTooLarge(
  others: readonly Order[],
  { instrument, product, want, kept }: KeyOfFlatten,
): boolean {
  if (kept === 0 || want === 0) return false;
  const leavesOf = (roles: readonly OrderRole[]) =>
    others
      .filter((order) => isGuard(order) && roles.includes(order.role))
      .filter((order) => order.instrumentId === instrument.id && order.product === product)
      .filter((order) => sideSign(order.side) === -Math.sign(want))
      .reduce((total, order) => total + leavesQuantity(order), 0);
  return leavesOf(['STOP', 'EXIT']) > kept || leavesOf(['TARGET']) > kept;
}

function lookAt(
  flatten: Flatten,
  key: KeyOfFlatten,
  keys: readonly KeyOfFlatten[],
  cancelling: readonly Order[],
): LookedAt {
  const { context, view, operation } = flatten;
  const nothing = { key, progress: key.progress, placed: [], reprice: [], tell: false, differs: false };
  if (key.progress.givenUp !== null) return { ...nothing, why: key.progress.givenUp };
  const blocked = reducersOf(cancelling, key).length;
  if (blocked > 0) return { ...nothing, why: `${blocked} orders that reduce it already are cancelled first` };
  if (areGuardsTooLarge(flatten.others, key)) {
    return { ...nothing, why: `its stops are made smaller first, to the ${key.kept} that stay` };
  }
  const own = { instrument: key.instrument, quantity: key.want };
  const risk = keys.find(
    (other) => other.want !== 0 && hedges(own, { instrument: other.instrument, quantity: other.want }),
  );
  if (risk !== undefined) {
    const because = `it hedges ${instrumentKey(risk.instrument)}, which is not closed yet`;
    const stays = risk.progress.givenUp === null ? null : because;
    return { ...nothing, progress: { ...key.progress, givenUp: stays }, why: because };
  }
  return { key, ...lookAtKey(context, view, operation, key) };
}

function isOpen({ key }: LookedAt): boolean {
  return key.want !== 0 || key.own.some(({ status }) => !isFinal(status));
}

function leftOf({ key, why, progress }: LookedAt): Leftover[] {
  const says = progress.givenUp ?? why;
  return says === null || key.want === 0 ? [] : [{ what: labelOf(key), quantity: key.want, why: says }];
}

/** An order that has to be gone and of which nobody knows what became. */
function doubtOf({ status, side, quantity, symbol, clientOrderId }: Order): Leftover[] {
  if (status !== 'UNKNOWN') return [];
  const why = 'what became of it is not known yet';
  return [{ what: `${side} ${quantity} ${symbol} (${clientOrderId})`, quantity: null, why }];
}

/** True when nothing of the flatten is on its way, so that the broker's positions and ours should be the same. */
function isQuiet(looked: readonly LookedAt[], placed: readonly Order[]): boolean {
  return placed.length === 0 && looked.every(({ key }) => key.own.every(isDone));
}

function isDone({ status }: Order): boolean {
  return isFinal(status);
}

/** Holds the broker's positions against our books, key by key; a read that failed or lacks a row confirms nothing. */
function confirm(
  { view, details }: Flatten,
  keys: readonly KeyOfFlatten[],
): { readonly differs: number; readonly left: readonly Leftover[] } {
  const different = keys.flatMap((key): { key: KeyOfFlatten; left: Leftover }[] => {
    const { instrument, product, brokerQuantity, progress, own } = key;
    const ours = positionOf(view, instrument.id, product)?.quantity ?? 0;
    if (brokerQuantity === ours || progress.givenUp !== null) return [];
    // Shares sold out of holdings leave no position that could be zero; of a key not traded by us none is needed.
    if (brokerQuantity === null && (own.length === 0 || isCarriedDelivery(view, key))) return [];
    const broker = brokerQuantity === null ? 'did not say what it holds' : `holds ${brokerQuantity}`;
    const left = { what: labelOf(key), quantity: ours, why: `the broker ${broker}, our books ${ours}` };
    return [{ key, left }];
  });
  return {
    differs: different.length === 0 ? 0 : details.differs + 1,
    // Where something is still to be closed, the look at the key has said why.
    left: different.flatMap(({ key, left }) => (key.want === 0 ? [left] : [])),
  };
}

function cancelRound({ context, view, operation, details }: Flatten, orders: readonly Order[]) {
  return stageCancels(context, view, orders, {
    tries: details.cancels,
    by: operation.startedBy,
    reason: `positions are being closed: ${details.reason}`,
  });
}

function nameOf({ instrument, product }: KeyOfFlatten): string {
  return `${instrument.id}/${product}`;
}

function nameOfKey({
  instrumentId,
  product,
}: {
  readonly instrumentId: number;
  readonly product: string;
}): string {
  return `${instrumentId}/${product}`;
}

function labelOf({ instrument, product }: KeyOfFlatten): string {
  return `${instrumentKey(instrument)} ${product}`;
}
