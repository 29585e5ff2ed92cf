import type { OrderCommandRow } from '../../../src/db/account-rows.ts';
import type { CommandOutcome } from '../../../src/domain/command.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { ModifiableTerms } from '../../../src/domain/order-terms.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import { modifyOrder } from '../../../src/services/modify-order.ts';
import { eventually } from '../wait.ts';
import type { Pipeline } from '../pipeline.ts';

type Amounts = 'price' | 'triggerPrice' | 'stopLoss' | 'takeProfit' | 'marketProtection';
/** Terms to change in a test: prices as text. */
export type TermFields = Partial<Omit<ModifiableTerms, Amounts>> & {
  readonly [Name in Amounts]?: string | null;
};

export interface Commands {
  cancel(order: Ref, idempotencyKey?: string): ReturnType<typeof cancelOrder>;
  modify(order: Ref, terms: TermFields, idempotencyKey?: string): ReturnType<typeof modifyOrder>;
  /** Commands of an order in the order they were asked for. */
  of(order: Ref): Promise<OrderCommandRow[]>;
  /** Waits until every command of an order is done; its outcomes, oldest first. */
  outcomes(order: Ref, count: number, timeoutMs?: number): Promise<(CommandOutcome | null)[]>;
}

interface Ref {
  readonly id: string;
}

/** What a person does to orders of an account in a test; a refusal is for the test to look at. */
export function commandsOf(pipeline: Pipeline, account = 'main'): Commands {
  const { context } = pipeline.parts;
  const common = (order: Ref, idempotencyKey: string | null) => ({
    accountId: account,
    orderId: order.id,
    actor: 'test',
    strategyId: null,
    idempotencyKey,
  });
  const of: Commands['of'] = ({ id }) =>
    context.db.orm.query.orderCommands.findMany({
      where: (c, { eq }) => eq(c.orderId, id),
      orderBy: (c, { asc }) => [asc(c.requestedAt), asc(c.id)],
    });
  return {
    of,
    cancel: (order, key) => cancelOrder(context, { ...common(order, key ?? null), reason: null }),
    modify: (order, { price, triggerPrice, stopLoss, takeProfit, marketProtection, ...rest }, key) => {
      const amounts = { price, triggerPrice, stopLoss, takeProfit, marketProtection };
      const given = Object.entries(amounts).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, text === null ? null : decimal(text)] as const],
      );
      return modifyOrder(context, {
        ...common(order, key ?? null),
        terms: { ...rest, ...Object.fromEntries(given) },
      });
    },
    outcomes: (order, count, timeoutMs) =>
      eventually(
        async () => {
          const rows = await of(order);
          if (rows.length !== count || rows.some(({ state }) => state !== 'DONE')) {
            const now = rows.map(({ kind, state, answer, reason }) => ({ kind, state, answer, reason }));
            throw new Error(JSON.stringify(now));
          }
          return rows.map(({ outcome }) => outcome);
        },
        { what: `${count} commands to be done`, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
      ),
  };
}

/**
 * Lets `quantity` of every resting BUY of RELIANCE fill, once: the market comes down for one tick. Only for an exchange
 * that has no ticks of its own.
 */
export async function fillPart(pipeline: Pipeline, quantity: number): Promise<void> {
  await pipeline.changeSettings({ volumeCap: quantity });
  await pipeline.setPrices({ 'NSE:RELIANCE': '2290.00' });
  await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
}
