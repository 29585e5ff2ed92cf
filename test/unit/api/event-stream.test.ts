import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FEED_SETTINGS, type Next, type Subscription } from '../../../src/api/event-feed.ts';
import { eventStream } from '../../../src/api/event-stream.ts';
import { fakeClock } from '../../../src/time/clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const EVENTS: Next = { kind: 'events', events: [{ seq: 7, text: '{"seq":7}' }] };

/** A stream whose subscription always has the same news, until it is ended. */
function started(given: { readonly position?: number; readonly next?: Next } = {}) {
  const state = { ended: null as Next | null, closed: false, hungUp: false, allowed: true };
  const clock = fakeClock('2026-11-23T09:15:00+05:30');
  const subscription: Subscription = {
    next: async () => state.ended ?? given.next ?? EVENTS,
    end: (reason) => void (state.ended ??= { kind: 'end', reason }),
    close: () => void (state.closed = true),
  };
  const stream = eventStream({
    subscription,
    clock,
    position: given.position ?? null,
    settings: FEED_SETTINGS,
    isStillAllowed: async () => state.allowed,
    hangUp: () => void (state.hungUp = true),
  });
  const reader = stream.getReader();
  const read = async (): Promise<string | null> => {
    const { done, value } = await reader.read();
    return done ? null : new TextDecoder().decode(value);
  };
  return { state, clock, reader, read };
}

describe('server-sent events', () => {
  it('carry the number as id and the event as data, after the place of a client that starts now', async () => {
    const { read } = started({ position: 6 });
    expect(await read()).toBe('retry: 1000\nid: 6\n\n');
    expect(await read()).toBe('id: 7\ndata: {"seq":7}\n\n');
    expect(await started().read()).toBe('retry: 1000\n\n');
  });

  it('are comments when there is no news', async () => {
    const { read } = started({ next: { kind: 'heartbeat' } });
    await read();
    expect(await read()).toBe(': heartbeat\n\n');
  });

  it('end with the reason for a reader that took nothing for too long, and let go of it when it takes not even that', async () => {
    const { read, state } = started();
    await read();
    await read();
    await vi.advanceTimersByTimeAsync(FEED_SETTINGS.slowMs - 1);
    expect(state.ended).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(await read()).toContain('event: end\ndata: {"code":"SLOW_READER"');
    expect(await read()).toBeNull();
    expect(state).toMatchObject({ closed: true, hungUp: false });

    const dead = started();
    await dead.read();
    await vi.advanceTimersByTimeAsync(FEED_SETTINGS.slowMs + 1999);
    expect(dead.state.hungUp).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(dead.state.hungUp).toBe(true);
  });

  it('never take a reader for slow that waits for news', async () => {
    const { read, state } = started();
    await read();
    for (let n = 0; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(FEED_SETTINGS.slowMs - 1);
      expect(await read()).toContain('id: 7');
    }
    expect(state.ended).toBeNull();
  });

  it('show nothing more to a token that is not valid any more', async () => {
    const { read, state, clock } = started();
    await read();
    expect(await read()).toContain('id: 7');
    state.allowed = false;
    clock.advance(FEED_SETTINGS.recheckMs - 1);
    expect(await read()).toContain('id: 7');
    clock.advance(1);
    expect(await read()).toContain('event: end\ndata: {"code":"UNAUTHENTICATED"');
    expect(await read()).toBeNull();
    expect(state.closed).toBe(true);
  });

  it('are forgotten when the client hangs up', async () => {
    const { read, reader, state } = started();
    await read();
    await reader.cancel();
    expect(state.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(FEED_SETTINGS.slowMs * 2);
    expect(state.hungUp).toBe(false);
  });
});
