/**
 * Any story of orders against a model of a few lines: what the exchange really holds. Placements, answers of every
 * kind, commands, fills, corrections, stale and repeated reads of the book, and processes that die at any commit or
 * call; then everybody lives for a while, and the OMS must have come to what the exchange has.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { CommandOutcome } from '../../../src/domain/command.ts';
import { canonicalJson } from '../../../src/domain/journal.ts';
import { sum } from '../../../src/domain/money.ts';
import { isFinal, isLive } from '../../../src/domain/order-status.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { codecs } from '../../../src/db/account-rows.ts';
import { counted } from '../../../src/domain/live-order.ts';
import type { Order } from '../../../src/domain/order.ts';
import { foldOrders } from '../../support/pipeline/replay.ts';
import { type Step, Story } from '../../support/memory/story.ts';

/** Between a call and its record nobody else knows: these come most. */
const WORST = ['submit.afterCall', 'command.afterCall', 'submit.beforeCall', 'command.beforeCall'];
const DEATHS = [
  ...WORST,
  ...WORST,
  ...WORST,
  ...['submit.begin', 'submit.afterClaim', 'submit.beforeCall', 'submit.afterCall', 'submit.afterRecord'],
  ...[
    'command.begin',
    'command.afterClaim',
    'command.beforeCall',
    'command.afterCall',
    'command.afterRecord',
  ],
  ...['accept.beforeCommit', 'accept.afterCommit', 'validate.afterCommit'],
  ...['cancel.beforeCommit', 'cancel.afterCommit', 'modify.beforeCommit', 'modify.afterCommit'],
];
const of = fc.nat(3);
const quantity = fc.integer({ min: 1, max: 20 });
const price = fc.constantFrom('2440.00', '2445.00', '2455.00', '2460.00');
const answer = fc.constantFrom('taken', 'taken', 'slow', 'silent', 'late', 'lost', 'busy', 'refused');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('place'), side: fc.constantFrom('BUY', 'SELL'), quantity }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('validate'), of }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('submit'), of, answer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send'), of, answer }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'resolve', 'appCancel'), of }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('modify', 'appModify'), of, quantity, price }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fill'), of, quantity }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bust'), nth: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('apply'), nth: fc.nat(2), turn: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('show', 'release') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), seconds: fc.constantFrom(1, 5, 40) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('die'), at: fc.constantFrom(...DEATHS) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('commit'), fault: fc.constantFrom('lost', 'unheard') }),
  },
);
/** Every story begins with an order on its way, or with one that has filled in part; the rest is as it comes. */
const BEGUN: readonly Step[] = [
  { do: 'place', side: 'BUY', quantity: 10 },
  { do: 'validate', of: 0 },
];
const FILLED_IN_PART: readonly Step[] = [
  ...BEGUN,
  { do: 'submit', of: 0, answer: 'taken' },
  { do: 'fill', of: 0, quantity: 4 },
  { do: 'read' },
  { do: 'apply', nth: 0, turn: 0 },
];
const LOOKED_AT_TWICE: readonly Step[] = [1, 2].flatMap((): Step[] => [
  { do: 'wait', seconds: 5 },
  { do: 'read' },
  { do: 'apply', nth: 0, turn: 0 },
]);
const opening = fc.constantFrom(BEGUN, FILLED_IN_PART);
const story = fc.array(step, { minLength: 3, maxLength: 30 });
/** PROPERTY_RUNS=30000 looks further, with PROPERTY_SEED=random. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? '2000');

/** Stories that once came to something else, kept for good. */
const EXAMPLES: readonly (readonly Step[])[] = [
  // A modify that came too late for an order which the app had changed to the same terms, and which filled by them.
  [
    { do: 'submit', of: 0, answer: 'taken' },
    { do: 'modify', of: 0, quantity: 1, price: '2440.00' },
    { do: 'appModify', of: 0, quantity: 1, price: '2440.00' },
    { do: 'fill', of: 0, quantity: 1 },
  ],
  // A check whose commit had no answer.
  [
    { do: 'modify', of: 0, quantity: 1, price: '2440.00' },
    { do: 'commit', fault: 'unheard' },
    { do: 'validate', of: 0 },
  ],
  // A modify down to what is filled, while a trade is taken back and the others fill the order.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'bust', nth: 0 },
    { do: 'modify', of: 0, quantity: 1, price: '2440.00' },
  ],
  // The app raises an order while a modify of ours is on its way, and the order fills past its old quantity.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'modify', of: 0, quantity: 5, price: '2440.00' },
    { do: 'appModify', of: 0, quantity: 11, price: '2440.00' },
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'send', of: 0, answer: 'taken' },
  ],
  // The app changes an order, which fills by its new terms and is read before a command of ours is refused.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'appModify', of: 0, quantity: 10, price: '2440.00' },
    { do: 'modify', of: 0, quantity: 1, price: '2440.00' },
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'read' },
    { do: 'send', of: 0, answer: 'taken' },
    { do: 'apply', nth: 0, turn: 0 },
  ],
  // An order is filled, a trade of it is taken back, the app changes its price, and it fills again between two looks.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'read' },
    { do: 'bust', nth: 0 },
    { do: 'appModify', of: 0, quantity: 10, price: '2440.00' },
    { do: 'apply', nth: 0, turn: 0 },
    { do: 'fill', of: 0, quantity: 4 },
  ],
  // A modify that was lost, and a smaller one after it that is refused: the first may be taken yet.
  [
    { do: 'submit', of: 0, answer: 'taken' },
    { do: 'read' },
    { do: 'apply', nth: 0, turn: 0 },
    { do: 'modify', of: 0, quantity: 20, price: '2440.00' },
    { do: 'send', of: 0, answer: 'lost' },
    ...LOOKED_AT_TWICE,
    { do: 'modify', of: 0, quantity: 12, price: '2440.00' },
    { do: 'send', of: 0, answer: 'refused' },
    { do: 'read' },
    { do: 'apply', nth: 0, turn: 0 },
  ],
  // An increase that was refused because the order had filled, which a trade that is taken back brings to life again.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'modify', of: 0, quantity: 11, price: '2440.00' },
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'read' },
    { do: 'send', of: 0, answer: 'taken' },
    { do: 'apply', nth: 0, turn: 0 },
    { do: 'bust', nth: 0 },
    { do: 'read' },
  ],
  // A read of before a modify is applied after one that showed it: the order must not be filled by its old quantity.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'modify', of: 0, quantity: 11, price: '2440.00' },
    { do: 'send', of: 0, answer: 'taken' },
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'read' },
    { do: 'apply', nth: 0, turn: 0 },
    { do: 'apply', nth: 1, turn: 0 },
  ],
  // The same of a change in the app.
  [
    ...FILLED_IN_PART.slice(BEGUN.length),
    { do: 'appModify', of: 0, quantity: 11, price: '2440.00' },
    { do: 'fill', of: 0, quantity: 6 },
    { do: 'read' },
    { do: 'apply', nth: 0, turn: 0 },
    { do: 'apply', nth: 1, turn: 0 },
  ],
];

