/** A story of one account: the real services on ports in memory, a step at a time, with deaths of the process. */
import { parseConfig } from '../../../src/config/config.ts';
import { CommitUnknownError } from '../../../src/db/errors.ts';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import type { Order } from '../../../src/domain/order.ts';
import { isFinal } from '../../../src/domain/order-status.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { tradeDifferences } from '../../../src/reconciliation/trades.ts';
import { applyRow } from '../../../src/services/apply-row.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import type { Context } from '../../../src/services/context.ts';
import { correctTrade } from '../../../src/services/correct-trade.ts';
import { settleAbsent } from '../../../src/services/follow-commands.ts';
import { modifyOrder } from '../../../src/services/modify-order.ts';
import { endAsNeverPlaced } from '../../../src/services/never-placed.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { sendCommand } from '../../../src/services/send-command.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { ACCOUNT } from '../../unit/db/fixtures.ts';
import { RELIANCE, T0 } from '../../unit/risk/fixtures.ts';
import { orderRequest } from '../pipeline/requests.ts';
import { type CommitFault, MemoryAccount, ProcessDied } from './account.ts';
import { type Answer, MemoryVenue, type Snapshot, type VenueOrder } from './venue.ts';

/** One thing that happens. `of` chooses an order, `nth` a snapshot or a trade, of those there are. */
export type Step =
  | { readonly do: 'place'; readonly side: 'BUY' | 'SELL'; readonly quantity: number }
  | { readonly do: 'validate' | 'cancel' | 'resolve' | 'appCancel'; readonly of: number }
  | { readonly do: 'submit' | 'send'; readonly of: number; readonly answer: Answer }
  | {
      readonly do: 'modify' | 'appModify';
      readonly of: number;
      readonly quantity: number;
      readonly price: string;
    }
  | { readonly do: 'fill'; readonly of: number; readonly quantity: number }
  | { readonly do: 'bust'; readonly nth: number }
  | { readonly do: 'show' | 'release' }
  /** The book as it is, by a read that began so much earlier. */
  | { readonly do: 'read'; readonly beganMsAgo?: number }
  /** 0 is the newest snapshot; its rows come in the order of `turn`, the first of them twice. */
  | { readonly do: 'apply'; readonly nth: number; readonly turn: number }
  | { readonly do: 'wait'; readonly seconds: number }
  /** The process that next gets there dies. */
  | { readonly do: 'die'; readonly at: string }
  | { readonly do: 'commit'; readonly fault: CommitFault };

