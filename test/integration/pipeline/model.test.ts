/**
 * Any story of orders on the real pipeline: what is asked for, what the broker answers and fills, and processes that
 * die on the way, many things at the same time. The steps of the services are taken by the story itself; afterwards
 * everybody lives and works until nothing is on its way, and the OMS must hold what the exchange holds.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFinal } from '../../../src/domain/order-status.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import { modifyOrder } from '../../../src/services/modify-order.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { resolveOrder } from '../../../src/services/resolve-order.ts';
import { sendCommand } from '../../../src/services/send-command.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { type BookOrder, control } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import {
  ASKED,
  EXAMPLES,
  opening,
  type Outside,
  PLACED,
  type Step,
  story,
  trouble,
  WRITES,
} from '../../support/pipeline/stories.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const RUNS = 50;
/** Rounds in which everybody lives: enough for each pause that a step has, which the rounds do not wait for. */
const ROUNDS = 15;

describe('any story of orders on the real pipeline', () => {
  let pipeline: Pipeline;
  let accounts = 0;

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend: 'postgres', roles: [], disturbed: true },
      exchange: { tickIntervalMs: 3_600_000 },
      environment: {
        BROKER_TIMEOUT_MS: '300',
        MODIFY_CONFIRM_MS: '100',
        MIN_RISK_REWARD: '0',
        UNKNOWN_HORIZON_MS: '1000',
        // Two looks at the tradebook follow one another, however slow the machine.
        RECONCILE_INTERVAL_MS: '60000',
      },
    });
  });
  afterAll(async () => {
    armFailpoints('');
    await pipeline.stop();
  });

  it('comes to what the exchange holds, with every invariant and a journal that replays', async () => {
    const seen = { filled: 0, cancelled: 0, unknown: 0, modified: 0, corrected: 0, stops: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(trouble, story, async (met, chapters) => {
        const account = `m${(accounts += 1)}`;
        await openAccount(pipeline.parts.context, { id: account, name: account, actor: 'test' });
        const told = new Teller(pipeline, account);
        for (const chapter of [...opening(met), ...chapters])
          await Promise.all(chapter.map((one) => told.take(one)));
        await expectInvariants(pipeline.sql);
        // The exchange fills a moment after it takes an order: perhaps after the last look.
        await eventually(
          async () => {
            await told.settle();
            await expectInvariants(pipeline.sql, { atRest: true });
            await told.expectTheSame();
          },
          { what: 'what the exchange holds', timeoutMs: 20_000 },
        );
        const kinds = await pipeline.sql<{ kind: string }>('select kind from journal where account_id = $1', [
          account,
        ]);
        const count = (kind: string) => kinds.filter((entry) => entry.kind === kind).length;
        seen.filled += count('TradeRecorded');
        seen.cancelled += count('OrderCancelled');
        seen.unknown += count('SubmissionUnknown');
        seen.modified += count('OrderModified');
        seen.corrected += count('TradeCorrected');
        seen.stops += await told.count(`order_type in ('SL', 'SL-M') and submitted_at is not null`);
        seen.refused += await told.refusedAtExchange();
      }),
      {
        // A shorter story would begin with what the failed one left behind.
        endOnFailure: true,
        numRuns: RUNS + EXAMPLES.length,
        examples: EXAMPLES.map((chapters): [Step, Step[][]] => [
          { do: 'poll' },
          chapters.map((one) => [...one]),
        ]),
      },
    );
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    // A property that never met one of these proves nothing about it.
    const { refused, ...often } = seen;
    for (const [what, times] of Object.entries(often)) expect(times, what).toBeGreaterThan(3);
    expect(refused).toBeGreaterThan(0);
  }, 600_000);
});

class Teller {
  private readonly pipeline: Pipeline;
  private readonly account: string;
  private placed: string[] = [];

  constructor(pipeline: Pipeline, account: string) {
    this.pipeline = pipeline;
    this.account = account;
  }

