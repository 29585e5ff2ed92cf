import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createOrderWaiter } from '../../../src/api/order-waiter.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import { systemClock } from '../../../src/time/clock.ts';

const isFilled = (status: OrderStatus) => status === 'FILLED';
const never = new AbortController().signal;
setMaxListeners(0, never);

function fixture() {
  const statuses = new Map<string, OrderStatus>();
  const looks: number[] = [];
  let failures = 0;
  const wait = createOrderWaiter(async (orders) => {
    looks.push(orders.length);
    if (failures-- > 0) throw new Error('no answer');
    return statuses;
  }, systemClock);
  const order = (orderId: string, timeoutMs: number, signal = never) =>
    wait({ accountId: 'main', orderId, isDone: isFilled, timeoutMs, signal });
  return { statuses, looks, order, fail: (times: number) => (failures = times) };
}

describe('waiting for orders', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('many wait with one statement a look', async () => {
    const { statuses, looks, order } = fixture();
    const all = Promise.all(Array.from({ length: 50 }, (_, i) => order(`o${String(i)}`, 5000)));
    await vi.advanceTimersByTimeAsync(100);
    expect(looks.length).toBeGreaterThan(2);
    expect(Math.min(...looks)).toBe(50);
    expect(looks.length).toBeLessThan(10);
    for (let i = 0; i < 50; i++) statuses.set(`main/o${String(i)}`, 'FILLED');
    await vi.advanceTimersByTimeAsync(100);
    await all;
    const after = looks.length;
    await vi.advanceTimersByTimeAsync(1000);
    expect(looks).toHaveLength(after);
  });

  test('looks grow rarer: a second takes about a dozen', async () => {
    const { looks, order } = fixture();
    const waiting = order('o1', 1000);
    await vi.advanceTimersByTimeAsync(1000);
    await waiting;
    expect(looks.length).toBeGreaterThan(10);
    expect(looks.length).toBeLessThan(16);
  });

  test('a look that fails is only a later look', async () => {
    const { statuses, order, fail } = fixture();
    fail(3);
    statuses.set('main/o1', 'FILLED');
    let isDone = false;
    void order('o1', 5000).then(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(60);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(140);
    expect(isDone).toBe(true);
  });

  test('an abort ends the wait, also one that came before', async () => {
    const { order } = fixture();
    const hangUp = new AbortController();
    const waiting = order('o1', 30_000, hangUp.signal);
    hangUp.abort();
    await waiting;
    await order('o2', 30_000, hangUp.signal);
  });

  test('an order placed while another is looked at rarely is looked at soon', async () => {
    const { statuses, order } = fixture();
    void order('slow', 3000);
    await vi.advanceTimersByTimeAsync(600);
    statuses.set('main/quick', 'FILLED');
    let isDone = false;
    void order('quick', 3000).then(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(15);
    expect(isDone).toBe(true);
  });
});
