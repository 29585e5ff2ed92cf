import { KiteConnect } from 'kiteconnect';
import { onTestFinished } from 'vitest';
import {
  type PaperExchangeOptions,
  type RunningPaperExchange,
  startPaperExchange,
} from '../../../src/paper-exchange/index.ts';

export type Json = Record<string, unknown>;
/** The official client, without its types: they miss fields of the wire (kite.md 2.1). */
export interface Kite {
  readonly [call: string]: (...args: unknown[]) => Promise<never>;
}

export const systemClock = { now: (): Date => new Date() };

export const BUY: Json = {
  exchange: 'NSE',
  tradingsymbol: 'RELIANCE',
  transaction_type: 'BUY',
  order_type: 'LIMIT',
  product: 'MIS',
  quantity: 10,
  price: 2460,
  validity: 'DAY',
};

/** An exchange on free ports whose market stands still and whose fills are quick and certain; closed after the test. */
export async function startExchange(
  options: Partial<PaperExchangeOptions> = {},
): Promise<RunningPaperExchange> {
  const running = await startPaperExchange({
    clock: systemClock,
    port: 0,
    controlPort: 0,
    walking: false,
    fillProbability: 1,
    partialFillChance: 0,
    fillDelayMs: 10,
    tickIntervalMs: 20,
    slippagePct: 0,
    rateLimits: { ordersPerSecond: 0 },
    ...options,
  });
  onTestFinished(() => running.close());
  return running;
}

/** Longer than a machine stops for: a call that is answered is never taken for one that is not. */
const PATIENT_MS = 60_000;

export function kiteOf(running: RunningPaperExchange, accessToken = 'paper', timeout = PATIENT_MS): Kite {
  const options = { api_key: 'paper', access_token: accessToken, root: running.url, timeout };
  return new KiteConnect(options) as unknown as Kite;
}

export async function place(kite: Kite, fields: Json = {}, variety = 'regular'): Promise<string> {
  const placed: Json = await kite['placeOrder']!(variety, { ...BUY, ...fields });
  return String(placed['order_id']);
}

/** What a call rejects with; fails when it resolves. */
export async function rejection(call: Promise<unknown>): Promise<Json> {
  return call.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error as Json,
  );
}

export async function orderOf(kite: Kite, id: string): Promise<Json | undefined> {
  const orders: Json[] = await kite['getOrders']!();
  return orders.find((order) => order['order_id'] === id);
}

/** Calls the control port; the body of the answer and its status. */
export async function control(
  running: RunningPaperExchange,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: Json }> {
  const response = await fetch(`${running.controlUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

export async function addFault(running: RunningPaperExchange, fault: Json): Promise<void> {
  const added = await control(running, 'POST', '/faults', fault);
  if (added.status !== 200) throw new Error(JSON.stringify(added.body));
}

/** How often a call reached the exchange. */
export async function callsOf(running: RunningPaperExchange, call: string): Promise<number> {
  const { body } = await control(running, 'GET', '/state');
  return (body['calls'] as Record<string, number>)[call] ?? 0;
}

/** The user's true orders, unmoved by faults; none when the exchange has never heard of the user. */
export async function trueOrders(running: RunningPaperExchange, user = 'PAPER'): Promise<Json[]> {
  const book = await control(running, 'GET', `/books/${user}`);
  return (book.body['orders'] ?? []) as Json[];
}
