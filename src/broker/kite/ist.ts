const IST_OFFSET_MS = 5.5 * 60 * 60 * 1000;
const NAIVE = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

/**
 * The instant of Kite's naive "YYYY-MM-DD HH:MM:SS", which means Indian time whatever zone this process is in.
 * Null when the text is not exactly that, or names no real time.
 */
export function parseIst(text: string): Date | null {
  const parts = NAIVE.exec(text);
  if (!parts) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC rolls 31 June over into July, and month 13 into January; the day then differs.
  const date = new Date(asUtc);
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month - 1) return null;
  return new Date(asUtc - IST_OFFSET_MS);
}

/** True for a real calendar date "YYYY-MM-DD". */
export function isCalendarDate(text: string): boolean {
  const parts = DATE.exec(text);
  if (!parts) return false;
  const asUtc = new Date(Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3])));
  return asUtc.toISOString().slice(0, 10) === text;
}
