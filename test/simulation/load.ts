/** Plays the planned load through HTTP, as strategies and operators do, and keeps a ledger of what was answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrderBody } from '../../src/client/index.ts';
import { userOf } from '../support/pipeline/book.ts';
import type { Operation, PlannedOrder } from './plan.ts';
import type { World } from './world.ts';

/** Strategies side by side. */
const LANES = 6;
/** An outage of the schedule ends long before this. */
const RETRY_FOR_MS = 120_000;
const RETRY_PAUSE_MS = 150;

export interface HaltRecord {
  readonly account: string;
  /** Wall clock, the exchange's too: the halt was answered, and its release was sent. */
  readonly answeredAtMs: number;
  readonly releasedAtMs: number;
  /** Orders that the answer named as on their way. */
  readonly inFlight: readonly string[];
}

export class Ledger {
  /** Our id of each acknowledged order, by clientOrderId. */
  readonly accepted = new Map<string, { readonly id: string; readonly account: string }>();
  readonly refused = new Map<string, string>();
  readonly halts: HaltRecord[] = [];
  /** Accounts that are halted by somebody just now. */
  readonly halting = new Set<string>();
  readonly counts: Record<string, number> = {};
  readonly violations: string[] = [];

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }
}

export interface Progress {
  /** Operations begun so far; the nemesis goes by it. */
  done: number;
}

