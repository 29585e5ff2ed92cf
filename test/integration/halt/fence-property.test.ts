import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import type { Order } from '../../../src/domain/order.ts';
import { isExit } from '../../../src/domain/order.ts';
import { decimal } from '../../../src/domain/money.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import { modifyOrder } from '../../../src/services/modify-order.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { sendCommand } from '../../../src/services/send-command.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { readJournal } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, RESTING } from '../../support/pipeline/requests.ts';

/** What may happen to an account, in any order and at the same time. `of` chooses an order placed before. */
type Step =
  | { readonly do: 'place'; readonly strategyId: string | null; readonly what: 'entry' | 'market' | 'exit' }
  | { readonly do: 'validate' | 'submit' | 'send' | 'modify' | 'cancel'; readonly of: number }
  | { readonly do: 'halt' | 'release'; readonly strategyId: string | null }
  | { readonly do: 'poll' }
  /** The next claim's worker, or the next halt's, dies right after its commit. */
  | { readonly do: 'crash'; readonly at: 'submit.afterClaim' | 'command.afterClaim' | 'halt.afterCommit' };

const strategyId = fc.constantFrom(null, 'alpha', 'beta');
const of = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      strategyId,
      what: fc.constantFrom('entry', 'market', 'exit'),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('validate', 'submit'), of }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('send', 'modify', 'cancel'), of }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('halt', 'release'),
      strategyId: fc.constantFrom(null, 'alpha'),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'poll' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      at: fc.constantFrom('submit.afterClaim', 'command.afterClaim', 'halt.afterCommit'),
    }),
  },
);
/** How every story begins: with an order whose claim races whatever else comes first. */
const OPENING: readonly (readonly Step[])[] = [
  [{ do: 'place', strategyId: null, what: 'entry' }],
  [{ do: 'validate', of: 0 }],
];
/** Steps of one inner list run at the same time. */
const story = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 4, maxLength: 14 });

describe('a fence between a halt and its release', () => {
  let pipeline: Pipeline;
  let accounts = 0;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: [],
      environment: {
        ORDER_CALLS_PER_SECOND: '0',
        ENTRY_CALLS_PER_SECOND: '0',
        ORDER_CALLS_PER_MINUTE: '0',
        DUPLICATE_WINDOW_MS: '0',
        MIN_RISK_REWARD: '0',
      },
    });
  });
  afterAll(async () => {
    armFailpoints('');
    await pipeline.stop();
  });

  it('lets no entry be claimed, whatever is placed, modified, filled, cancelled and killed meanwhile', async () => {
    const seen = { halts: 0, claims: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(story, async (chapters) => {
        const account = `p${(accounts += 1)}`;
        await openAccount(pipeline.parts.context, { id: account, name: account, actor: 'test' });
        const placed: Order[] = [];
        const [first = [], ...rest] = chapters;
        for (const chapter of [...OPENING, [{ do: 'submit', of: 0 } as const, ...first], ...rest]) {
          await Promise.all(chapter.map((one) => take(pipeline, account, placed, one)));
        }
        armFailpoints('');
        const { behind, claims, halts } = await entriesClaimedBehindHalts(pipeline, account);
        seen.claims += claims;
        seen.halts += halts;
        const refused = await pipeline.sql<{ n: number }>(
          `select count(*)::int as n from orders where account_id = $1 and failed_check = 'CIRCUIT_BREAKER'`,
          [account],
        );
        seen.refused += refused[0]?.n ?? 0;
        expect(behind).toEqual([]);
      }),
      { numRuns: 25 },
    );
    // A property that never met a halt, a claim or a refusal proves nothing.
    expect(seen.halts).toBeGreaterThan(5);
    expect(seen.claims).toBeGreaterThan(5);
    expect(seen.refused).toBeGreaterThan(5);
  }, 300_000);
});

async function take(pipeline: Pipeline, account: string, placed: Order[], one: Step): Promise<void> {
  const { context } = pipeline.parts;
  const chosen = 'of' in one ? placed[one.of % Math.max(1, placed.length)] : undefined;
  if ('of' in one && chosen === undefined) return;
  const at = { accountId: account, orderId: chosen?.id ?? '' };
  try {
    switch (one.do) {
      case 'place': {
        const fields = { entry: RESTING, market: MARKET, exit: { ...EXIT, ...MARKET, quantity: 3 } }[
          one.what
        ];
        placed.push(await pipeline.place({ account, strategyId: one.strategyId, maxAgeMs: 0, ...fields }));
        return;
      }
      case 'validate': {
        await validateOrder(context, at);
        return;
      }
      case 'submit': {
        await submitOrder(context, at);
        return;
      }
      case 'send': {
        await sendCommand(context, at);
        return;
      }
      case 'modify':
        await modifyOrder(context, {
          ...at,
          ...{ actor: 'test', strategyId: null, idempotencyKey: null },
          terms: { quantity: 12, price: decimal('2301.00') },
        });
        return;
      case 'cancel':
        await cancelOrder(context, {
          ...at,
          actor: 'test',
          strategyId: null,
          reason: null,
          idempotencyKey: null,
        });
        return;
      case 'poll':
        await pollAccount(context, account, { always: true });
        return;
      case 'crash':
        armFailpoints(`${one.at}:throw`);
        return;
      case 'halt':
      case 'release': {
        const scope = one.strategyId === null ? 'account' : 'strategy';
        const state = one.do === 'halt' ? 'HALTED' : 'ACTIVE';
        const change = { scope, strategyId: one.strategyId, state, cancelOpen: true } as const;
        await setTradingState(context, {
          ...change,
          accountId: account,
          reason: 'a test',
          by: 'test',
          waitMs: 0,
        });
      }
    }
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('failpoint ')) throw error;
  }
}

/** Reads the journal as a person would: what was halted when each claim was committed. */
async function entriesClaimedBehindHalts(pipeline: Pipeline, account: string) {
  const orders = new Map<string, Order>();
  const rows = await pipeline.parts.context.db.orm.query.orders.findMany({
    where: (row, { eq }) => eq(row.accountId, account),
  });
  for (const row of rows) orders.set(row.id, row);
  const halted = new Set<string>();
  const behind: string[] = [];
  let claims = 0;
  let halts = 0;
  for (const entry of await readJournal(pipeline.parts.database.reads)) {
    if (entry.accountId !== account) continue;
    const data = JSON.parse(entry.data) as { to?: string; scope?: string; terms?: unknown };
    if (entry.kind === 'TradingStateChanged') {
      const whose = data.scope === 'account' ? 'account' : entry.entity;
      if (data.to === 'HALTED') halted.add(whose);
      else halted.delete(whose);
      halts += data.to === 'HALTED' ? 1 : 0;
    }
    if (entry.kind !== 'SubmissionClaimed' && entry.kind !== 'ModifyClaimed') continue;
    const order = orders.get(entry.entity)!;
    claims += 1;
    if (isExit(order) || !(halted.has('account') || halted.has(order.strategyId ?? ''))) continue;
    behind.push(`${entry.kind} of ${order.clientOrderId} at ${entry.seq}`);
  }
  return { behind, claims, halts };
}
