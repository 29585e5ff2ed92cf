import { randomUUID } from 'node:crypto';
import type { ProtectionGroupRow } from '../../../src/db/account-rows.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { eventually } from '../wait.ts';
import type { Pipeline } from '../pipeline.ts';
import type { BookOrder } from './book.ts';

/** What of an account's protection the exchange really holds, and what our own rows say. */
export interface Guarded {
  /** Live stops in the exchange's book: those that wait for their trigger, and those triggered. */
  stops(): Promise<BookOrder[]>;
  /** Live orders in the exchange's book that are no stops, on this side. */
  others(side: 'BUY' | 'SELL'): Promise<BookOrder[]>;
  /** Net quantity at the exchange. */
  net(): Promise<number>;
  groups(): Promise<ProtectionGroupRow[]>;
  /** Waits until stops of exactly this quantity rest at the exchange, and the net position is it as well. */
  protects(quantity: number, timeoutMs?: number): Promise<void>;
  /** Waits until nothing is held, nothing rests, and no group is left. */
  isFlat(): Promise<void>;
  /** Waits until nothing is held, or stops of exactly what is: the two right ends of a trouble that is over. */
  isSafe(): Promise<void>;
  alerts(): Promise<{ readonly type: string; readonly severity: string; readonly message: string }[]>;
}

/** Opens an account for this try of a test alone: one that is tried again finds nothing of its first try. */
export async function freshAccount({ parts }: Pipeline, name: string): Promise<string> {
  const id = `${name}_${randomUUID().slice(0, 8)}`;
  await openAccount(parts.context, { id, name, actor: 'test' });
  return id;
}

const STOPS: ReadonlySet<string> = new Set(['SL', 'SL-M']);

export function guardedOf(pipeline: Pipeline, account = 'main'): Guarded {
  const live = async (): Promise<BookOrder[]> =>
    (await pipeline.book(account)).orders.filter((order) => !order.is_final);
  const stops = async () => (await live()).filter(({ order_type }) => STOPS.has(order_type));
  const net = async () =>
    (await pipeline.book(account)).positions.reduce((total, { quantity }) => total + quantity, 0);
  const groups = () =>
    pipeline.parts.context.db.orm.query.protectionGroups.findMany({
      where: (g, { and, eq, isNull }) => and(eq(g.accountId, account), isNull(g.endedAt)),
    });
  return {
    stops,
    others: async (side) =>
      (await live()).filter(
        ({ order_type, transaction_type }) => !STOPS.has(order_type) && transaction_type === side,
      ),
    net,
    groups,
    protects: async (quantity, timeoutMs) => {
      await eventually(
        async () => {
          const [book, held] = [await stops(), await net()];
          const total = book.reduce((sum, order) => sum + order.quantity - order.filled_quantity, 0);
          if (total !== quantity || Math.abs(held) !== quantity) {
            const shown = book.map(({ status, order_type, quantity: of }) => ({ status, order_type, of }));
            throw new Error(`stops of ${total}, net ${held}: ${JSON.stringify(shown)}`);
          }
        },
        {
          what: `${quantity} to be protected`,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
        },
      );
    },
    isFlat: async () => {
      await eventually(
        async () => {
          const [book, held, left] = [await live(), await net(), await groups()];
          if (book.length > 0 || held !== 0 || left.length > 0) {
            throw new Error(`net ${held}, live ${JSON.stringify(book)}, groups ${JSON.stringify(left)}`);
          }
        },
        { what: 'everything to be flat' },
      );
    },
    isSafe: async () => {
      await eventually(
        async () => {
          const [book, held] = [await stops(), await net()];
          const total = book.reduce((sum, order) => sum + order.quantity - order.filled_quantity, 0);
          if (total !== Math.abs(held)) throw new Error(`stops of ${total}, net ${held}`);
        },
        { what: 'everything to be flat or protected' },
      );
    },
    alerts: () =>
      pipeline.sql(`select type, severity, message from alerts where account_id = $1 order by at`, [account]),
  };
}