describe('any story of orders', () => {
  afterEach(() => armFailpoints(''));

  it('comes to what the exchange holds, placed at most once, every trade counted once', async () => {
    const seen = { filled: 0, cancelled: 0, unknown: 0, modified: 0, corrected: 0 };
    await fc.assert(
      fc.asyncProperty(opening, story, async (begun, steps) => {
        const of = new Story();
        let before = new Map<string, Order>();
        for (const one of [...begun, ...steps]) {
          await of.take(one);
          before = expectSound(of, before);
        }
        await of.settle();
        expectSound(of, before);
        expectSettled(of);
        count(of, seen);
      }),
      { numRuns: RUNS, examples: EXAMPLES.map((steps): [readonly Step[], Step[]] => [BEGUN, [...steps]]) },
    );
    // A property that never met one of these proves nothing about it.
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(RUNS / 20);
  }, 3_600_000);
});

it('a command that was answered while the read was under way which ends its order is ended by it', async () => {
  const of = new Story();
  const modify: Step = { do: 'modify', of: 0, quantity: 10, price: '2440.00' };
  for (const step of [...BEGUN, { do: 'submit', of: 0, answer: 'taken' }, { do: 'read' }] as const)
    await of.take(step);
  for (const step of [
    { do: 'apply', nth: 0, turn: 0 },
    modify,
    { do: 'send', of: 0, answer: 'taken' },
  ] as const) {
    await of.take(step);
  }
  await of.take({ do: 'fill', of: 0, quantity: 10 });
  await of.take({ do: 'read', beganMsAgo: 25 });
  await of.take({ do: 'apply', nth: 0, turn: 0 });
  expect(of.account.orders()).toMatchObject([{ status: 'FILLED' }]);
  expect(of.account.commands()).toMatchObject([{ state: 'DONE', outcome: 'ACCEPTED' }]);
});

