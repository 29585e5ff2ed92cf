import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectedQueues } from '../../../src/queues/connected-queues.ts';
import type { DriverJob, DriverQueue, DriverWorker, QueueDriver } from '../../../src/queues/driver.ts';
import type { QueueCounts, QueueLog } from '../../../src/queues/queues.ts';

const silent: QueueLog = { info() {}, warn() {}, error() {} };
const never = new Promise<never>(() => undefined);
const noWork = async (): Promise<void> => undefined;

/** A driver whose objects do what the test says. */
class FakeDriver implements QueueDriver {
  readonly kind = 'redis';
  workers: { run: (job: DriverJob) => Promise<void>; destroyed: boolean }[] = [];
  queuesOpened = 0;
  destroyed = false;
  ready: () => Promise<void> = () => Promise.resolve();
  queueReady: () => Promise<void> = () => Promise.resolve();
  workerClose: () => Promise<void> = () => Promise.resolve();
  answer: () => Promise<unknown> = () => Promise.resolve();
  counts: QueueCounts = { waiting: 0, active: 0, delayed: 0 };
  paused = false;

  openQueue(): DriverQueue {
    this.queuesOpened += 1;
    const answer = () => this.answer();
    const queue = {
      ...{ add: answer, addBulk: answer, upsertJobScheduler: answer, removeJobScheduler: answer },
      ...{ getJobScheduler: answer, pause: answer, resume: answer, schedules: answer, close: answer },
      counts: async () => this.counts,
      isPaused: async () => this.paused,
      waitUntilReady: () => this.queueReady(),
      onError: () => undefined,
    };
    return queue as unknown as DriverQueue;
  }

  openWorker(_name: string, run: (job: DriverJob) => Promise<void>): DriverWorker {
    const state = { run, destroyed: false };
    this.workers.push(state);
    return {
      waitUntilReady: () => this.ready(),
      close: () => this.workerClose(),
      destroy: () => void (state.destroyed = true),
      onError: () => undefined,
    };
  }

  async exclusively(work: () => Promise<unknown>): Promise<void> {
    await work();
  }
  async ping(): Promise<void> {
    await this.answer();
  }
  async close(): Promise<void> {
    await this.answer();
  }
  destroy(): void {
    this.destroyed = true;
  }
}

