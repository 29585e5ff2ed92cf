import { setTimeout as sleep } from 'node:timers/promises';
import { sharedNowMs } from './child.ts';

/** What both sides offer to the load: takes one order and tells when it is filled. */
export interface Side {
  /** Accepts order `number`; resolves with its id once it is accepted. */
  accept(number: number): Promise<string>;
  /** Resolves with the broker's order id when this order is filled and that is committed. */
  filled(orderId: string): Promise<string>;
}

export interface Load {
  /** Number of the first order. */
  readonly from: number;
  readonly orders: number;
}

export interface Started {
  readonly brokerOrderId: string;
  /** When the accept call began, on the shared clock. */
  readonly atMs: number;
}

/** An order that is not filled by then is a defect, not a slow one. */
const FILL_TIMEOUT_MS = 30_000;

async function runOrder(side: Side, number: number): Promise<Started> {
  const atMs = sharedNowMs();
  const orderId = await side.accept(number);
  const late = new AbortController();
  const timer = sleep(FILL_TIMEOUT_MS, null, { signal: late.signal }).then((): never => {
    throw new Error(`order ${number} with id ${orderId} was not filled in ${FILL_TIMEOUT_MS} ms`);
  });
  timer.catch(() => undefined);
  try {
    return { brokerOrderId: await Promise.race([side.filled(orderId), timer]), atMs };
  } finally {
    late.abort();
  }
}

/** A closed loop: `inFlight` orders at any time, each followed to its fill. Returns milliseconds. */
export async function closedLoop(side: Side, load: Load & { readonly inFlight: number }): Promise<number> {
  let next = load.from;
  const began = sharedNowMs();
  const lane = async (): Promise<void> => {
    while (next < load.from + load.orders) {
      next += 1;
      await runOrder(side, next - 1);
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, lane));
  return sharedNowMs() - began;
}

/** An open loop: orders begin at a steady rate, whatever the ones before them do. */
export async function openLoop(side: Side, load: Load & { readonly perSecond: number }): Promise<Started[]> {
  const began = sharedNowMs();
  const running: Promise<Started>[] = [];
  for (let index = 0; index < load.orders; index += 1) {
    const dueMs = began + (index * 1000) / load.perSecond;
    const waitMs = dueMs - sharedNowMs();
    if (waitMs > 0) await sleep(waitMs);
    running.push(runOrder(side, load.from + index));
  }
  return Promise.all(running);
}

/** Fills by order id, each with the broker's id, that may come before or after somebody waits for them. */
export class Fills {
  readonly #filled = new Map<string, string>();
  readonly #waiting = new Map<string, (brokerOrderId: string) => void>();

  announce(orderId: string, brokerOrderId: string): void {
    const resolve = this.#waiting.get(orderId);
    this.#waiting.delete(orderId);
    if (resolve === undefined) this.#filled.set(orderId, brokerOrderId);
    else resolve(brokerOrderId);
  }

  wait(orderId: string): Promise<string> {
    const filled = this.#filled.get(orderId);
    if (filled === undefined) return new Promise((resolve) => this.#waiting.set(orderId, resolve));
    this.#filled.delete(orderId);
    return Promise.resolve(filled);
  }
}
