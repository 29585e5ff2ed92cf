import type { BrokerOrder, BrokerPort, BrokerTrade } from '../../../src/broker/port.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import type { Pipeline } from '../pipeline.ts';
import { waitFor } from '../wait.ts';

export interface Books {
  readonly orders?: (rows: readonly BrokerOrder[]) => readonly BrokerOrder[];
  readonly trades?: (rows: readonly BrokerTrade[]) => readonly BrokerTrade[];
}

/** One poll of an account that reads the exchange's books as `change` makes them: in another order, older, or odd. */
export async function pollWith(pipeline: Pipeline, account: string, change: Books): Promise<void> {
  const { context } = pipeline.parts;
  const real = context.broker(account);
  const broker: BrokerPort = Object.assign(Object.create(real) as BrokerPort, {
    getOrders: async () => {
      const rows = await real.getOrders();
      return change.orders?.(rows) ?? rows;
    },
    getTrades: async () => {
      const rows = await real.getTrades();
      return change.trades?.(rows) ?? rows;
    },
  });
  // Another poll of the account may be under way: this one must be made.
  await waitFor(
    async () => {
      const poll = await pollAccount({ ...context, broker: () => broker }, account, { always: true });
      return poll.kind === 'read';
    },
    { what: 'a poll of its own', intervalMs: 5 },
  );
}