  /** Takes a step; whoever dies of it leaves what was committed, and a read of the broker that fails leaves nothing. */
  async take(one: Step): Promise<void> {
    try {
      await this.happen(one);
    } catch (error) {
      const isExpected =
        error instanceof Error && /^failpoint |BrokerError/.test(`${error.message}${error.name}`);
      if (!isExpected) throw error;
    }
  }

  private async happen(one: Step): Promise<void> {
    const { context } = this.pipeline.parts;
    const orderId = 'of' in one ? this.placed[one.of % Math.max(1, this.placed.length)] : '';
    if (orderId === undefined) return;
    const at = { accountId: this.account, orderId };
    const asked = { ...at, actor: 'a person', strategyId: null, idempotencyKey: null };
    switch (one.do) {
      case 'place': {
        const fields = { account: this.account, maxAgeMs: 0, ...PLACED[one.what] };
        this.placed.push((await this.pipeline.place(fields)).id);
        return;
      }
      case 'validate':
        return validateOrder(context, at);
      case 'submit':
        return submitOrder(context, at);
      case 'send':
        return sendCommand(context, at);
      case 'cancel':
        await cancelOrder(context, { ...asked, reason: null });
        return;
      case 'modify':
        await modifyOrder(context, {
          ...asked,
          terms: { quantity: one.quantity, ...ASKED[one.asks] },
        });
        return;
      case 'resolve':
        await resolveOrder(context, { ...at, ...DECISION });
        return;
      case 'poll':
        await pollAccount(context, this.account, { always: true });
        return;
      case 'fault':
        if (one.kind === 'rejectAtExchange' && !WRITES.includes(one.call)) return;
        return this.pipeline.addFault({ call: one.call, kind: one.kind, user: this.account });
      case 'die':
        armFailpoints(`${one.at}:throw`);
        return;
      case 'bust': {
        const { trades } = await this.pipeline.book(this.account);
        const trade = trades[one.nth % Math.max(1, trades.length)];
        if (trade !== undefined) await outsideOf(this.pipeline, this.account).bustTrade(trade.trade_id);
        return;
      }
      case 'appCancel':
      case 'appModify':
      case 'fill':
        return this.outside(one, orderId);
    }
  }

  private async outside(one: Outside, orderId: string): Promise<void> {
    await this.readTags();
    const tag = this.tags.findLast(({ order_id }) => order_id === orderId)?.tag;
    const known = (await this.book()).find((row) => row.tag === tag);
    if (known === undefined) return;
    const outside = outsideOf(this.pipeline, this.account);
    // The exchange refuses what can not be done any more: nothing happens then.
    const done =
      one.do === 'appCancel'
        ? outside.cancel(known.order_id)
        : one.do === 'appModify'
          ? outside.modify(known.order_id, { quantity: String(one.quantity) })
          : outside.execute(known.order_id, one.quantity, '2300.00');
    await done.catch(() => undefined);
  }

  /** Orders of the story that are so. */
  async count(where: string): Promise<number> {
    const [row] = await this.pipeline.sql<{ count: number }>(
      `select count(*)::int as count from orders where account_id = $1 and ${where}`,
      [this.account],
    );
    return row?.count ?? 0;
  }

  /** Commands that the broker had taken and the exchange refused. */
  async refusedAtExchange(): Promise<number> {
    const [row] = await this.pipeline.sql<{ count: number }>(
      `select count(*)::int as count from order_commands where account_id = $1 and outcome = 'REFUSED'
       and answer = 'ACKNOWLEDGED'`,
      [this.account],
    );
    return row?.count ?? 0;
  }

  private tags: readonly Attempt[] = [];

  private async readTags(): Promise<void> {
    this.tags = await this.pipeline.sql<Attempt>(
      'select order_id, tag from order_attempts where account_id = $1 order by attempt',
      [this.account],
    );
  }

  private async book(): Promise<readonly BookOrder[]> {
    return (await this.pipeline.book(this.account)).orders;
  }