const parsed = parseConfig({
  ...{ DATABASE_URL: 'postgres://none/none', KITE_API_ROOT: 'http://127.0.0.1:1', QUEUE_BACKEND: 'postgres' },
  ...{ ACCOUNT_BALANCE: '100000000', MAX_POSITIONS: '0', MAX_RISK_PER_TRADE: '0', MAX_DAILY_LOSS: '0' },
  ...{ MAX_ORDER_TO_POSITION_RATIO: '0', DUPLICATE_WINDOW_MS: '0', MAX_ORDER_AGE_MS: '0' },
  ...{ ORDER_CALLS_PER_SECOND: '0', ENTRY_CALLS_PER_SECOND: '0', ORDER_CALLS_PER_MINUTE: '0' },
  ...{ SEND_WINDOW_MS: '5000' },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
const config = parsed.value;

const PRICE = decimal('2450');
const STOPS = {
  BUY: { stopLoss: '2400.00', takeProfit: '2600.00' },
  SELL: { stopLoss: '2500.00', takeProfit: '2300.00' },
} as const;
/** Between two things that happen, milliseconds: no two have the same instant. */
const TICK_MS = 10;
/** Rounds after the last step until nothing may be on its way any more. */
const ROUNDS = 14;
const ROUND_MS = 31_000;

export class Story {
  readonly account = new MemoryAccount({ ...ACCOUNT, seq: 0, head: '', capital: decimal(100_000_000) }, T0);
  readonly venue = new MemoryVenue(() => this.account.now);
  readonly placed: string[] = [];
  private readonly snapshots: Snapshot[] = [];
  private readonly running: Promise<void>[] = [];
  private sightings = new Set<string>();
  private comparedAt: Date | null = null;
  private ids = 0;
  private readonly context: Context;

  constructor() {
    const never = () => {
      throw new Error('nothing in memory asks for this');
    };
    this.context = {
      withAccount: this.account.withAccount,
      db: { orm: null } as unknown as Context['db'],
      queues: { enqueue: () => Promise.resolve() } as unknown as Context['queues'],
      broker: () => this.venue.port,
      instruments: {
        find: () => Promise.resolve(RELIANCE),
        byId: () => Promise.resolve(RELIANCE),
        cached: () => RELIANCE,
        byIds: () => Promise.resolve(new Map([[RELIANCE.id, RELIANCE]])),
      },
      prices: {
        peek: () => ({
          ...{ last: PRICE, bestBid: PRICE, bestOffer: PRICE, ageMs: 0, fresh: true },
          ...{ lowerCircuit: null, upperCircuit: null },
        }),
        refresh: () => Promise.resolve(),
        pull: never,
        forget: never,
      },
      funds: {
        peek: () => ({ net: decimal(100_000_000), readAt: this.account.now, ageMs: 0 }),
        refresh: () => Promise.resolve(),
      },
      margins: {
        peek: (_, __, value: Decimal) => value.div(5),
        isKnown: () => true,
        refresh: () => Promise.resolve(),
        peekAdded: () => null,
        refreshAdded: () => Promise.resolve(),
      },
      holdings: { peek: () => null, isKnown: () => true, refresh: () => Promise.resolve() },
      lane: {
        hasRoom: () => false,
        decide: never,
        recover: () => Promise.resolve({ kind: 'nothing' }),
        send: never,
      },
      alertChannels: [],
      settings: { ...config, alertRepeatMs: 0 },
      newId: () => `0198f000-0000-7000-8000-${String((this.ids += 1)).padStart(12, '0')}`,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      processName: 'memory',
    };
  }

  /** Takes a step; a process that dies of it leaves what was committed. */
  async take(step: Step): Promise<void> {
    this.tick();
    try {
      await this.happen(step);
    } catch (error) {
      if (!isDeath(error)) throw error;
    }
  }

  /** Everybody lives, the broker answers, and a person decides: until nothing is on its way. */
  async settle(): Promise<void> {
    armFailpoints('');
    this.account.fault = null;
    this.venue.next = 'taken';
    await this.take({ do: 'show' });
    await this.take({ do: 'release' });
    await Promise.all(this.running);
    for (let round = 0; round < ROUNDS; round++) {
      this.tick(ROUND_MS);
      for (let of = 0; of < this.placed.length; of++) {
        await this.take({ do: 'validate', of });
        // Twice: a claim without an answer is resolved, and then nothing may be sent again.
        await this.take({ do: 'submit', of, answer: 'taken' });
        await this.take({ do: 'submit', of, answer: 'taken' });
        await this.take({ do: 'send', of, answer: 'taken' });
        await this.take({ do: 'resolve', of });
      }
      await this.take({ do: 'read' });
      await this.take({ do: 'apply', nth: 0, turn: round });
    }
  }

  order(id: string): Order {
    const found = this.account.orders().find((order) => order.id === id);
    if (found === undefined) throw new Error(`there is no order ${id}`);
    return found;
  }

  /** Broker orders that any attempt of an order brought about. */
  venueOrdersOf(id: string): VenueOrder[] {
    const tags = this.account
      .attempts()
      .filter(({ orderId }) => orderId === id)
      .map(({ tag }) => tag);
    return this.venue.orders.filter(({ tag }) => tag !== null && tags.includes(tag));
  }

  private tick(ms = TICK_MS): void {
    this.account.now = new Date(this.account.now.getTime() + ms);
  }

  private async happen(step: Step): Promise<void> {
    const { context, venue } = this;
    switch (step.do) {
      case 'place':
        return this.place(step);
      case 'validate':
        return this.with(step.of, (at) => validateOrder(context, at));
      case 'submit':
        return this.with(step.of, (at) => this.call(step.answer, () => submitOrder(context, at)));
      case 'send':
        return this.with(step.of, (at) => this.call(step.answer, () => sendCommand(context, at)));
      case 'cancel':
        return this.with(step.of, async (at) => {
          await cancelOrder(context, { ...at, ...PERSON, reason: null });
        });
      case 'modify':
        return this.with(step.of, async (at) => {
          const terms = { quantity: step.quantity, price: decimal(step.price) };
          await modifyOrder(context, { ...at, ...PERSON, terms });
        });
      case 'resolve':
        return this.with(step.of, (at) => this.neverPlaced(at.orderId));
      case 'appCancel':
        this.atVenue(step.of, (order) => venue.end(order));
        return;
      case 'appModify':
        this.atVenue(step.of, (order) => venue.change(order, step.quantity, decimal(step.price)));
        return;
      case 'fill':
        this.atVenue(step.of, (order) => venue.fill(order, step.quantity));
        return;
      case 'bust': {
        const trade = venue.trades[step.nth % Math.max(1, venue.trades.length)];
        if (trade !== undefined) venue.bust(trade);
        return;
      }
      case 'show':
        for (const order of venue.orders) order.hidden = false;
        return;
      case 'release':
        venue.release();
        return flush();
      case 'read':
        this.snapshots.unshift(venue.snapshot(new Date(this.account.now.getTime() - (step.beganMsAgo ?? 0))));
        return;
      case 'apply':
        return this.apply(step.nth % Math.max(1, this.snapshots.length), step.turn);
      case 'wait':
        this.tick(step.seconds * 1000);
        return;
      case 'die':
        armFailpoints(`${step.at}:throw`);
        return;
      case 'commit':
        this.account.fault = step.fault;
    }
  }

  private async place({ side, quantity }: Extract<Step, { do: 'place' }>): Promise<void> {
    const before = this.account.orders().length;
    const request = orderRequest({
      side,
      quantity,
      ...STOPS[side],
      clientOrderId: `c-${this.placed.length}-${this.ids}`,
    });
    try {
      await placeOrder(this.context, { accountId: 'main', actor: 'test', request });
    } finally {
      const order = this.account.orders()[before];
      if (order !== undefined) this.placed.push(order.id);
    }
  }

  private async with(
    of: number,
    work: (at: { readonly accountId: string; readonly orderId: string }) => Promise<void>,
  ): Promise<void> {
    const orderId = this.placed[of % Math.max(1, this.placed.length)];
    if (orderId !== undefined) await work({ accountId: 'main', orderId });
  }

  private atVenue(of: number, work: (order: VenueOrder) => void): void {
    const order = this.venue.orders[of % Math.max(1, this.venue.orders.length)];
    if (order !== undefined) work(order);
  }

  /** A call of the broker; one whose answer is slow goes on beside what happens next. */
  private async call(answer: Answer, make: () => Promise<void>): Promise<void> {
    this.venue.next = answer;
    const made = make();
    if (answer !== 'slow') return made;
    this.running.push(
      made.catch((error: unknown) => {
        if (!isDeath(error)) throw error;
      }),
    );
    await flush();
    this.venue.next = 'taken';
  }

  /** A person looks at the broker first, and decides only about what is not there. */
  private async neverPlaced(orderId: string): Promise<void> {
    const { attemptTag, status } = this.order(orderId);
    if (status !== 'UNKNOWN' || this.venue.orders.some(({ tag, hidden }) => tag === attemptTag && !hidden))
      return;
    await this.account.withAccount({
      ...{ accountId: 'main', actor: 'a person', needs: {} },
      run: (view) => {
        const order = view.order(orderId);
        if (order?.status === 'UNKNOWN')
          endAsNeverPlaced(view, order, { actor: 'a person', reason: 'a test' });
      },
    });
  }

  private async apply(nth: number, turn: number): Promise<void> {
    const snapshot = this.snapshots[nth];
    if (snapshot === undefined) return;
    const { readAt, book, trades } = snapshot;
    const from = turn % Math.max(1, book.length);
    const rows = [...book.slice(from), ...book.slice(0, from), ...book.slice(from, from + 1)];
    await this.account.withAccount({
      ...{ accountId: 'main', actor: 'poller', needs: {} },
      run: (view) => {
        for (const row of rows) {
          const own = trades.filter(({ orderId }) => orderId === row.orderId);
          applyRow(this.context, view, { row, readAt, instrument: RELIANCE, trades: [...own].reverse() });
        }
      },
    });
    const listed = new Set(book.map(({ orderId }) => orderId));
    const missing = this.account
      .orders()
      .filter(
        (order) => order.brokerOrderId !== null && !isFinal(order.status) && !listed.has(order.brokerOrderId),
      );
    await this.account.withAccount({
      ...{ accountId: 'main', actor: 'poller', needs: {} },
      run: (view) => {
        for (const { id } of missing) settleAbsent(this.context, view, this.inView(view.order(id)), readAt);
      },
    });
    if (nth === 0) await this.correct(snapshot);
  }

  private inView(order: Order | null): Order {
    if (order === null) throw new Error('an order is gone');
    return order;
  }

  /** What two looks in a row saw otherwise is corrected. */
  private async correct({ readAt, book, trades }: Snapshot): Promise<void> {
    if (this.comparedAt?.getTime() === readAt.getTime()) return;
    this.comparedAt = readAt;
    const differences = tradeDifferences(this.account.trades(), { book, trades, readAt });
    const name = ({ sighting }: { readonly sighting: string }) => sighting;
    const seen = this.sightings;
    this.sightings = new Set(differences.map(name));
    const confirmed = differences.filter((one) => seen.has(name(one)));
    if (confirmed.length === 0) return;
    await this.account.withAccount({
      ...{ accountId: 'main', actor: 'poller', needs: {} },
      run: (view) => {
        for (const { row, to } of confirmed) {
          const order = this.inView(view.order(row.orderId));
          const of = { instrument: RELIANCE, newId: this.context.newId };
          correctTrade(view, order, row, { to, reason: 'a test' }, of);
        }
      },
    });
  }
}

const PERSON = { actor: 'a person', strategyId: null, idempotencyKey: null } as const;

/** Lets everything run that does not wait for an answer. */
function flush(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isDeath(error: unknown): boolean {
  if (error instanceof ProcessDied || error instanceof CommitUnknownError) return true;
  return error instanceof Error && error.message.startsWith('failpoint ');
}
