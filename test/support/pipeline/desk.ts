import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import type { Order } from '../../../src/domain/order.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../pipeline.ts';
import { eventually } from '../wait.ts';
import type { BookOrder } from './book.ts';
import { type Commands, commandsOf } from './commands.ts';
import { expectInvariants } from './invariants.ts';
import { type Outside, outsideOf } from './outside.ts';
import { type Guarded, freshAccount, guardedOf } from './protection.ts';
import { replayDifferences } from './replay.ts';
import { type OrderFields, RESTING } from './requests.ts';

/** A stop's row as tests of protection compare it. */
interface StopRow {
  readonly id: string;
  readonly trigger_price: string;
}

/** One account with stops at the exchange, of one try of one test, and everybody who trades on it. */
export interface Desk {
  readonly account: string;
  readonly guarded: Guarded;
  readonly outside: Outside;
  readonly commands: Commands;
  /** Bought (sold, with `side`) at once, without a target unless one is given. */
  readonly bought: (fields?: OrderFields) => Promise<OrderRow>;
  /** Rests, by default far below the market, without a target unless one is given. */
  readonly resting: (fields?: OrderFields) => Promise<OrderRow>;
  /** A part of one that rests fills at 2300.00. */
  readonly fills: (order: Pick<Order, 'brokerOrderId'>, quantity: number) => Promise<void>;
  /** The first live stop in the exchange's book. */
  readonly stop: () => Promise<BookOrder>;
  /** Stops that have not ended, by our rows. */
  readonly stopRows: () => Promise<StopRow[]>;
  /** Waits until there is one stop, at this trigger, by our rows; gives its id. */
  readonly stopAt: (trigger: string) => Promise<string>;
  /** Waits until an alert of this type was raised. */
  readonly told: (type: string) => Promise<void>;
}

export interface Desks {
  /** Of the running pipeline: for the inside of tests only. */
  readonly pipeline: Pipeline;
  /** An account of its own for this try of a test. */
  open(name: string): Promise<Desk>;
  /** The exchange's price of RELIANCE, read at once. */
  setPrice(price: string): Promise<void>;
}

/**
 * A pipeline for the tests of a file or a suite, whose entries have stops at the exchange, and whose market moves only
 * when a test says so. Each test begins without faults at 2450.00; the books are audited after the last one.
 */
export function useDesks(options: PipelineOptions): Desks {
  let pipeline: Pipeline;
  const setPrice = async (price: string): Promise<void> => {
    await pipeline.setPrices({ 'NSE:RELIANCE': price });
    await pipeline.readPrices(pipeline.parts);
  };

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...options,
      environment: { PROTECTION: 'exchange', ...options.environment },
      exchange: { tickIntervalMs: 3_600_000, ...options.exchange },
    });
  });
  afterAll(async () => {
    try {
      await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), { what: 'every invariant' });
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });
  beforeEach(async () => {
    await pipeline.clearFaults();
    await pipeline.changeSettings({ transitMs: 0, volumeCap: 0, fillProbability: 1 });
    await setPrice('2450.00');
  });

  return {
    get pipeline() {
      return pipeline;
    },
    open: async (name) => deskOf(pipeline, await freshAccount(pipeline, name)),
    setPrice,
  };
}

/** What a test does on one account of its own. */
export function deskOf(pipeline: Pipeline, account: string): Desk {
  const guarded = guardedOf(pipeline, account);
  const outside = outsideOf(pipeline, account);
  const stopRows = () =>
    pipeline.sql<StopRow>(
      `select id, trigger_price from orders where account_id = $1 and role = 'STOP' and finished_at is null`,
      [account],
    );
  return {
    account,
    guarded,
    outside,
    commands: commandsOf(pipeline, account),
    bought: async (fields = {}) =>
      pipeline.waitForStatus(await pipeline.place({ account, takeProfit: null, ...fields }), 'FILLED'),
    resting: async (fields = {}) =>
      pipeline.waitForStatus(
        await pipeline.place({ account, ...RESTING, takeProfit: null, ...fields }),
        'OPEN',
      ),
    fills: ({ brokerOrderId }, quantity) => outside.execute(brokerOrderId ?? '', quantity, '2300.00'),
    stop: async () => {
      const [stop] = await guarded.stops();
      if (stop === undefined) throw new Error('there is no stop');
      return stop;
    },
    stopRows,
    stopAt: async (trigger) =>
      eventually(
        async () => {
          const rows = await stopRows();
          expect(rows).toMatchObject([{ trigger_price: trigger }]);
          return rows[0]?.id ?? '';
        },
        { what: `a stop at ${trigger}` },
      ),
    told: async (wanted) => {
      await eventually(
        async () => expect((await guarded.alerts()).map(({ type }) => type)).toContain(wanted),
        { what: `a person to be told of ${wanted}` },
      );
    },
  };
}
