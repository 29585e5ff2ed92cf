import { addDays, dayOfWeek, istDateOf, istTimeOfDay } from './calendar.ts';
import type { Exchange } from './instrument.ts';

/** Hours by segment in Indian time; holidays are an operator's list, for no calendar comes with the instruments. */
export const SEGMENTS = ['EQUITY', 'DERIVATIVES', 'CURRENCY', 'COMMODITY'] as const;
export type Segment = (typeof SEGMENTS)[number];

export interface SessionRules {
  /** always: a paper market that never closes, so nothing is judged by the clock. */
  readonly hours: 'always' | 'exchange';
  /** Days, "YYYY-MM-DD", on which nothing trades. */
  readonly holidays: readonly string[];
  /** Last time of day for a MIS entry, "HH:MM" in India; null: any time of the session. */
  readonly lastMisEntry: Readonly<Record<Segment, string | null>>;
}

export function segmentOf(exchange: Exchange): Segment {
  switch (exchange) {
    case 'NSE':
    case 'BSE':
      return 'EQUITY';
    case 'NFO':
    case 'BFO':
      return 'DERIVATIVES';
    case 'CDS':
    case 'BCD':
      return 'CURRENCY';
    case 'MCX':
      return 'COMMODITY';
  }
}

/** From this day on equity derivatives trade ten minutes longer (kite.md section 3.15). */
const LONGER_DERIVATIVES = '2026-08-03';
const SATURDAY = 6;

/** When a segment takes regular orders on a trading day, the pre-open of shares included; "HH:MM", close excluded. */
export function hoursOn(segment: Segment, day: string): { readonly opens: string; readonly closes: string } {
  switch (segment) {
    case 'EQUITY':
      return { opens: '09:00', closes: '15:30' };
    case 'DERIVATIVES':
      return { opens: '09:15', closes: day >= LONGER_DERIVATIVES ? '15:40' : '15:30' };
    case 'CURRENCY':
      return { opens: '09:00', closes: '17:00' };
    case 'COMMODITY':
      return { opens: '09:00', closes: isUsWinter(day) ? '23:55' : '23:30' };
  }
}

/** From this day on shares with derivatives end their day with an auction that takes no stops (kite.md section 3.15). */
const CLOSING_AUCTION = '2026-08-03';

/**
 * When stops of a segment can trigger for the last time on a trading day, "HH:MM": the end of continuous trading. No
 * list of the shares with derivatives comes with the instruments, so their earlier end is that of every share.
 */
export function stopsEnd(segment: Segment, day: string): string {
  return segment === 'EQUITY' && day >= CLOSING_AUCTION ? '15:15' : hoursOn(segment, day).closes;
}

/** Whether the segment takes regular orders at an instant, and the day's hours; no hours on a day off. */
export function sessionAt(
  segment: Segment,
  at: Date,
  holidays: readonly string[],
): { readonly isOpen: boolean; readonly hours: { readonly opens: string; readonly closes: string } | null } {
  const day = istDateOf(at);
  if (dayOfWeek(day) >= SATURDAY || holidays.includes(day)) return { isOpen: false, hours: null };
  const hours = hoursOn(segment, day);
  const time = istTimeOfDay(at);
  return { isOpen: time >= hours.opens && time < hours.closes, hours };
}

/** Days in a row without trading at most; longer is a mistake in the list of holidays. */
const MOST_DAYS_OFF = 30;

/**
 * The day of the next session that begins after an instant: what an after-market order counts for (trading.md
 * section 2). Before the opening it is the same day.
 */
export function nextSessionDay(segment: Segment, at: Date, holidays: readonly string[]): string {
  const today = istDateOf(at);
  const isOpen = (day: string) => dayOfWeek(day) < SATURDAY && !holidays.includes(day);
  if (isOpen(today) && istTimeOfDay(at) < hoursOn(segment, today).opens) return today;
  const days = Array.from({ length: MOST_DAYS_OFF }, (_, n) => addDays(today, n + 1));
  return days.find(isOpen) ?? addDays(today, 1);
}

/** MCX follows the clocks of New York: standard time from the first Sunday of November to the second of March. */
function isUsWinter(day: string): boolean {
  const monthDay = day.slice(5);
  const sunday = (month: string, nth: number): string => {
    const first = dayOfWeek(`${day.slice(0, 4)}-${month}-01`);
    return `${month}-${String(1 + ((7 - first) % 7) + 7 * (nth - 1)).padStart(2, '0')}`;
  };
  return monthDay >= sunday('11', 1) || monthDay < sunday('03', 2);
}
