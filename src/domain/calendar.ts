import { assert } from '../lib/assert.ts';

/**
 * Indian Standard Time without a system clock or a zone database. IST has been +05:30 with no daylight saving since
 * 15 October 1945, so a fixed offset is exact for every date the OMS meets, and costs one addition on the hot path.
 * Days are text, "YYYY-MM-DD"; instants are Dates. All functions throw InvariantError on an invalid Date.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const IST_OFFSET_MS = 5 * HOUR_MS + 30 * MINUTE_MS;

/** A trading day begins at 06:00 IST, not at midnight (trading.md section 1). */
export const TRADING_DAY_START_HOUR = 6;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?$/;

/** The trading day of an instant: before 06:00 IST it is still the day before. */
export function tradingDayOf(instant: Date): string {
  return utcText(instant.getTime() + IST_OFFSET_MS - TRADING_DAY_START_HOUR * HOUR_MS).slice(0, 10);
}

/** The calendar date in India. */
export function istDateOf(instant: Date): string {
  return utcText(instant.getTime() + IST_OFFSET_MS).slice(0, 10);
}

/** RFC 3339 in IST with milliseconds: "2026-11-22T09:15:00.000+05:30". */
export function formatIst(instant: Date): string {
  return `${utcText(instant.getTime() + IST_OFFSET_MS).slice(0, 23)}+05:30`;
}

/** The wall time in India, "HH:MM:SS"; compares as text. */
export function istTimeOfDay(instant: Date): string {
  return utcText(instant.getTime() + IST_OFFSET_MS).slice(11, 19);
}

/** Milliseconds since midnight in India. */
export function istMsOfDay(instant: Date): number {
  const ms = instant.getTime() + IST_OFFSET_MS;
  assert(Number.isFinite(ms), 'an invalid Date has no time of day');
  return ((ms % DAY_MS) + DAY_MS) % DAY_MS;
}

/** The instant of a date and a time ("HH:MM", "HH:MM:SS" or with up to three decimals) in India. */
export function instantOfIst(day: string, time: string): Date {
  assert(TIME.test(time), `"${time}" is not a time of day`);
  return new Date(`${checkedDay(day)}T${time.length === 5 ? `${time}:00` : time}+05:30`);
}

/** The first instant of a trading day; the last is one millisecond before that of the next date. */
export function startOfTradingDay(day: string): Date {
  return instantOfIst(day, `0${TRADING_DAY_START_HOUR}:00`);
}

/** The date `days` later (or earlier, when negative). */
export function addDays(day: string, days: number): string {
  assert(Number.isSafeInteger(days), `${days} is not a whole number of days`);
  return utcText(Date.parse(`${checkedDay(day)}T00:00:00Z`) + days * DAY_MS).slice(0, 10);
}

/** 1 Monday to 7 Sunday. */
export function dayOfWeek(day: string): number {
  return new Date(`${checkedDay(day)}T00:00:00Z`).getUTCDay() || 7;
}

/** True for text that names a day that exists. */
export function isDay(text: string): boolean {
  if (!DAY.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // Some engines roll 30 February over to March.
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
}

/** True for "HH:MM", "HH:MM:SS", or with up to three decimals. */
export function isTimeOfDay(text: string): boolean {
  return TIME.test(text);
}

function checkedDay(day: string): string {
  assert(isDay(day), `"${day.slice(0, 20)}" is not a day`);
  return day;
}

/** Years 0 to 9999 only, where the text has its fixed width. */
function utcText(ms: number): string {
  assert(
    ms >= -62_167_219_200_000 && ms <= 253_402_300_799_999,
    'the instant is invalid or outside years 0 to 9999',
  );
  return new Date(ms).toISOString();
}
