import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../time/clock.ts';
import { OVERDUE_MS, REPAIR_AGAIN_AFTER_MS } from './bounds.ts';
import type { QueueName } from './names.ts';
import type { Schedule } from './queues.ts';

/** What the check needs of the queues; both calls throw when they do not answer. */
export interface ScheduleReader {
  /** Next run of each schedule of a queue, epoch milliseconds, by key. */
  nextRuns(name: QueueName): Promise<ReadonlyMap<string, number>>;
  /** The interval of one schedule, null when there is none. */
  intervalOf(name: QueueName, key: string): Promise<number | null>;
}

const KEY = /^[A-Za-z0-9._-]{1,64}$/;
/** BullMQ runs at most one of a schedule per call anyway; a shorter beat is a mistake. */
const MIN_EVERY_MS = 100;

export function isScheduleKey(text: string): boolean {
  return KEY.test(text);
}

export function isInterval(everyMs: number): boolean {
  return Number.isSafeInteger(everyMs) && everyMs >= MIN_EVERY_MS;
}

/** Schedules begin within this, milliseconds, however long their interval is. */
const SPREAD_MS = 1_000;

/**
 * How long after it is put in place a schedule first runs, milliseconds; it keeps that beat. Accounts polled all at the
 * same instant would hold up each other, and every order that comes in then.
 */
export function phaseMs(name: QueueName, key: string, everyMs: number): number {
  const digest = createHash('sha256').update(`${name}/${key}`).digest();
  return digest.readUInt32BE() % Math.min(everyMs, SPREAD_MS);
}

/**
 * Finds schedules to put back with one read per queue. The interval is read once per schedule and process, since only
 * another version of this program would change it behind our back.
 */
export class ScheduleCheck {
  readonly #reader: ScheduleReader;
  readonly #clock: Clock;
  readonly #knownInterval = new Map<string, number>();
  readonly #repairedAtMs = new Map<string, number>();

  constructor(reader: ScheduleReader, clock: Clock = systemClock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  async missing(expected: readonly Schedule[]): Promise<readonly Schedule[]> {
    const missing: Schedule[] = [];
    for (const name of new Set(expected.map((schedule) => schedule.name))) {
      const nextRuns = await this.#reader.nextRuns(name);
      for (const schedule of expected) {
        if (schedule.name === name && !(await this.#isInPlace(schedule, nextRuns.get(schedule.key)))) {
          missing.push(schedule);
        }
      }
    }
    return missing;
  }

  /** To be told of every schedule that was put in place. */
  placed(schedule: Pick<Schedule, 'name' | 'key' | 'everyMs'>): void {
    const id = idOf(schedule);
    this.#knownInterval.set(id, schedule.everyMs);
    this.#repairedAtMs.set(id, this.#clock.monotonicMs());
  }

  removed(name: QueueName, key: string): void {
    this.#knownInterval.delete(idOf({ name, key }));
    this.#repairedAtMs.delete(idOf({ name, key }));
  }

  async #isInPlace(schedule: Schedule, nextRun: number | undefined): Promise<boolean> {
    if (nextRun === undefined) return false;
    const id = idOf(schedule);
    const known = this.#knownInterval.get(id) ?? (await this.#reader.intervalOf(schedule.name, schedule.key));
    if (known !== schedule.everyMs) return false;
    this.#knownInterval.set(id, known);
    // An overdue run may only wait for a worker; then putting it back moves it to the end, so not every time.
    const overdueMs = this.#clock.now().getTime() - nextRun;
    if (overdueMs < 3 * schedule.everyMs + OVERDUE_MS) return true;
    const sinceRepairMs =
      this.#clock.monotonicMs() - (this.#repairedAtMs.get(id) ?? Number.NEGATIVE_INFINITY);
    return sinceRepairMs < Math.max(REPAIR_AGAIN_AFTER_MS, 3 * schedule.everyMs);
  }
}

function idOf(schedule: { readonly name: QueueName; readonly key: string }): string {
  return `${schedule.name}/${schedule.key}`;
}