/** What holds after every step. */
function expectSound(of: Story, before: ReadonlyMap<string, Order>): Map<string, Order> {
  const { account, venue } = of;
  const orders = account.orders();
  const standing = account.trades().filter(({ annulledAt }) => annulledAt === null);
  for (const order of orders) {
    const own = standing.filter(({ orderId }) => orderId === order.id);
    expect(order.filledQuantity, 'trades of an order').toBe(
      own.reduce((total, { quantity }) => total + quantity, 0),
    );
    expect(
      order.filledValue.eq(sum(own.map((trade) => trade.price.times(trade.quantity)))),
      'their value',
    ).toBe(true);
    expect(of.venueOrdersOf(order.id).length, 'broker orders of one order').toBeLessThanOrEqual(1);
    const open = account.commands().filter(({ orderId, state }) => orderId === order.id && state !== 'DONE');
    for (const state of ['IN_FLIGHT', 'WAITING']) {
      expect(open.filter((command) => command.state === state).length, state).toBeLessThanOrEqual(1);
    }
    if (order.reserve !== null) {
      const modifies = account
        .commands()
        .filter(({ orderId, kind }) => orderId === order.id && kind === 'MODIFY');
      const counts = modifies.some(({ state, outcome }) => state === 'IN_FLIGHT' || outcome === 'UNKNOWN');
      expect(counts && !isFinal(order.status), 'a modify that is counted').toBe(true);
    }
    expect(counted(order).quantity, 'the most that may come of it').toBeGreaterThanOrEqual(
      mostAsked(of, order),
    );
    const was = before.get(order.id);
    if (was !== undefined && isFinal(was.status) && !isFinal(order.status)) {
      const isBack = was.brokerOrderId === null || order.corrections > was.corrections;
      expect(isBack, 'an order that ended lives by a late twin or a correction alone').toBe(true);
    }
  }
  const tags = venue.orders.map(({ tag }) => tag);
  expect(new Set(tags).size, 'tags').toBe(tags.length);
  expectPosition(of);
  return new Map(orders.map((order) => [order.id, order]));
}

/** The largest quantity of a modify on its way, or lost on it, since the book last spoke of the order's terms. */
function mostAsked({ account }: Story, order: Order): number {
  const asked = new Map<string, number>();
  for (const { kind, entity, data } of account.journal) {
    if (entity !== order.id) continue;
    const { commandId, quantity, outcome } = JSON.parse(data) as {
      readonly commandId?: string;
      readonly quantity?: number;
      readonly outcome?: CommandOutcome;
    };
    if (kind === 'OrderModified') asked.clear();
    if (kind === 'ModifyClaimed') asked.set(commandId ?? '', quantity ?? 0);
    // One that met the end of its order was not made, also when a correction brings that order back.
    const isMissed = kind === 'CommandEnded' && outcome === 'TOO_LATE';
    if (kind === 'ModifyReleased' || isMissed) asked.delete(commandId ?? '');
  }
  return isFinal(order.status) ? 0 : Math.max(0, ...asked.values());
}

