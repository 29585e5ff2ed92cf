/** Where the exchange takes its time from; the composition root passes the system's clock. */
export interface Clock {
  now(): Date;
}

const IST_OFFSET_MS = 19_800_000;
const DAY_MS = 86_400_000;

/** Kite's naive time: `yyyy-mm-dd hh:mm:ss` in IST, whatever the process's zone. */
export function istDateTime(atMs: number): string {
  return new Date(atMs + IST_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** `hh:mm:ss` in IST: the short order_timestamp of Kite's trades. */
export function istTime(atMs: number): string {
  return istDateTime(atMs).slice(11);
}

/** `yyyy-mm-dd` in IST. */
function istDate(atMs: number): string {
  return istDateTime(atMs).slice(0, 10);
}

/** The number of whole IST days since 1970: a key for daily counters. */
export function istDayNumber(atMs: number): number {
  return Math.floor((atMs + IST_OFFSET_MS) / DAY_MS);
}

/** The last Tuesday of the month that is not before `atMs`'s IST date, as `yyyy-mm-dd` (NSE's monthly expiry). */
export function comingMonthlyExpiry(atMs: number): string {
  const today = istDate(atMs);
  const year = Number(today.slice(0, 4));
  const month = Number(today.slice(5, 7)) - 1;
  const thisMonth = lastTuesday(year, month);
  return thisMonth >= today ? thisMonth : lastTuesday(year, month + 1);
}

function lastTuesday(year: number, month: number): string {
  const lastDay = new Date(Date.UTC(year, month + 1, 0));
  const daysBack = (lastDay.getUTCDay() + 5) % 7;
  return new Date(lastDay.getTime() - daysBack * DAY_MS).toISOString().slice(0, 10);
}
