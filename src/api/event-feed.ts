import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Log } from '../services/context.ts';
import type { EventLine, JournalPlace } from '../services/read-events.ts';
import type { Clock } from '../time/clock.ts';
import { eventText } from './event-json.ts';

/**
 * The journals, followed for any number of streams: one look every 100 ms reads what is new in the accounts that are
 * followed, and the newest entries are kept for all. A stream is only a place in a journal and asks for what comes
 * after it, so it has no gap and no repeat, and a slow one holds no memory: it is behind, and reads from the
 * database like one that resumes. Bounded: streams, entries kept per account, and reads for those that are behind.
 */
export interface EventFeed {
  /** Null when there are too many streams already, or the feed is closed. */
  subscribe(options: SubscribeOptions): Subscription | null;
  /** The number of an account's newest entry. */
  head(accountId: string): Promise<number>;
  readonly settings: FeedSettings;
  /** How many there are. */
  streams(): number;
  /** Ends every stream with a reason; there are no new ones. */
  close(): void;
}

export interface SubscribeOptions {
  readonly accountId: string;
  /** Entries with larger numbers are told; not larger than `head`. */
  readonly since: number;
  /** The account's newest number as `head` said it. */
  readonly head: number;
  readonly accepts: (event: EventLine) => boolean;
  /** Id of the token that opened it: revoked, the stream ends. */
  readonly holder: string;
}

export interface FeedSettings {
  readonly lookMs: number;
  /** After a read that failed. */
  readonly retryMs: number;
  /** A stream without news says so this often. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is dropped. */
  readonly slowMs: number;
  /** How long a reader that was dropped may take to read why. */
  readonly lastWordsMs: number;
  /** How long a token may be believed to be still valid. */
  readonly recheckMs: number;
  readonly maxStreams: number;
  /** Entries kept per account for streams that are up to date. */
  readonly keptEvents: number;
}

export interface FeedPorts {
  readonly readAfter: (places: readonly JournalPlace[], limit: number) => Promise<EventLine[]>;
  readonly readHead: (accountId: string) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FeedEvent {
  readonly seq: number;
  /** The event as JSON, made once for all streams. */
  readonly text: string;
}

/** Why a stream ends; a client may come back with the last number it has seen. */
export interface EndReason {
  readonly code: 'SLOW_READER' | 'SHUTTING_DOWN' | 'UNAUTHENTICATED';
  readonly detail: string;
}

export type Next =
  | { readonly kind: 'events'; readonly events: readonly FeedEvent[] }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'end'; readonly reason: EndReason };

export interface Subscription {
  /** What comes next, in order; never throws. One call at a time. */
  next(): Promise<Next>;
  /** From now on `next` says this. */
  end(reason: EndReason): void;
  /** Forgets the stream; who waits in `next` is let go. */
  close(): void;
}

export const FEED_SETTINGS: FeedSettings = {
  lookMs: 100,
  retryMs: 1000,
  heartbeatMs: 15_000,
  slowMs: 30_000,
  lastWordsMs: 2000,
  recheckMs: 5000,
  maxStreams: 500,
  keptEvents: 1000,
};

export const REVOKED: EndReason = { code: 'UNAUTHENTICATED', detail: 'The token is not valid any more.' };

const LOOK_AT_MOST = 500;
const PAGE = 200;
/** Text in one batch; a single larger event is a batch of its own. */
const MAX_BATCH_CHARACTERS = 262_144;
/** Streams that are behind read one by one past this many, so that many at once leave connections to others. */
const READS_AT_ONCE = 2;

interface KnownEvent extends FeedEvent {
  readonly line: EventLine;
}

/** The newest entries of one followed account: they end at `head` and have no gap. */
interface Tail {
  head: number;
  events: KnownEvent[];
  readonly streams: Set<Stream>;
}

