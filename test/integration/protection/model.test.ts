/**
 * Any story of positions with stops on the real pipeline, several accounts at once, while processes die on the way:
 * entries in parts, exits of the strategy beside the stop, reversals, moved stops, partial closes, trades by hand, guards
 * that fill together or are lost. However it goes, at rest the exchange holds stops of exactly what is held, and once the
 * market has passed all of them nothing is left.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { closePositions } from '../../../src/services/close-positions.ts';
import { resolveOrder } from '../../../src/services/resolve-order.ts';
import type { BookOrder } from '../../support/pipeline/book.ts';
import { type Desk, useDesks } from '../../support/pipeline/desk.ts';
import { EXIT, MARKET, RESTING, SHORT } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

const RUNS = 6;
const ACCOUNTS_AT_ONCE = 4;
/** Chases, lost answers and their horizons, one after the other, on a busy machine. */
const REST_MS = 120_000;

const FAULTS = ['acceptThenReset', 'serverErrorAfterAccept', 'refuse', 'rejectAtExchange'] as const;
const DEATHS = [
  ...[
    'protect.begin',
    'protect.beforeCommit',
    'protect.afterCommit',
    'poll.beforeCommit',
    'poll.afterCommit',
  ],
  ...['submit.afterClaim', 'submit.afterCall', 'submit.afterRecord', 'validate.afterCommit'],
  ...['command.afterClaim', 'command.afterCall', 'command.afterRecord', 'operation.afterLook'],
] as const;

type Step =
  | { readonly do: 'enter' | 'enterNow' | 'exitNow' | 'closePart' | 'sellByHand'; readonly quantity: number }
  | { readonly do: 'exitBeside'; readonly quantity: number; readonly plain: boolean }
  | { readonly do: 'fillEntry' | 'fillGuard'; readonly of: number; readonly quantity: number }
  | { readonly do: 'loseGuard'; readonly of: number }
  | { readonly do: 'moveStop'; readonly rupees: number }
  | { readonly do: 'reverse' | 'rest' }
  | { readonly do: 'fault'; readonly call: string; readonly kind: (typeof FAULTS)[number] }
  | { readonly do: 'die'; readonly at: (typeof DEATHS)[number] };

const quantity = fc.integer({ min: 1, max: 20 });
const of = fc.nat(3);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('enter', 'enterNow', 'exitNow', 'closePart', 'sellByHand'),
      quantity,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('exitBeside'), quantity, plain: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('fillEntry', 'fillGuard'), of, quantity }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseGuard'), of }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('moveStop'), rupees: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('reverse', 'rest', 'rest') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fault'),
      call: fc.constantFrom('placeOrder', 'modifyOrder', 'cancelOrder'),
      kind: fc.constantFrom(...FAULTS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die'), at: fc.constantFrom(...DEATHS) }) },
) as fc.Arbitrary<Step>;
const story = fc.array(step, { minLength: 6, maxLength: 14 });

const desks = useDesks({
  backend: 'postgres',
  environment: { BROKER_TIMEOUT_MS: '2000', MIN_RISK_REWARD: '0' },
});
const STOPS: ReadonlySet<string> = new Set(['SL', 'SL-M']);
const DECISION = {
  actor: 'a person',
  decision: 'neverPlaced',
  brokerOrderId: null,
  reason: 'a test',
} as const;

afterEach(() => armFailpoints(''));

/** What has to have happened for the property to mean something. */
const seen = { reversed: 0, beside: 0, closedPart: 0, guardFilled: 0, moved: 0 };

