import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type CancelTries, type Leftover, pauseAfter } from '../domain/operation.ts';
import { type Order, isExit } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { effectOf } from '../risk/effect.ts';
import type { Context } from './context.ts';
import { stageCancel } from './stage-command.ts';

/** Cancels of one order that are asked for before a person is. */
const MAX_TRIES = 8;

export interface CancelRound {
  readonly cancels: Readonly<Record<string, CancelTries>>;
  /** To be told to the queue after the commit. */
  readonly commands: readonly OrderCommandRow[];
  /** Not finished yet, and not given up. */
  readonly open: readonly Order[];
  readonly givenUp: readonly Leftover[];
}

/**
 * Asks for the end of orders that are not finished, in place of an operation. A cancel that was refused is asked for
 * again after a pause, up to MAX_TRIES times. Needs `orders` and `commandsOf` of all of them.
 */
export function stageCancels(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  orders: readonly Order[],
  { tries: before, by, reason }: Pick<CancelTriesOf, 'tries' | 'by' | 'reason'>,
): CancelRound {
  const cancels: Record<string, CancelTries> = { ...before };
  const commands: OrderCommandRow[] = [];
  const open: Order[] = [];
  const givenUp: Leftover[] = [];
  for (const { id } of orders) {
    const order = view.order(id);
    if (order === null || isFinal(order.status)) continue;
    const known = cancels[id];
    const stands = view.openCommands(id).some(({ kind }) => kind === 'CANCEL');
    if (!stands && known !== undefined && known.tries >= MAX_TRIES) {
      const what = `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId})`;
      givenUp.push({ what, quantity: null, why: `${MAX_TRIES} cancels of it came to nothing` });
      continue;
    }
    if (!stands && isDue(known, view.now)) {
      const command = stageCancel(context, view, order, { requestedBy: by, reason });
      if (command !== null) commands.push(command);
      cancels[id] = { tries: (known?.tries ?? 0) + 1, lastAt: view.now.toISOString() };
    }
    if (!isFinal(view.order(id)?.status ?? 'CANCELLED')) open.push(order);
  }
  return { cancels, commands, open, givenUp };
}

interface CancelTriesOf {
  readonly tries: Readonly<Record<string, CancelTries>>;
  readonly by: string;
  readonly reason: string;
}

function isDue(known: CancelTries | undefined, now: Date): boolean {
  return known === undefined || now.getTime() - new Date(known.lastAt).getTime() >= pauseAfter(known.tries);
}

/** Orders that could raise the worst-case position: not exits, and with a part that opens (trading.md section 4). */
export function raisingOrders(view: AccountView, orders: readonly Order[]): Order[] {
  const live = view.liveOrders();
  const positions = view.openPositions();
  return orders.filter((order) => {
    if (isExit(order) || isFinal(order.status)) return false;
    const others = live.filter(({ id }) => id !== order.id);
    const leaves = { ...order, quantity: order.quantity - order.filledQuantity };
    return effectOf(leaves, positions, others).openingQuantity > 0;
  });
}