export function createEventFeed(ports: FeedPorts, settings: FeedSettings = FEED_SETTINGS): EventFeed {
  const tails = new Map<string, Tail>();
  const streams = new Set<Stream>();
  const turn = createTurns(READS_AT_ONCE);
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;
  /** Where the journal of tokens was read to; null: nobody follows it. */
  let systemHead: number | null = null;

  /** Adds what follows on a tail without a gap; what does not is read by the next look. */
  const add = (line: EventLine): void => {
    const tail = tails.get(line.accountId);
    if (tail?.head !== line.seq - 1) return;
    tail.head = line.seq;
    tail.events.push(knownEvent(line));
    if (tail.events.length > settings.keptEvents)
      tail.events.splice(0, tail.events.length - settings.keptEvents);
  };

  const endStreamsOf = (holder: string): void => {
    for (const stream of streams) if (stream.holder === holder) stream.end(REVOKED);
  };

  const look = async (): Promise<void> => {
    let waitMs = settings.lookMs;
    try {
      systemHead ??= await ports.readHead(SYSTEM_ACCOUNT);
      const followed = [...tails].map(([accountId, { head }]) => ({ accountId, after: head }));
      const after = systemHead;
      const places = [
        ...followed.filter(({ accountId }) => accountId !== SYSTEM_ACCOUNT),
        { accountId: SYSTEM_ACCOUNT, after: Math.min(after, tails.get(SYSTEM_ACCOUNT)?.head ?? after) },
      ];
      const lines = await ports.readAfter(places, LOOK_AT_MOST);
      lines.forEach(add);
      for (const { accountId, seq, kind, entity } of lines) {
        if (accountId !== SYSTEM_ACCOUNT) continue;
        systemHead = Math.max(systemHead, seq);
        if (kind === 'TokenRevoked') endStreamsOf(entity);
      }
      for (const accountId of new Set(lines.map((line) => line.accountId))) {
        for (const stream of tails.get(accountId)?.streams ?? []) stream.wake();
      }
      if (lines.length >= LOOK_AT_MOST) waitMs = 0;
    } catch (error) {
      waitMs = settings.retryMs;
      ports.log.warn({ err: error }, 'the journal could not be read for the event streams; they wait');
    }
    timer = tails.size === 0 || isClosed ? null : setTimeout(() => void look(), waitMs);
    if (timer === null) systemHead = null;
  };

  const page = async (accountId: string, after: number): Promise<KnownEvent[]> =>
    turn(async () => (await ports.readAfter([{ accountId, after }], PAGE)).map(knownEvent));

  return {
    settings,
    head: ports.readHead,
    streams: () => streams.size,
    subscribe: (options) => {
      if (isClosed || streams.size >= settings.maxStreams) return null;
      const { accountId, head } = options;
      let tail = tails.get(accountId);
      if (tail === undefined) tails.set(accountId, (tail = { head, events: [], streams: new Set() }));
      const stream = new Stream({ ...options, tail, page, settings, ports }, () => {
        streams.delete(stream);
        tail.streams.delete(stream);
        if (tail.streams.size === 0 && tails.get(accountId) === tail) tails.delete(accountId);
      });
      tail.streams.add(stream);
      streams.add(stream);
      timer ??= setTimeout(() => void look(), 0);
      return stream;
    },
    close: () => {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      for (const stream of streams) {
        stream.end({ code: 'SHUTTING_DOWN', detail: 'The server stops; come back in a moment.' });
      }
    },
  };
}

interface StreamParts extends SubscribeOptions {
  readonly tail: Tail;
  readonly page: (accountId: string, after: number) => Promise<KnownEvent[]>;
  readonly settings: FeedSettings;
  readonly ports: FeedPorts;
}

class Stream implements Subscription {
  readonly holder: string;
  private readonly parts: StreamParts;
  private readonly onClose: () => void;
  private position: number;
  private ending: EndReason | null = null;
  private onWake: () => void = () => undefined;

  constructor(parts: StreamParts, onClose: () => void) {
    this.parts = parts;
    this.onClose = onClose;
    this.position = parts.since;
    this.holder = parts.holder;
  }

  async next(): Promise<Next> {
    const { clock } = this.parts.ports;
    const deadlineMs = clock.monotonicMs() + this.parts.settings.heartbeatMs;
    for (;;) {
      const batch = await this.following();
      if (this.ending !== null) return { kind: 'end', reason: this.ending };
      this.position = batch?.at(-1)?.seq ?? this.position;
      const events = batch?.filter(({ line }) => this.parts.accepts(line)) ?? [];
      if (events.length > 0) return { kind: 'events', events };
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return { kind: 'heartbeat' };
      if (batch === null) await this.woken(Math.min(leftMs, this.parts.settings.retryMs));
      // Looked at in the same breath as the wait begins: what comes between would not wake anybody.
      else if (!this.isBehind()) await this.woken(leftMs);
    }
  }

  end(reason: EndReason): void {
    this.ending ??= reason;
    this.wake();
  }

  close(): void {
    this.end({ code: 'SHUTTING_DOWN', detail: 'The stream was closed.' });
    this.onClose();
  }

  wake(): void {
    this.onWake();
  }

  private isBehind(): boolean {
    return this.position < this.parts.tail.head;
  }

  /** Some of what follows on the stream's place, from memory when it is there; null: it could not be read. */
  private async following(): Promise<KnownEvent[] | null> {
    const { tail, page, accountId, ports } = this.parts;
    if (!this.isBehind()) return [];
    const first = tail.head - tail.events.length + 1;
    if (this.position + 1 >= first) return bounded(tail.events, this.position + 1 - first);
    try {
      const found = bounded(await page(accountId, this.position), 0);
      return found.length > 0 ? found : null;
    } catch (error) {
      ports.log.warn({ err: error, accountId }, 'a page of the journal could not be read; the stream waits');
      return null;
    }
  }

  private woken(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.onWake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function bounded(events: readonly KnownEvent[], from: number): KnownEvent[] {
  let characters = 0;
  let end = from;
  for (; end < events.length && end - from < PAGE; end++) {
    characters += events[end]?.text.length ?? 0;
    if (characters > MAX_BATCH_CHARACTERS && end > from) break;
  }
  return events.slice(from, end);
}

function knownEvent(line: EventLine): KnownEvent {
  return { seq: line.seq, line, text: eventText(line) };
}

/** Runs at most `atOnce` of what it is given side by side, the others in the order of their asking. */
function createTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