/** Quantity and money of the position are those of the trades: what was paid is realized or still held. */
function expectPosition({ account }: Story): void {
  const standing = account.trades().filter(({ annulledAt }) => annulledAt === null);
  const signOf = ({ side }: { readonly side: 'BUY' | 'SELL' }) => (side === 'BUY' ? 1 : -1);
  const positions = account.positions();
  expect(
    positions.reduce((total, { quantity }) => total + quantity, 0),
    'position',
  ).toBe(standing.reduce((total, trade) => total + signOf(trade) * trade.quantity, 0));
  const spent = sum(standing.map((trade) => trade.price.times(trade.quantity * signOf(trade))));
  const realized = sum(positions.map(({ realizedPnl }) => realizedPnl));
  const held = sum(positions.map(({ openValue, quantity }) => openValue.abs().times(Math.sign(quantity))));
  expect(
    held.minus(realized).eq(spent),
    `held ${held.toFixed()} less realized ${realized.toFixed()} is spent ${spent.toFixed()}`,
  ).toBe(true);
}

/** What holds once nothing is on its way: the model. */
function expectSettled(of: Story): void {
  const { account } = of;
  for (const order of account.orders()) {
    expect(['PENDING', 'VALIDATED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED']).not.toContain(order.status);
    const [held] = of.venueOrdersOf(order.id);
    if (held === undefined) {
      expect(isLive(order.status), `${order.status} without a broker order`).toBe(false);
      expect(order.filledQuantity).toBe(0);
      continue;
    }
    expect(order).toMatchObject({ brokerOrderId: held.id, filledQuantity: held.filled });
    if (held.status === 'CANCELLED') {
      const isCut = order.filledQuantity === order.quantity;
      expect(order.status).toBe(isCut && order.status === 'FILLED' ? 'FILLED' : 'CANCELLED');
      continue;
    }
    const live = held.filled > 0 ? 'PARTIALLY_FILLED' : 'OPEN';
    expect(order.status).toBe(held.status === 'COMPLETE' ? 'FILLED' : live);
    // A finished order's terms do not change (design.md invariant 8): one that came back by a correction, was changed in
    // the app and filled again between two looks keeps those of its first end. Its fills are exact all the same.
    if (isFinal(order.status) && order.corrections > 0) continue;
    expect({ quantity: order.quantity, price: order.price?.toFixed(2) }).toEqual({
      quantity: held.quantity,
      price: held.price.toFixed(2),
    });
  }
  expect(account.commands().filter(({ state }) => state !== 'DONE')).toEqual([]);
  for (const trade of of.venue.trades) {
    const recorded = account.trades().filter(({ tradeId }) => tradeId === trade.id);
    const standing = recorded.filter(({ annulledAt }) => annulledAt === null);
    expect(standing.length, `trade ${trade.id}`).toBe(trade.busted ? 0 : 1);
  }
  expectReplay(of);
}

/** The journal alone gives the same orders. */
function expectReplay({ account }: Story): void {
  const folded = foldOrders(account.journal);
  for (const row of account.orders()) {
    expect(plain(folded.get(row.id)), 'replay').toBe(plain(row));
  }
}

function plain(order: Order | undefined): string {
  if (order === undefined) return 'none';
  // When the dispatcher looks is put off without an entry.
  return canonicalJson(codecs.orders.encode({ ...order, stepFailures: 0, parkedAt: null, nextStepAt: null }));
}

function count(of: Story, seen: Record<string, number>): void {
  const events = of.account.journal.map(({ kind }) => kind);
  const orders = of.account.orders();
  const add = (what: string, times: number) => (seen[what] = (seen[what] ?? 0) + times);
  add('filled', orders.filter(({ status }) => status === 'FILLED').length);
  add('cancelled', orders.filter(({ status }) => status === 'CANCELLED').length);
  add('unknown', events.filter((kind) => kind === 'SubmissionUnknown').length);
  add('modified', events.filter((kind) => kind === 'OrderModified').length);
  add('corrected', events.filter((kind) => kind === 'TradeCorrected').length);
}