export async function playLoad(
  world: World,
  plan: readonly Operation[],
  ledger: Ledger,
  progress: Progress,
): Promise<void> {
  const rest = [...plan];
  const lane = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      progress.done += 1;
      await play(world, next, ledger).catch((error: unknown) => {
        ledger.violations.push(`the load could not ${next.kind}: ${textOf(error)}`);
      });
      await sleep(world.options.pace * LANES * world.options.patience ** 0.5);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function play(world: World, op: Operation, ledger: Ledger): Promise<void> {
  switch (op.kind) {
    case 'place':
    case 'repeat':
      return placeOrder(world, op.order, ledger, op.kind);
    case 'cancel':
      return command(op.order, ledger, (id) =>
        world.client.cancelOrder(id, { accountId: op.order.account, idempotencyKey: `cancel-${id}` }),
      );
    case 'modify':
      return command(op.order, ledger, (id) =>
        world.client.modifyOrder(
          id,
          { quantity: op.quantity },
          { accountId: op.order.account, idempotencyKey: `modify-${id}-${op.quantity}` },
        ),
      );
    case 'outside':
      return placeOutside(world, op, ledger);
    case 'bust':
      return bust(world, op.account, ledger);
    case 'halt':
    case 'reduce':
      // One at a time in an account: what is checked is between its answer and its own release.
      if (ledger.halting.has(op.account)) return;
      ledger.halting.add(op.account);
      try {
        await haltFor(world, op, ledger);
      } finally {
        ledger.halting.delete(op.account);
      }
      return;
    case 'flatten':
      ledger.count('flattened');
      await insist('flatten', () => world.client.flatten({ accountId: op.account, reason: 'simulation' }));
      return;
    case 'limits':
      ledger.count('limits changed');
      await insist('change limits', () =>
        world.client.changeLimits({
          ...{ accountId: op.account, reason: 'simulation' },
          limits: { MAX_QUANTITY_PER_ORDER: op.value },
        }),
      );
  }
}

export async function placeOrder(
  world: World,
  { body, account }: Pick<PlannedOrder, 'body' | 'account'>,
  ledger: Ledger,
  how: 'place' | 'repeat',
): Promise<void> {
  const { clientOrderId } = body;
  const answer = await insist(`place ${clientOrderId}`, () => world.client.placeOrder(body)).catch(
    (error: unknown) => {
      if (statusOf(error) === null) throw error;
      ledger.refused.set(clientOrderId, textOf(error));
      return null;
    },
  );
  if (answer === null) return;
  const known = ledger.accepted.get(clientOrderId);
  if (known !== undefined && known.id !== answer.id) {
    ledger.violations.push(`${clientOrderId} was answered as ${known.id} and as ${answer.id}`);
  }
  if (how === 'repeat') ledger.count('sent again with the same id');
  ledger.accepted.set(clientOrderId, { id: answer.id, account });
}

async function command(
  order: PlannedOrder,
  ledger: Ledger,
  send: (id: string) => Promise<OrderBody>,
): Promise<void> {
  const known = ledger.accepted.get(order.clientOrderId);
  if (known === undefined) return;
  await insist(`change ${order.clientOrderId}`, () => send(known.id)).catch((error: unknown) => {
    // Finished meanwhile, or another command waits: an answer like any other.
    if (statusOf(error) === null) throw error;
    ledger.count(`command refused ${String(statusOf(error))}`);
  });
  ledger.count('commands asked for');
}

async function placeOutside(
  world: World,
  { as, account, symbol }: Extract<Operation, { kind: 'outside' }>,
  ledger: Ledger,
): Promise<void> {
  // Refused by the exchange, for want of a position to close, it is no event.
  const placed = await world
    .exchange('POST', '/orders', {
      ...{ user: userOf(account), as, exchange: 'NSE', tradingsymbol: symbol, transaction_type: 'BUY' },
      ...{ order_type: 'MARKET', product: 'MIS', quantity: '2', validity: 'DAY' },
    })
    .catch(() => null);
  if (placed !== null) ledger.count('orders placed elsewhere');
}

async function bust(world: World, account: string, ledger: Ledger): Promise<void> {
  const { trades } = await world.book(account);
  const newest = trades.at(-1);
  if (newest === undefined) return;
  await world.exchange('POST', `/trades/${newest.trade_id}/bust`);
  ledger.count('trades busted');
}

async function haltFor(
  world: World,
  op: Extract<Operation, { kind: 'halt' | 'reduce' }>,
  ledger: Ledger,
): Promise<void> {
  const { account: accountId } = op;
  const state = op.kind === 'halt' ? 'HALTED' : 'REDUCING';
  const cancelOpen = op.kind === 'halt' && op.cancelOpen;
  const halted = await insist(`halt ${accountId}`, () =>
    world.client.setTradingState({ accountId, state, reason: 'simulation', cancelOpen }),
  );
  const answeredAtMs = Date.now();
  await sleep(op.holdMs);
  const releasedAtMs = Date.now();
  await release(world, accountId);
  ledger.count(op.kind === 'halt' ? 'halted' : 'reduced');
  if (op.kind === 'halt') {
    const inFlight = halted.inFlight.map(({ id }) => id);
    ledger.halts.push({ account: accountId, answeredAtMs, releasedAtMs, inFlight });
  }
}

/** Until the state says ACTIVE: a release that had no answer may have been made. */
export async function release(world: World, accountId: string): Promise<void> {
  await insist(`release ${accountId}`, async () => {
    const { state } = await world.client.tradingState({ accountId });
    if (state === 'ACTIVE') return;
    await world.client.setTradingState({ accountId, state: 'ACTIVE', reason: 'simulation' });
  });
}

/** Tries again while nobody answers, or the answer is 503 or 429; what is refused is thrown. */
export async function insist<T>(what: string, call: () => Promise<T>, forMs = RETRY_FOR_MS): Promise<T> {
  const began = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const status = statusOf(error);
      if (status !== null && status !== 503 && status !== 429) throw error;
      if (performance.now() - began > forMs) {
        throw new Error(`nobody took "${what}" in ${forMs} ms; at last: ${textOf(error)}`, { cause: error });
      }
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

/** The HTTP status of a refusal; null when nobody answered. */
export function statusOf(error: unknown): number | null {
  const status: unknown = error instanceof Error ? Reflect.get(error, 'status') : null;
  return typeof status === 'number' ? status : null;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