class Trader {
  private readonly desk: Desk;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  async take(one: Step): Promise<void> {
    const { account, bought, outside } = this.desk;
    const { pipeline } = desks;
    switch (one.do) {
      case 'enter':
        await pipeline.place({ account, ...RESTING, takeProfit: null, quantity: one.quantity });
        return;
      case 'enterNow':
        // It may meet a fault: then there is none.
        await bought({ quantity: one.quantity, takeProfit: '2491.00' }).catch(() => undefined);
        return;
      case 'exitNow':
        await this.place({ ...EXIT, ...MARKET, quantity: one.quantity });
        return;
      case 'exitBeside': {
        const beside = { ...EXIT, reduceOnly: !one.plain, price: '2480.00' };
        if (one.plain && (await this.held()) < one.quantity) return;
        seen.beside += 1;
        await this.place({ ...beside, quantity: one.quantity });
        return;
      }
      case 'reverse': {
        const held = await this.held();
        if (held === 0) return;
        seen.reversed += 1;
        const other = held > 0 ? { ...SHORT, takeProfit: null } : { takeProfit: null };
        await this.place({ ...other, ...MARKET, quantity: Math.abs(held) + 5 });
        return;
      }
      case 'closePart': {
        const done = await closePositions(pipeline.parts.context, {
          ...{
            accountId: account,
            actor: 'test',
            byOperator: true,
            strategyId: null,
            includeExternal: false,
          },
          instrument: await pipeline.parts.context.instruments.find('NSE', 'RELIANCE'),
          ...{ product: 'MIS', quantity: one.quantity, reason: 'a test' },
        });
        if (done.ok) seen.closedPart += 1;
        return;
      }
      case 'sellByHand': {
        const most = await this.desk.guarded.net();
        const quantity = Math.min(one.quantity, Math.max(0, most));
        if (quantity > 0) await outside.place({ side: 'SELL', quantity, price: '2440.00' });
        return;
      }
      case 'moveStop':
        return this.moveStop(one.rupees);
      case 'fillEntry':
      case 'fillGuard':
      case 'loseGuard':
        return this.atExchange(one);
      case 'fault':
        await pipeline.addFault({ call: one.call, kind: one.kind, user: account });
        return;
      case 'die':
        armFailpoints(`${one.at}:throw`);
        return;
      case 'rest':
        return this.rests();
    }
  }

  private async place(fields: Parameters<Desk['bought']>[0]): Promise<void> {
    await desks.pipeline.place({ account: this.desk.account, ...fields });
  }

  private async moveStop(rupees: number): Promise<void> {
    const [stop] = await this.desk.stopRows();
    if (stop === undefined) return;
    seen.moved += 1;
    // Of a long position it stays below the market, of a short one above.
    const from = Number(stop.trigger_price) < 2450 ? 2400 : 2465;
    await this.desk.commands.modify(stop, { triggerPrice: `${from + rupees}.00` });
  }

  /** The exchange fills a part of an order, or takes a guard away. */
  private async atExchange(one: Extract<Step, { readonly of: number }>): Promise<void> {
    const { outside } = this.desk;
    const live = await this.live();
    const isStop = ({ order_type: type }: BookOrder) => STOPS.has(type);
    const chosen = live.filter((order) => isStop(order) !== (one.do === 'fillEntry'));
    const order = chosen[one.of % Math.max(1, chosen.length)];
    if (order === undefined) return;
    if (one.do === 'fillGuard') seen.guardFilled += 1;
    const left = order.quantity - order.filled_quantity;
    // It may have ended meanwhile.
    const done =
      one.do === 'loseGuard'
        ? outside.end(order.order_id, 'CANCELLED', 'self trade prevention')
        : outside.execute(order.order_id, Math.min(one.quantity, left), priceOf(order));
    await done.catch(() => undefined);
  }

  private async live(): Promise<readonly BookOrder[]> {
    const { orders } = await desks.pipeline.book(this.desk.account);
    return orders.filter((order) => !order.is_final);
  }

  /** What we manage, signed, by our own rows. */
  private async held(managedBy = 'OMS'): Promise<number> {
    const [row] = await desks.pipeline.sql<{ held: number }>(
      `select coalesce(sum(quantity), 0)::int as held from positions
       where account_id = $1 and managed_by = $2 and status = 'OPEN'`,
      [this.desk.account, managedBy],
    );
    return row?.held ?? 0;
  }

  /** Waits until nothing is on its way; then stops of exactly what is held rest, and nothing could reverse it. */
  async rests(): Promise<void> {
    await eventually(() => this.isRight(), {
      what: `${this.desk.account} to be at rest`,
      timeoutMs: REST_MS,
    });
  }