describe('workers on a backend that fails in silence', () => {
  let driver: FakeDriver;
  const failed = vi.fn();
  const connect = () => new ConnectedQueues(driver, silent, { onFailed: failed, onEnded: () => undefined });

  beforeEach(() => {
    vi.useFakeTimers();
    driver = new FakeDriver();
    failed.mockReset();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('builds a worker again that could not connect, until it can', async () => {
    driver.ready = () => Promise.reject(new Error('refused'));
    const queues = connect();
    const worker = queues.startWorker('submit', noWork, { concurrency: 1 });
    await vi.advanceTimersByTimeAsync(2_500);
    expect(driver.workers).toHaveLength(3);
    expect(driver.workers.slice(0, 2).every((one) => one.destroyed)).toBe(true);
    expect(queues.workersHealthy()).toBe(false);
    driver.ready = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    await worker.waitUntilReady();
    expect(queues.workersHealthy()).toBe(true);
  });

  it('opens a queue again that could not connect', async () => {
    driver.queueReady = () => Promise.reject(new Error('refused'));
    connect();
    const atStart = driver.queuesOpened;
    await vi.advanceTimersByTimeAsync(0);
    driver.queueReady = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(driver.queuesOpened).toBe(2 * atStart);
  });

  it('replaces a worker that begins nothing while jobs wait at two looks', async () => {
    const queues = connect();
    queues.startWorker('submit', noWork, { concurrency: 1 });
    driver.counts = { waiting: 1, active: 0, delayed: 0 };
    await vi.advanceTimersByTimeAsync(16_000);
    expect(driver.workers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(driver.workers.map((one) => one.destroyed)).toEqual([true, false]);
  });

  it('leaves a worker alone that is paused, busy, at work or without jobs', async () => {
    const queues = connect();
    queues.startWorker('submit', () => never, { concurrency: 1 });
    await vi.advanceTimersByTimeAsync(60_000);
    driver.counts = { waiting: 1, active: 0, delayed: 0 };
    driver.paused = true;
    await vi.advanceTimersByTimeAsync(60_000);
    void driver.workers[0]!.run({ id: 'j-1', data: { accountId: 'main', orderId: 'o' } });
    driver.paused = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(driver.workers).toHaveLength(1);
  });

  it('fails the job when the hook that records failures hangs', async () => {
    failed.mockReturnValue(never);
    const queues = connect();
    queues.startWorker('submit', () => Promise.reject(new Error('no \u0000')), { concurrency: 1 });
    const run = driver.workers[0]!.run({ id: 'j-1', data: { accountId: 'main', orderId: 'o' } });
    const outcome = expect(run).rejects.toThrow(/^submit: no $/);
    await vi.advanceTimersByTimeAsync(5_000);
    await outcome;
  });

  it('reports a handler that throws before its first await', async () => {
    const queues = connect();
    const error = new Error('at once');
    queues.startWorker(
      'submit',
      () => {
        throw error;
      },
      { concurrency: 1 },
    );
    const data = { accountId: 'main', orderId: 'o' };
    await expect(driver.workers[0]!.run({ id: 'j-1', data })).rejects.toThrow('at once');
    expect(failed).toHaveBeenCalledExactlyOnceWith('submit', 'j-1', data, error);
  });

  it('answers no within a second when the backend never answers', async () => {
    const queues = connect();
    driver.answer = () => never;
    const answers = Promise.all([
      queues.enqueue('poll', 'p-1', { accountId: 'main' }),
      queues.enqueueMany('poll', [{ jobId: 'p-2', payload: { accountId: 'main' } }]),
      queues.upsertSchedule('poll', 'main', 1_000, { accountId: 'main' }),
      queues.setPaused('poll', true),
      queues.missingSchedules([
        { name: 'poll', key: 'main', everyMs: 1_000, payload: { accountId: 'main' } },
      ]),
      queues.ping(),
    ]);
    await vi.advanceTimersByTimeAsync(1_000);
    const health = { ok: false, error: 'ping: no answer in 1000 ms' };
    expect(await answers).toEqual([false, false, false, false, null, health]);
  });

  it('closes an idle worker that never closes after a second, a busy one after its time', async () => {
    driver.workerClose = () => never;
    const idle = connect();
    idle.startWorker('submit', noWork, { concurrency: 1 });
    const idleClosed = vi.fn();
    void idle.close({ timeoutMs: 10_000 }).then(idleClosed);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(idleClosed).toHaveBeenCalled();
    expect(driver.workers[0]!.destroyed && driver.destroyed).toBe(true);

    driver.answer = () => never;
    const busy = connect();
    let signal: AbortSignal | undefined;
    busy.startWorker('submit', (_payload, given) => ((signal = given), never), { concurrency: 1 });
    void driver.workers[1]!.run({ id: 'j-1', data: { accountId: 'main', orderId: 'o' } });
    const busyClosed = vi.fn();
    void busy.close({ timeoutMs: 10_000 }).then(busyClosed);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(2_200);
    expect(signal?.aborted).toBe(true);
    expect(busyClosed).toHaveBeenCalled();
  });

  it('refuses a batch beyond its bound, a bad interval and a bad priority without throwing', async () => {
    const queues = connect();
    const payload = { accountId: 'main' };
    const jobs = Array.from({ length: 1_001 }, (_, n) => ({ jobId: `p-${n}`, payload }));
    expect(await queues.enqueueMany('poll', jobs)).toBe(false);
    expect(await queues.enqueueMany('poll', jobs.slice(0, 1_000))).toBe(true);
    expect(await queues.enqueueMany('poll', [])).toBe(true);
    expect(await queues.upsertSchedule('poll', 'main', 5, payload)).toBe(false);
    expect(await queues.upsertSchedule('poll', 'a:b', 1_000, payload)).toBe(false);
    for (const priority of [0, 1.5, 2_097_152]) {
      expect(await queues.enqueue('poll', 'p-1', payload, { priority })).toBe(false);
    }
    expect(() => queues.startWorker('poll', noWork, { concurrency: 0 })).toThrow(/concurrency/);
  });
});
