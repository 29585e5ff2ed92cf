import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type EventFeed,
  FEED_SETTINGS,
  type FeedSettings,
  type Subscription,
  createEventFeed,
} from '../../../src/api/event-feed.ts';
import type { EventLine, JournalPlace } from '../../../src/services/read-events.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../support/wait.ts';

const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function line(accountId: string, seq: number): EventLine {
  const data = JSON.stringify({ n: seq });
  return {
    accountId,
    seq,
    at: '2026-11-23T09:15:00.000Z',
    actor: 'a',
    kind: 'Tested',
    entity: 'e',
    data,
    order: null,
  };
}

/** A journal in memory, and a feed over it. */
class Journals {
  readonly lines = new Map<string, EventLine[]>();
  reads = 0;
  /** Which reads fail. */
  fails: (read: number) => boolean = () => false;
  /** What the answer of a read waits for. */
  answers: Promise<unknown> = Promise.resolve();
  readonly feed: EventFeed;

  constructor(settings: Partial<FeedSettings> = {}) {
    this.feed = createEventFeed(
      {
        readAfter: async (places, limit) => {
          this.reads += 1;
          if (this.fails(this.reads)) throw new Error('the database is away');
          await this.answers;
          return places.flatMap((place) => this.after(place, limit));
        },
        readHead: async (accountId) => this.lines.get(accountId)?.length ?? 0,
        clock: systemClock,
        log: SILENT,
      },
      { ...FEED_SETTINGS, lookMs: 1, retryMs: 1, heartbeatMs: 50, ...settings },
    );
    feeds.push(this.feed);
  }

  append(accountId: string, count: number): void {
    const lines = this.lines.get(accountId) ?? [];
    this.lines.set(accountId, lines);
    for (let n = 0; n < count; n++) lines.push(line(accountId, lines.length + 1));
  }

  async subscribe(
    accountId: string,
    since?: number,
    accepts: (line: EventLine) => boolean = () => true,
  ): Promise<Subscription> {
    const head = await this.feed.head(accountId);
    return this.feed.subscribe({ accountId, since: since ?? head, head, accepts, holder: 'reader' })!;
  }

  private after({ accountId, after }: JournalPlace, limit: number): EventLine[] {
    return (this.lines.get(accountId) ?? []).filter(({ seq }) => seq > after).slice(0, limit);
  }
}

const feeds: EventFeed[] = [];
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close();
});

/** Numbers told until `last`. */
async function readUntil(subscription: Subscription, last: number, since = 0): Promise<number[]> {
  const seqs: number[] = [];
  while ((seqs.at(-1) ?? since) < last) {
    const next = await subscription.next();
    if (next.kind === 'end') throw new Error(`it ended: ${next.reason.code}`);
    if (next.kind === 'events') seqs.push(...next.events.map(({ seq }) => seq));
  }
  return seqs;
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('a stream', () => {
  it('told from any place, whatever is written meanwhile and whichever reads fail, has every entry once in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 2, max: 7 }),
        async (writes, places, keptEvents, failing) => {
          // No heartbeat rescues a stream that missed its call.
          const journals = new Journals({ keptEvents, heartbeatMs: 600_000 });
          journals.fails = (read) => read === failing;
          journals.append('main', writes[0]!);
          const starts = places.map((place) => Math.min(place, writes[0]!));
          const streams = await Promise.all(starts.map((since) => journals.subscribe('main', since)));
          const total = writes.reduce((sum, count) => sum + count, 0);
          const reading = streams.map((stream, index) => readUntil(stream, total, starts[index]));
          for (const count of writes.slice(1)) {
            journals.append('main', count);
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          const told = await Promise.all(reading);
          told.forEach((seqs, index) => expect(seqs).toEqual(range(starts[index]! + 1, total)));
          journals.feed.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('of an account hears nothing of another, and the last to leave ends the looks at it', async () => {
    const journals = new Journals();
    const main = await journals.subscribe('main');
    const other = await journals.subscribe('other');
    journals.append('other', 2);
    journals.append('main', 1);
    expect(await readUntil(main, 1)).toEqual([1]);
    expect(await readUntil(other, 2)).toEqual([1, 2]);
    main.close();
    other.close();
    let reads = 0;
    const isQuiet = (): void => {
      const before = reads;
      reads = journals.reads;
      expect(reads).toBe(before);
    };
    await eventually(isQuiet, { what: 'the looks to end' });
    const late = await journals.subscribe('main', 0);
    expect(await readUntil(late, 1)).toEqual([1]);
    expect(journals.reads).toBeGreaterThan(reads);
  });

  it.each(range(0, 8))(
    'that asks %i steps after the answer of a look has come misses nothing',
    async (steps) => {
      const journals = new Journals({ heartbeatMs: 600_000 });
      let answer: () => void = () => undefined;
      journals.answers = new Promise<void>((resolve) => (answer = resolve));
      const stream = await journals.subscribe('main');
      await eventually(() => expect(journals.reads).toBe(1), { what: 'the first look' });
      journals.append('main', 1);
      // Later looks have no answer: this one alone can tell the stream.
      journals.answers = new Promise(() => undefined);
      answer();
      for (let step = 0; step < steps; step++) await Promise.resolve();
      expect(await stream.next()).toMatchObject({ kind: 'events', events: [{ seq: 1 }] });
    },
  );

  it('that is up to date costs no read of its own: two hundred are told of one look', async () => {
    const journals = new Journals({ lookMs: 1000 });
    const streams = await Promise.all(Array.from({ length: 200 }, () => journals.subscribe('main')));
    const reading = streams.map((stream) => readUntil(stream, 5));
    journals.append('main', 5);
    for (const seqs of await Promise.all(reading)) expect(seqs).toEqual([1, 2, 3, 4, 5]);
    expect(journals.reads).toBeLessThanOrEqual(2);
  });

  it('without news says so, and goes on past entries that are not for it', async () => {
    const journals = new Journals();
    const stream = await journals.subscribe('main', 0, ({ seq }) => seq === 700);
    expect(await stream.next()).toEqual({ kind: 'heartbeat' });
    journals.append('main', 700);
    expect(await readUntil(stream, 700)).toEqual([700]);
  });

  it('is cut into batches by its text', async () => {
    const journals = new Journals();
    journals.append('main', 3);
    const lines = journals.lines.get('main')!;
    lines.forEach((one, n) => (lines[n] = { ...one, data: JSON.stringify('x'.repeat(200_000)) }));
    const stream = await journals.subscribe('main', 0);
    const sizes: number[] = [];
    while (sizes.reduce((sum, size) => sum + size, 0) < 3) {
      const next = await stream.next();
      if (next.kind === 'events') sizes.push(next.events.length);
    }
    expect(sizes).toEqual([1, 1, 1]);
  });

  it('is one of a bounded number', async () => {
    const journals = new Journals({ maxStreams: 2 });
    const first = await journals.subscribe('main');
    await journals.subscribe('main');
    expect(await journals.subscribe('main')).toBeNull();
    first.close();
    expect(await journals.subscribe('main')).not.toBeNull();
  });

  it('ends with the feed, also while it waits', async () => {
    const journals = new Journals({ heartbeatMs: 60_000 });
    const stream = await journals.subscribe('main');
    const waiting = stream.next();
    journals.feed.close();
    expect(await waiting).toMatchObject({ kind: 'end', reason: { code: 'SHUTTING_DOWN' } });
    expect(await journals.subscribe('main')).toBeNull();
  });
});