  /** Everybody lives, the broker answers, and a person decides, until nothing is on its way. */
  async settle(): Promise<void> {
    armFailpoints('');
    await control(this.pipeline.exchange, 'DELETE', '/faults');
    // Whoever died before it could say so has placed one, too.
    const all = 'select id from orders where account_id = $1 order by created_at, id';
    this.placed = (await this.pipeline.sql<{ id: string }>(all, [this.account])).map(({ id }) => id);
    for (let round = 0; round < ROUNDS; round++) {
      await this.pipeline.sql(
        `with o as (update orders set next_step_at = clock_timestamp() where account_id = $1 and next_step_at is not null)
         update order_commands set next_step_at = clock_timestamp() where account_id = $1 and next_step_at is not null`,
        [this.account],
      );
      for (const one of await this.due()) await this.take(one);
      await this.take({ do: 'poll' });
      if (await this.isQuiet()) return;
    }
  }

  /** What each order waits for. */
  private async due(): Promise<Step[]> {
    const rows = await this.pipeline.sql<{ id: string; status: string; commands: number }>(
      `select o.id, o.status, (select count(*)::int from order_commands c where c.order_id = o.id and c.state <> 'DONE')
         as commands from orders o where o.account_id = $1`,
      [this.account],
    );
    return rows.flatMap(({ id, status, commands }): Step[] => {
      const of = this.placed.indexOf(id);
      if (of < 0) return [];
      const sends: Step[] = commands > 0 ? [{ do: 'send', of }] : [];
      if (status === 'PENDING') return [{ do: 'validate', of }, ...sends];
      if (status === 'VALIDATED' || status === 'SUBMITTING') return [{ do: 'submit', of }, ...sends];
      return status === 'UNKNOWN' ? [{ do: 'resolve', of }, ...sends] : sends;
    });
  }

  private async isQuiet(): Promise<boolean> {
    const [row] = await this.pipeline.sql<{ quiet: boolean }>(
      `select not exists (select from orders where account_id = $1
          and status in ('PENDING','VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED'))
        and not exists (select from order_commands where account_id = $1 and state <> 'DONE') as quiet`,
      [this.account],
    );
    return row?.quiet === true && this.differences().then((found) => found.length === 0);
  }

  /** The model: at most one broker order each, with the same end, fills and terms; and the same position. */
  async expectTheSame(): Promise<void> {
    expect(await this.differences()).toEqual([]);
    const sum = await this.pipeline.sql<{ quantity: number }>(
      'select coalesce(sum(quantity), 0)::int as quantity from positions where account_id = $1',
      [this.account],
    );
    const { positions } = await this.pipeline.book(this.account);
    expect(sum[0]?.quantity).toBe(positions.reduce((total, { quantity }) => total + quantity, 0));
  }

  private async differences(): Promise<string[]> {
    await this.readTags();
    const book = await this.book();
    const found: string[] = [];
    for (const id of this.placed) {
      const order = await this.pipeline.order(id, this.account);
      const own = this.tags.filter(({ order_id }) => order_id === id).map(({ tag }) => tag);
      const [held, ...more] = book.filter(({ tag }) => tag !== null && own.includes(tag));
      if (more.length > 0) found.push(`${id} was placed ${more.length + 1} times`);
      const filled = held?.filled_quantity ?? 0;
      if (order.filledQuantity !== filled)
        found.push(`${id} has ${order.filledQuantity} of ${filled} filled`);
      const isEnded = held?.is_final ?? true;
      if (isFinal(order.status) !== isEnded)
        found.push(`${id} is ${order.status}, ${held?.status ?? 'nowhere'}`);
      if (held !== undefined && !isEnded && order.quantity !== held.quantity)
        found.push(`${id} is of ${order.quantity}, at the exchange of ${held.quantity}`);
    }
    return found;
  }
}

interface Attempt {
  readonly order_id: string;
  readonly tag: string;
}

const DECISION = {
  actor: 'a person',
  decision: 'neverPlaced',
  brokerOrderId: null,
  reason: 'a test',
} as const;
