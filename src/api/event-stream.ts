import type { Clock } from '../time/clock.ts';
import { type FeedEvent, type FeedSettings, type Next, REVOKED, type Subscription } from './event-feed.ts';

export interface EventStreamOptions {
  readonly subscription: Subscription;
  /** Told at once to a client that starts now, so that it can resume before its first event; else null. */
  readonly position: number | null;
  readonly settings: FeedSettings;
  readonly clock: Clock;
  /** False once the token would not be let in any more. */
  readonly isStillAllowed: () => Promise<boolean>;
  /** Ends the connection without another word. */
  readonly hangUp: () => void;
}

/** Tells browsers how soon to come back. */
const RETRY_MS = 1000;

/**
 * A subscription as server-sent events: "id" is the journal's number, "data" one event; comments are heartbeats, and
 * an event named "end" says why the server ends the stream. It asks the feed only when the connection takes more, so
 * nothing piles up here.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { subscription, settings, clock } = options;
  const encoder = new TextEncoder();
  let watchdog: NodeJS.Timeout | undefined;
  let isFirst = true;
  let allowedAtMs = clock.monotonicMs();

  const expectReader = (): void => {
    watchdog = setTimeout(() => {
      subscription.end({
        code: 'SLOW_READER',
        detail: `Nothing was read for ${settings.slowMs} ms; come back with the last number you have.`,
      });
      watchdog = setTimeout(options.hangUp, settings.lastWordsMs);
    }, settings.slowMs);
  };
  const next = async (): Promise<Next> => {
    const found = await subscription.next();
    if (found.kind === 'end' || clock.monotonicMs() - allowedAtMs < settings.recheckMs) return found;
    if (!(await options.isStillAllowed())) return { kind: 'end', reason: REVOKED };
    allowedAtMs = clock.monotonicMs();
    return found;
  };

  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        clearTimeout(watchdog);
        if (isFirst) {
          isFirst = false;
          const id = options.position === null ? '' : `id: ${options.position}\n`;
          controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n${id}\n`));
          expectReader();
          return;
        }
        const found = await next();
        controller.enqueue(encoder.encode(textOf(found)));
        if (found.kind === 'end') {
          subscription.close();
          controller.close();
          // A reader that does not even take this does not keep the connection.
          setTimeout(options.hangUp, settings.lastWordsMs).unref();
        } else {
          expectReader();
        }
      },
      cancel: () => {
        clearTimeout(watchdog);
        subscription.close();
      },
    },
    { highWaterMark: 0 },
  );
}

function textOf(next: Next): string {
  switch (next.kind) {
    case 'events':
      return next.events.map(frame).join('');
    case 'heartbeat':
      return ': heartbeat\n\n';
    case 'end':
      return `event: end\ndata: ${JSON.stringify(next.reason)}\n\n`;
  }
}

function frame({ seq, text }: FeedEvent): string {
  return `id: ${seq}\ndata: ${text}\n\n`;
}
