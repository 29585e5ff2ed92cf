import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AccountPayload, OrderPayload } from '../../../src/queues/names.ts';
import type { Queues, Schedule } from '../../../src/queues/queues.ts';
import { eventually } from '../../support/wait.ts';
import { BACKENDS, recordingLog, type TestBackend } from './backends.ts';

const ORDER: OrderPayload = { accountId: 'main', orderId: '0189dcd5-5311-7d40-8db0-9496a2eef37b' };
const JOB = `${ORDER.orderId}-1`;
const MARK: Schedule = { name: 'mark', key: 'main', everyMs: 200, payload: { accountId: 'main' } };
const noWork = async (): Promise<void> => undefined;

function order(n: number): OrderPayload {
  return { accountId: 'main', orderId: `order-${n}` };
}

/** How long a call may take while the server answers: a stop of the machine is no outage. */
const PATIENT = { callTimeoutMs: 30_000 };
/** The tests of outages: a call gives up after production's second, which nothing here measures. */
const IMPATIENT = {};

describe.each(Object.keys(BACKENDS) as (keyof typeof BACKENDS)[])('queues on %s', (kind) => {
  let backend: TestBackend | null;
  const open: Queues[] = [];

  beforeAll(async () => {
    backend = await BACKENDS[kind]();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((queues) => queues.close({ timeoutMs: 2_000 })));
    if (backend !== null) await backend.flush();
  });
  afterAll(() => backend?.dispose());

  async function connect(options: Parameters<TestBackend['connect']>[0] = PATIENT): Promise<Queues> {
    const queues = await backend!.connect(options);
    open.push(queues);
    // Redis may still be connecting.
    await eventually(async () => expect(await queues.ping()).toMatchObject({ ok: true }), { what: 'a ping' });
    return queues;
  }

  it('hands a job to the worker of its queue with its ids alone', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const seen: unknown[] = [];
    queues.startWorker('submit', async (payload, signal) => void seen.push(payload, signal.aborted), {
      concurrency: 1,
    });
    const withState = { ...ORDER, price: '1' };
    expect(await queues.enqueue('submit', JOB, withState)).toBe(true);
    await eventually(() => expect(seen).toEqual([ORDER, false]), { what: 'the job' });
    await eventually(() => expect(queues.workersHealthy()).toBe(true), { what: 'a healthy worker' });
  });

  it('runs an id once that is added twice while it waits, and again when added after it ran', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    let runs = 0;
    for (let n = 0; n < 3; n += 1) expect(await queues.enqueue('validate', JOB, ORDER)).toBe(true);
    expect(await queues.enqueueMany('validate', [{ jobId: JOB, payload: ORDER }])).toBe(true);
    expect(await queues.counts('validate')).toEqual({ waiting: 1, active: 0, delayed: 0 });
    queues.startWorker('validate', async () => void (runs += 1), { concurrency: 5 });
    const drained = { waiting: 0, active: 0, delayed: 0 };
    const isDrained = async () => expect(await queues.counts('validate')).toEqual(drained);
    await eventually(isDrained, { what: 'an empty queue' });
    expect(runs).toBe(1);
    await queues.enqueue('validate', JOB, ORDER);
    await eventually(() => expect(runs).toBe(2), { what: 'the second run' });
  });

  it('keeps no trace of a job that failed, so that its id can be added again', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    let runs = 0;
    const fail = async (): Promise<void> => {
      runs += 1;
      throw new Error('no');
    };
    queues.startWorker('validate', fail, { concurrency: 1 });
    await queues.enqueue('validate', JOB, ORDER);
    await eventually(() => expect(runs).toBe(1), { what: 'the first run' });
    await eventually(
      async () => {
        await queues.enqueue('validate', JOB, ORDER);
        expect(runs).toBeGreaterThanOrEqual(2);
      },
      { what: 'the second run' },
    );
  });

  it('adds many jobs at once and runs them in the order of their priority', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const jobs = [3, 1, 2].map((n) => ({ jobId: `order-${n}-1`, payload: order(n), priority: n }));
    expect(await queues.enqueueMany('exit', [...jobs, { jobId: 'order-0-1', payload: order(0) }])).toBe(true);
    const seen: string[] = [];
    queues.startWorker('exit', async ({ orderId }) => void seen.push(orderId), { concurrency: 1 });
    const inOrder = ['order-0', 'order-1', 'order-2', 'order-3'];
    await eventually(() => expect(seen).toEqual(inOrder), { what: 'all jobs' });
  });

  it('reports what a handler throws, to a hook that may throw too, and goes on with the next job', async (test) => {
    test.skip(backend === null);
    const failed: unknown[][] = [];
    const log = recordingLog();
    const queues = await connect({
      ...PATIENT,
      log,
      onFailed: (...report) => {
        failed.push(report);
        throw new Error('the hook fails as well');
      },
    });
    const ugly = new Error('the broker said \u0000 and \ud800 here');
    const seen: string[] = [];
    queues.startWorker(
      'submit',
      async ({ orderId }) => {
        seen.push(orderId);
        if (orderId === 'order-1') throw ugly;
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        if (orderId === 'order-2') throw 'bullmq:rateLimitExceeded';
      },
      { concurrency: 1 },
    );
    for (const n of [1, 2, 3]) await queues.enqueue('submit', `order-${n}-1`, order(n));
    await eventually(() => expect(seen).toContain('order-3'), { what: 'the third job' });
    expect(failed).toEqual([
      ['submit', 'order-1-1', order(1), ugly],
      ['submit', 'order-2-1', order(2), 'bullmq:rateLimitExceeded'],
    ]);
    const empty = { waiting: 0, active: 0, delayed: 0 };
    await eventually(async () => expect(await queues.counts('submit')).toEqual(empty), {
      what: 'no leftovers',
    });
    expect(seen).toEqual(['order-1', 'order-2', 'order-3']);
    expect(log.lines.map((line) => line.message)).toContain('a job failed, and recording it failed too');
  });

  it('does not show a handler a payload it cannot read', async (test) => {
    test.skip(backend === null);
    const failed: string[] = [];
    const queues = await connect({ ...PATIENT, onFailed: (_name, jobId) => void failed.push(jobId) });
    const seen: unknown[] = [];
    queues.startWorker('submit', async (payload) => void seen.push(payload), { concurrency: 1 });
    await queues.enqueue('submit', 'bad-1', { accountId: 'main' } as OrderPayload);
    await queues.enqueue('submit', JOB, ORDER);
    await eventually(() => expect(seen).toEqual([ORDER]), { what: 'the good job' });
    expect(failed).toEqual(['bad-1']);
  });

  it.for(['', 'a:b', '123', 'a b', 'x'.repeat(151)])(
    'refuses %j as a job id without throwing',
    async (jobId, test) => {
      test.skip(backend === null);
      const queues = await connect();
      expect(await queues.enqueue('submit', jobId, ORDER)).toBe(false);
      expect(await queues.enqueueMany('submit', [{ jobId, payload: ORDER }])).toBe(false);
      expect(await queues.counts('submit')).toEqual({ waiting: 0, active: 0, delayed: 0 });
    },
  );

  it('holds back the jobs of a paused queue, counts them, and goes on after', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const seen: string[] = [];
    await queues
      .startWorker('exit', async ({ orderId }) => void seen.push(orderId), { concurrency: 1 })
      .waitUntilReady();
    expect(await queues.setPaused('exit', true)).toBe(true);
    expect(await queues.isPaused('exit')).toBe(true);
    await queues.enqueue('exit', 'order-1-1', order(1));
    await queues.enqueue('exit', 'order-2-1', order(2), { priority: 5 });
    expect((await queues.counts('exit'))?.waiting).toBe(2);
    expect(seen).toEqual([]);
    await queues.setPaused('exit', false);
    await eventually(() => expect(seen).toEqual(['order-1', 'order-2']), { what: 'the held jobs' });
    expect(await queues.isPaused('exit')).toBe(false);
  });

  it('ticks, is left alone when in place, and takes another interval', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const ticks: AccountPayload[] = [];
    queues.startWorker('mark', async (payload) => void ticks.push(payload), { concurrency: 1 });
    expect(await queues.ensureSchedules([MARK])).toBe(1);
    await eventually(() => expect(ticks.length).toBeGreaterThan(2), { what: 'ticks' });
    expect(ticks[0]).toEqual(MARK.payload);
    expect(await queues.ensureSchedules([MARK])).toBe(0);
    const slower: Schedule = { ...MARK, everyMs: 300 };
    expect(await queues.missingSchedules([slower])).toEqual([slower]);
    expect(await queues.ensureSchedules([slower])).toBe(1);
    expect(await queues.ensureSchedules([slower])).toBe(0);
    expect((await queues.counts('mark'))?.delayed).toBeLessThanOrEqual(1);
    const other = await connect();
    expect(await other.missingSchedules([slower, MARK])).toEqual([MARK]);
    expect(await queues.removeSchedule('mark', 'main')).toBe(true);
    expect(await queues.missingSchedules([slower])).toEqual([slower]);
  });

  it('keeps one armed run however often a schedule is put in place', async (test) => {
    test.skip(backend === null);
    const [first, second] = [await connect(), await connect()];
    for (let n = 0; n < 10; n += 1) {
      const placed = await Promise.all(
        [first, second].map((queues) => queues.upsertSchedule('poll', 'main', 60_000, { accountId: 'main' })),
      );
      expect(placed).toEqual([true, true]);
    }
    const counts = await first.counts('poll');
    expect(counts!.waiting + counts!.delayed).toBe(1);
  });

  it('ticks again after everything was flushed, once schedules are ensured', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    let ticks = 0;
    queues.startWorker('mark', async () => void (ticks += 1), { concurrency: 1 });
    await queues.ensureSchedules([MARK]);
    await eventually(() => expect(ticks).toBeGreaterThan(1), { what: 'ticks' });
    await backend!.flush();
    await eventually(async () => expect(await queues.missingSchedules([MARK])).toEqual([MARK]), {
      what: 'the loss to show',
    });
    expect(await queues.ensureSchedules([MARK])).toBe(1);
    const before = ticks;
    await eventually(() => expect(ticks).toBeGreaterThan(before + 1), { what: 'ticks after the flush' });
    let ran = false;
    queues.startWorker('submit', async () => void (ran = true), { concurrency: 1 });
    expect(await queues.enqueue('submit', JOB, ORDER)).toBe(true);
    await eventually(() => expect(ran).toBe(true), { what: 'a job after the flush' });
  });

  it('waits at close for the job that runs, and takes no other', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const began: string[] = [];
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    queues.startWorker(
      'submit',
      async ({ orderId }) => {
        began.push(orderId);
        await gate;
      },
      { concurrency: 1 },
    );
    await queues.enqueue('submit', 'order-1-1', order(1));
    await eventually(() => expect(began).toEqual(['order-1']), { what: 'the first job' });
    await queues.enqueue('submit', 'order-2-1', order(2));
    const closing = queues.close({ timeoutMs: 3_600_000 });
    finish();
    await closing;
    expect(began).toEqual(['order-1']);
    const other = await connect();
    expect(await other.counts('submit')).toEqual({ waiting: 1, active: 0, delayed: 0 });
    expect(await queues.enqueue('submit', JOB, ORDER)).toBe(false);
  });

  it('aborts the signal of a job that outlasts the time to close', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    let aborted = false;
    const worker = queues.startWorker(
      'submit',
      (_payload, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve();
          });
        }),
      { concurrency: 1 },
    );
    await queues.enqueue('submit', JOB, ORDER);
    await eventually(() => expect(worker.active()).toBe(1), { what: 'the job' });
    await queues.close({ timeoutMs: 200 });
    expect(aborted).toBe(true);
  });

  it('allows one worker of a queue, and another after that one closed', async (test) => {
    test.skip(backend === null);
    const queues = await connect();
    const worker = queues.startWorker('poll', noWork, { concurrency: 1 });
    expect(() => queues.startWorker('poll', noWork, { concurrency: 1 })).toThrow(/worker of poll already/);
    await worker.close();
    // Closed before they were ready, workers must not keep connections, which are counted on Postgres.
    for (let n = 0; n < 12; n += 1) await queues.startWorker('poll', noWork, { concurrency: 1 }).close();
    let ran = false;
    queues.startWorker('poll', async () => void (ran = true), { concurrency: 1 });
    await queues.enqueue('poll', 'p-1', { accountId: 'main' });
    await eventually(() => expect(ran).toBe(true), { what: 'the job' });
  });

  it('says no while the server is down, and works on when it is back', async (test) => {
    test.skip(backend === null);
    const queues = await connect(IMPATIENT);
    const seen: string[] = [];
    const handler = async ({ orderId }: OrderPayload): Promise<void> => void seen.push(orderId);
    await queues.startWorker('submit', handler, { concurrency: 1 }).waitUntilReady();
    await queues.enqueue('submit', 'order-1-1', order(1));
    await eventually(() => expect(seen).toEqual(['order-1']), { what: 'the job before' });
    await backend!.stopServer();
    for (let n = 0; n < 2; n += 1) expect(await queues.enqueue('submit', 'x-1', ORDER)).toBe(false);
    expect(await queues.enqueueMany('submit', [{ jobId: 'y-1', payload: ORDER }])).toBe(false);
    expect(await queues.ping()).toMatchObject({ ok: false });
    expect(await queues.counts('submit')).toBeNull();
    expect(await queues.ensureSchedules([MARK])).toBeNull();
    expect(await queues.upsertSchedule('mark', 'main', 200, MARK.payload)).toBe(false);
    await backend!.startServer();
    await eventually(
      async () => {
        expect(await queues.enqueue('submit', 'order-2-1', order(2))).toBe(true);
        expect(seen).toContain('order-2');
      },
      { what: 'the job after', intervalMs: 100 },
    );
  });

  it('says no while the server does not answer, works on when it does, and closes in between', async (test) => {
    test.skip(backend === null);
    const queues = await connect(IMPATIENT);
    const seen: string[] = [];
    const handler = async ({ orderId }: OrderPayload): Promise<void> => void seen.push(orderId);
    await queues.startWorker('submit', handler, { concurrency: 1 }).waitUntilReady();
    const other = await connect(IMPATIENT);
    await other.startWorker('exit', noWork, { concurrency: 1 }).waitUntilReady();
    await backend!.freezeServer();
    try {
      expect(await queues.enqueue('submit', 'order-1-1', order(1))).toBe(false);
      // The bound of a call, or the Redis client's own, which is the same second.
      expect(await queues.ping()).toMatchObject({
        ok: false,
        error: expect.stringMatching(/no answer in 1000 ms|Command timed out/) as string,
      });
      // Nobody waits for a silent server a second time: a burst would wait that long at every step.
      const began = performance.now();
      for (let n = 0; n < 20; n += 1)
        expect(await queues.enqueue('submit', 'order-1-1', order(1))).toBe(false);
      expect(performance.now() - began).toBeLessThan(10_000);
      await other.close({ timeoutMs: 500 });
    } finally {
      await backend!.thawServer();
    }
    await eventually(
      async () => {
        expect(await queues.enqueue('submit', 'order-2-1', order(2))).toBe(true);
        expect(seen).toContain('order-2');
      },
      { what: 'the job after', intervalMs: 100 },
    );
  });

  it('closes while the server is down', async (test) => {
    test.skip(backend === null);
    const queues = await backend!.connect();
    for (const name of ['submit', 'exit', 'poll'] as const) {
      await queues.startWorker(name, noWork, { concurrency: 1 }).waitUntilReady();
    }
    await backend!.stopServer();
    try {
      await queues.close({ timeoutMs: 500 });
    } finally {
      await backend!.startServer();
    }
  });

  it('brings back a worker that was started while the server was down', async (test) => {
    test.skip(backend === null);
    const queues = await connect(IMPATIENT);
    await backend!.stopServer();
    let ran = false;
    queues.startWorker('exit', async () => void (ran = true), { concurrency: 1 });
    expect(queues.workersHealthy()).toBe(false);
    await eventually(async () => expect(await queues.ping()).toMatchObject({ ok: false }), {
      what: 'the outage',
    });
    await backend!.startServer();
    await eventually(
      async () => {
        await queues.enqueue('exit', JOB, ORDER);
        expect(ran).toBe(true);
      },
      { what: 'the job', intervalMs: 100 },
    );
    await eventually(() => expect(queues.workersHealthy()).toBe(true), { what: 'a healthy worker' });
  });
});