  private async isRight(): Promise<void> {
    await this.decide();
    const [onItsWay] = await desks.pipeline.sql<{ orders: number; commands: number; operations: number }>(
      `select (select count(*)::int from orders where account_id = $1
           and status in ('PENDING','VALIDATED','SUBMITTING','SUBMITTED')) as orders,
         (select count(*)::int from order_commands where account_id = $1 and state <> 'DONE') as commands,
         (select count(*)::int from operations where account_id = $1 and state = 'RUNNING') as operations`,
      [this.desk.account],
    );
    expect(onItsWay).toEqual({ orders: 0, commands: 0, operations: 0 });
    const [held, outside, net, live] = [
      await this.held(),
      await this.held('EXTERNAL'),
      await this.desk.guarded.net(),
      await this.live(),
    ];
    expect(net, 'net at the exchange').toBe(held + outside);
    const closes = held > 0 ? 'SELL' : 'BUY';
    const left = (orders: readonly BookOrder[]) =>
      orders.reduce((total, order) => total + order.quantity - order.filled_quantity, 0);
    const stops = live.filter(({ order_type: type }) => STOPS.has(type));
    expect(left(stops), await this.story(live)).toBe(Math.abs(held));
    expect(stops.filter(({ transaction_type: side }) => side !== closes)).toEqual([]);
    // Entries that rest buy below the market; everything else at rest closes.
    const others = live.filter((order) => !STOPS.has(order.order_type) && order.price !== ENTRY_PRICE);
    const targets = others.filter(({ price }) => price === TARGET_PRICE);
    for (const shared of [targets, others.filter((order) => !targets.includes(order))]) {
      expect(left(shared), JSON.stringify(shared)).toBeLessThanOrEqual(Math.abs(held));
      expect(shared.filter(({ transaction_type: side }) => side !== closes)).toEqual([]);
    }
  }

  /** What a person would look at first when it is not right. */
  private async story(live: readonly BookOrder[]): Promise<string> {
    const rows = await desks.pipeline.sql(
      `select role, side, status, quantity, filled_quantity as filled, status_reason as why from orders
       where account_id = $1 order by created_at, id`,
      [this.desk.account],
    );
    const groups = await this.desk.guarded.groups();
    const alerts = (await this.desk.guarded.alerts()).map(({ message }) => message);
    const book = live.map(({ order_type, transaction_type, quantity: of, price }) => ({
      ...{ order_type, transaction_type, of, price },
    }));
    return JSON.stringify({ rows, groups, alerts, book });
  }

  /** A person says of orders nobody knows about that they were never placed; the broker's book says no to others. */
  private async decide(): Promise<void> {
    const { account } = this.desk;
    const unknown = await desks.pipeline.sql<{ id: string }>(
      `select id from orders where account_id = $1 and status = 'UNKNOWN'`,
      [account],
    );
    for (const { id } of unknown) {
      await resolveOrder(desks.pipeline.parts.context, { accountId: account, orderId: id, ...DECISION });
    }
  }

  /** Nothing more is to be opened. */
  async cancelsEntries(): Promise<void> {
    const resting = await desks.pipeline.sql<{ id: string }>(
      `select id from orders where account_id = $1 and role = 'ENTRY' and finished_at is null and stop_loss is not null`,
      [this.desk.account],
    );
    for (const order of resting) await this.desk.commands.cancel(order);
  }

  /** The market has passed every stop and every exit. */
  async isOut(): Promise<void> {
    await eventually(
      async () => {
        expect(await this.held(), 'held').toBe(0);
        expect(await this.live()).toEqual([]);
        expect(await this.desk.guarded.groups()).toEqual([]);
        expect(await this.desk.guarded.net()).toBe(await this.held('EXTERNAL'));
      },
      { what: `${this.desk.account} to be out`, timeoutMs: REST_MS },
    );
  }
}

const ENTRY_PRICE = 2300;
const TARGET_PRICE = 2491;

function priceOf({ order_type: type, price, transaction_type: side }: BookOrder): string {
  if (!STOPS.has(type)) return price.toFixed(2);
  return side === 'SELL' ? '2430.00' : '2470.00';
}

describe('any story of positions with stops', () => {
  it('ends without a naked share, an orphan stop or a reversed position', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(story, { minLength: ACCOUNTS_AT_ONCE, maxLength: ACCOUNTS_AT_ONCE }),
        async (stories) => {
          await desks.setPrice('2450.00');
          const traders = await Promise.all(stories.map(async () => new Trader(await desks.open('model'))));
          await Promise.all(
            traders.map(async (trader, index) => {
              await trader.take({ do: 'enterNow', quantity: 10 });
              for (const one of stories[index] ?? []) await trader.take(one);
            }),
          );
          armFailpoints('');
          await desks.pipeline.clearFaults();
          await Promise.all(traders.map((trader) => trader.rests()));
          await Promise.all(traders.map((trader) => trader.cancelsEntries()));
          await Promise.all(traders.map((trader) => trader.rests()));
          // Through the stops and exits of one side, then of the other.
          for (const price of ['2390.00', '2510.00']) await desks.setPrice(price);
          await Promise.all(traders.map((trader) => trader.isOut()));
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    );
    // A property that never met one of these proves nothing about it.
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
  }, 900_000);
});
