import { assert } from '../lib/assert.ts';
import {
  CLOSE_TIMEOUT_MS,
  errorText,
  HOOK_TIMEOUT_MS,
  IDLE_CLOSE_MS,
  REBUILD_AFTER_MS,
  sleep,
  WATCH_EVERY_MS,
  within,
} from './bounds.ts';
import type { DriverJob, DriverWorker, QueueDriver } from './driver.ts';
import { parsePayload, type QueueName } from './names.ts';
import type { JobHandler, OnEnded, OnFailed, QueueLog, QueueWorker } from './queues.ts';
import { QuietLog } from './quiet-log.ts';

/**
 * One worker, kept alive. Promises: an error of the handler never leaves this file but through `onFailed`; a BullMQ
 * object that could not connect, or that begins no job while jobs wait, is replaced; `close` always returns.
 */
export class WatchedWorker<Name extends QueueName> implements QueueWorker {
  readonly name: Name;
  readonly #deps: WorkerDeps<Name>;
  readonly #quiet: QuietLog;
  readonly #closing = new AbortController();
  readonly #running = new Set<AbortController>();
  #driver: DriverWorker | null = null;
  #ready = false;
  #closed: Promise<void> | null = null;
  #begun = 0;
  #begunAtLastLook = 0;
  #stuckLooks = 0;
  readonly #watch: NodeJS.Timeout;
  #onChange: (() => void)[] = [];

  constructor(name: Name, deps: WorkerDeps<Name>) {
    assert(
      Number.isSafeInteger(deps.concurrency) && deps.concurrency >= 1 && deps.concurrency <= 1_000,
      `concurrency ${deps.concurrency} of queue ${name} is not between 1 and 1000`,
    );
    this.name = name;
    this.#deps = deps;
    this.#quiet = new QuietLog(deps.log);
    this.#watch = setInterval(() => void this.#look(), WATCH_EVERY_MS);
    this.#watch.unref();
    this.#build();
  }

  active(): number {
    return this.#running.size;
  }

  healthy(): boolean {
    return this.#ready;
  }

  async waitUntilReady(): Promise<void> {
    while (!this.#ready) {
      assert(!this.#isClosing(), `the worker of ${this.name} is closed`);
      await this.#change();
    }
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    return this.#closed;
  }

  /** BullMQ's close takes no more jobs from the first moment on, and is waited for as long as it makes sense. */
  async #close(timeoutMs: number): Promise<void> {
    clearInterval(this.#watch);
    this.#closing.abort();
    this.#ready = false;
    this.#changed();
    if (this.#driver !== null) await this.#closeDriver(this.#driver, timeoutMs);
    this.#deps.onClosed();
  }

  async #closeDriver(driver: DriverWorker, timeoutMs: number): Promise<void> {
    const closed = driver.close().then(
      () => true,
      (error: unknown) => {
        this.#quiet.warn({ queue: this.name }, 'closing a worker failed', error);
        return false;
      },
    );
    const over = new AbortController();
    const tooLate = async (ms: number): Promise<boolean> => {
      await sleep(ms, over.signal);
      return false;
    };
    const hangs = this.#idle().then(() => tooLate(IDLE_CLOSE_MS));
    let inPeace = await Promise.race([closed, tooLate(timeoutMs), hangs]);
    if (!inPeace && this.#running.size > 0) {
      this.#deps.log.warn({ queue: this.name, running: this.#running.size }, 'running jobs are told to stop');
      for (const controller of this.#running) controller.abort();
      inPeace = await Promise.race([closed, tooLate(IDLE_CLOSE_MS)]);
    }
    over.abort();
    if (!inPeace) driver.destroy();
  }

  #build(): void {
    const driver = this.#deps.driver.openWorker(this.name, (job) => this.#run(job), this.#deps.concurrency);
    this.#driver = driver;
    driver.onError((error) => this.#quiet.warn({ queue: this.name }, 'a queue worker complains', error));
    driver.waitUntilReady().then(
      () => {
        if (this.#driver !== driver || this.#isClosing()) return;
        this.#ready = true;
        this.#changed();
      },
      (error: unknown) => {
        this.#quiet.warn({ queue: this.name }, 'a queue worker could not connect and is built again', error);
        void this.#rebuild(driver);
      },
    );
  }

  async #rebuild(old: DriverWorker): Promise<void> {
    if (this.#driver !== old || this.#isClosing()) return;
    this.#ready = false;
    this.#driver = null;
    old.destroy();
    await sleep(REBUILD_AFTER_MS, this.#closing.signal);
    if (!this.#isClosing()) this.#build();
  }

  /** Jobs that wait at two looks in a row, while none runs and none was begun, mean a worker that is dead but silent. */
  async #look(): Promise<void> {
    const driver = this.#driver;
    const idle = this.#running.size === 0 && this.#begun === this.#begunAtLastLook;
    this.#begunAtLastLook = this.#begun;
    const stuck = driver !== null && this.#ready && idle && (await this.#deps.jobsWait(this.name));
    this.#stuckLooks = stuck ? this.#stuckLooks + 1 : 0;
    if (driver === null || this.#stuckLooks < 2 || this.#running.size > 0) return;
    this.#stuckLooks = 0;
    this.#deps.log.error({ queue: this.name }, 'jobs wait but the worker begins none; it is built again');
    await this.#rebuild(driver);
  }

  async #run(job: DriverJob): Promise<void> {
    const controller = new AbortController();
    this.#running.add(controller);
    this.#begun += 1;
    let ok = false;
    try {
      const payload = parsePayload(this.name, job.data);
      if (!payload.ok) throw new Error(payload.error);
      await this.#deps.handler(payload.value, controller.signal);
      ok = true;
    } catch (error) {
      await this.#report(job, error);
      // A fresh error: its text is safe for jsonb, and no name or text of the old one steers BullMQ.
      throw new Error(`${this.name}: ${errorText(error)}`);
    } finally {
      this.#running.delete(controller);
      this.#changed();
      this.#deps.onEnded(this.name, ok);
    }
  }

  async #report(job: DriverJob, error: unknown): Promise<void> {
    const jobId = job.id ?? '';
    try {
      const reported = (async () => this.#deps.onFailed(this.name, jobId, job.data, error))();
      await within(reported, HOOK_TIMEOUT_MS, 'onFailed');
    } catch (hookError) {
      const fields = { queue: this.name, jobId, error: errorText(error), hookError: errorText(hookError) };
      this.#deps.log.error(fields, 'a job failed, and recording it failed too');
    }
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await this.#change();
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#onChange.push(resolve));
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }
}

export interface WorkerDeps<Name extends QueueName> {
  readonly driver: QueueDriver;
  readonly handler: JobHandler<Name>;
  readonly concurrency: number;
  readonly onFailed: OnFailed;
  readonly onEnded: OnEnded;
  /** True when jobs wait in a queue that is not paused; false when that cannot be known. */
  readonly jobsWait: (name: QueueName) => Promise<boolean>;
  readonly onClosed: () => void;
  readonly log: QueueLog;
}
