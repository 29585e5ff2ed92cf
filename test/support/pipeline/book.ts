import type { RunningPaperExchange } from '../../../src/paper-exchange/index.ts';
import { DEFAULT_ACCOUNT } from '../../../src/services/open-account.ts';

/** An order as the exchange really holds it, faults and delays aside. */
export interface BookOrder {
  readonly order_id: string;
  readonly status: string;
  readonly tag: string | null;
  readonly tradingsymbol: string;
  readonly transaction_type: 'BUY' | 'SELL';
  readonly product: string;
  readonly order_type: string;
  readonly quantity: number;
  readonly filled_quantity: number;
  readonly price: number;
  readonly received_at_ms: number;
  readonly is_final: boolean;
}

export interface BookTrade {
  readonly trade_id: string;
  readonly order_id: string;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly product: string;
  readonly transaction_type: 'BUY' | 'SELL';
  readonly quantity: number;
  /** Rupees as text, exact. */
  readonly price: string;
  readonly filled_at_ms: number;
}

export interface BookPosition {
  readonly tradingsymbol: string;
  readonly product: string;
  readonly quantity: number;
}

export interface Book {
  readonly orders: readonly BookOrder[];
  readonly trades: readonly BookTrade[];
  readonly positions: readonly BookPosition[];
}

const EMPTY: Book = { orders: [], trades: [], positions: [] };

/** The exchange's user of an account of ours. */
export function userOf(account: string): string {
  return account === DEFAULT_ACCOUNT ? 'PAPER' : account;
}

/** A call of the control port; throws on any answer but 200. */
export async function control(
  exchange: Pick<RunningPaperExchange, 'controlUrl'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${exchange.controlUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

/** The true book of an account's user; empty when the exchange has never heard of it. */
export async function bookOf(
  exchange: Pick<RunningPaperExchange, 'controlUrl'>,
  account: string,
): Promise<Book> {
  const response = await fetch(`${exchange.controlUrl}/books/${userOf(account)}`);
  if (response.status === 404) return EMPTY;
  return (await response.json()) as Book;
}

/** How often each call reached the exchange, refused and unanswered ones included. */
export async function callsOf(
  exchange: Pick<RunningPaperExchange, 'controlUrl'>,
): Promise<Record<string, number>> {
  return (await control(exchange, 'GET', '/state'))['calls'] as Record<string, number>;
}

/** The most of these instants (milliseconds) that lie in any window of that length. */
export function mostWithin(windowMs: number, instants: readonly number[]): number {
  return Math.max(
    0,
    ...instants.map((start) => instants.filter((at) => at >= start && at < start + windowMs).length),
  );
}
