/** The worker processes of a run, and who starts them again when they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait.ts';

/** Six processes: more would only wait for the two cores of a CI machine. Two of them send orders. */
export const GROUPS = {
  api: ['dist/workers/api.js'],
  validator: ['test/simulation/processes/group.mjs', 'validator,alerter'],
  'submitter-a': ['test/simulation/processes/group.mjs', 'submitter'],
  'submitter-b': ['test/simulation/processes/group.mjs', 'submitter,market-data'],
  poller: ['test/simulation/processes/group.mjs', 'fill-poller,reconciler'],
  dispatcher: ['test/simulation/processes/group.mjs', 'dispatcher,risk-monitor'],
} as const;
export type Group = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as Group[];

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHIFT_CLOCK = 'test/simulation/processes/shift-clock.mjs';
/** Loaded into every process of a run. */
export const END_WITH_PARENT = ['--import', './test/simulation/processes/end-with-parent.mjs'] as const;
const RESTART_PAUSE_MS = 150;
/** After each start that ended at once; a database that is down ends them all. */
const LONGEST_PAUSE_MS = 1000;
const KEPT_OUTPUT = 40_000;

/** How the next life of a process differs. */
export interface Life {
  /** As SAUDA_FAILPOINTS. */
  readonly failpoints?: string;
  readonly clockShiftMs?: number;
}

interface Slot {
  child: ChildProcess | null;
  output: string;
  next: Life;
  /** Stopped by us: not to be started again. */
  held: boolean;
  ready: boolean;
  failedStarts: number;
  killedByUs: boolean;
}

export class Workers {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #slots = new Map<Group, Slot>();
  #supervising = false;
  /** Ends by SIGKILL, by us or by an armed failpoint, and how often one was started. */
  kills = 0;
  failpointKills = 0;
  starts = 0;
  /** Ends that nobody asked for, with the last words. */
  readonly crashes: string[] = [];

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    for (const name of GROUP_NAMES) {
      this.#slots.set(name, {
        child: null,
        output: '',
        next: {},
        held: true,
        ready: false,
        failedStarts: 0,
        killedByUs: false,
      });
    }
  }

  async startAll(): Promise<void> {
    this.#supervising = true;
    for (const name of GROUP_NAMES) this.release(name);
    await this.allReady('at the start');
  }

  /** Waits until every process runs. */
  async allReady(when: string, timeoutMs = 120_000): Promise<void> {
    await waitFor(() => GROUP_NAMES.every((name) => this.#slot(name).ready), {
      what: `every process to run ${when}`,
      timeoutMs,
      intervalMs: 50,
    }).catch((error: unknown) => {
      const missing = GROUP_NAMES.filter((name) => !this.#slot(name).ready);
      throw new Error(`${String(error)}; missing: ${missing.join(', ')}\n${this.outputOf(missing[0]!)}`);
    });
  }

  isReady(name: Group): boolean {
    return this.#slot(name).ready;
  }

  outputOf(name: Group): string {
    return this.#slot(name).output.slice(-4000);
  }

  /** SIGKILL; it is started again with `next`, unless it is held. */
  async kill(name: Group, next: Life = {}): Promise<void> {
    const slot = this.#slot(name);
    slot.next = next;
    const { child } = slot;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    this.kills += 1;
    slot.killedByUs = true;
    child.kill('SIGKILL');
    child.kill('SIGCONT');
    await exited;
  }

  /** Killed, and not started again until `release`. */
  async hold(name: Group): Promise<void> {
    this.#slot(name).held = true;
    await this.kill(name);
  }

  release(name: Group): void {
    const slot = this.#slot(name);
    slot.held = false;
    if (slot.child === null) this.#start(name);
  }

  /** Stops it without ending it, then lets it go on. */
  async pause(name: Group, ms: number): Promise<void> {
    const child = this.#slot(name).child;
    child?.kill('SIGSTOP');
    await sleep(ms);
    child?.kill('SIGCONT');
  }

  /** SIGTERM to all; how each ended. */
  async stopAll(): Promise<void> {
    this.#supervising = false;
    for (const name of GROUP_NAMES) this.#slot(name).held = true;
    await Promise.all(
      GROUP_NAMES.map(async (name) => {
        const child = this.#slot(name).child;
        if (child === null || child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        child.kill('SIGCONT');
        const late = sleep(15_000, 'late', { ref: false });
        if ((await Promise.race([exited, late])) === 'late') {
          child.kill('SIGKILL');
          await exited;
        }
      }),
    );
  }

  #slot(name: Group): Slot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new Error(`there is no process ${name}`);
    return slot;
  }

  #start(name: Group): void {
    const slot = this.#slot(name);
    const { failpoints, clockShiftMs } = slot.next;
    slot.next = {};
    const preload = clockShiftMs === undefined ? [] : ['--import', `./${SHIFT_CLOCK}`];
    const child = spawn(process.execPath, [...END_WITH_PARENT, ...preload, ...GROUPS[name]], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'] ?? '',
        ...this.#environment,
        LOG_LEVEL: 'info',
        ...(failpoints === undefined ? {} : { SAUDA_FAILPOINTS: failpoints }),
        ...(clockShiftMs === undefined ? {} : { SIM_CLOCK_SHIFT_MS: String(clockShiftMs) }),
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.starts += 1;
    slot.child = child;
    slot.ready = false;
    slot.killedByUs = false;
    const keep = (chunk: Buffer): void => {
      const text = chunk.toString('utf8');
      slot.output = (slot.output + text).slice(-KEPT_OUTPUT);
      if (!slot.ready && text.includes('"msg":"running"')) {
        slot.ready = true;
        slot.failedStarts = 0;
      }
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('exit', (code, signal) => {
      const wasReady = slot.ready;
      slot.child = null;
      slot.ready = false;
      if (!this.#supervising) return;
      if (signal === 'SIGKILL' && !slot.killedByUs) {
        this.failpointKills += 1;
      } else if (signal === null && wasReady && code !== 0) {
        this.crashes.push(`${name} ended with ${code ?? 'null'}: ${slot.output.slice(-600)}`);
      }
      if (!wasReady) slot.failedStarts += 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, RESTART_PAUSE_MS * 2 ** slot.failedStarts);
      setTimeout(() => {
        if (this.#supervising && !slot.held && slot.child === null) this.#start(name);
      }, pauseMs);
    });
  }
}
