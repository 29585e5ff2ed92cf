import { istDateOf, istTimeOfDay } from '../domain/calendar.ts';
import { type Decimal, decimal, formatMoneyForPeople } from '../domain/money.ts';
import { percent } from '../risk/check.ts';
import type { LimitUse } from '../services/read-risk-limits.ts';

/** "₹-120.50". */
export function rupees(value: Decimal): string {
  return `₹${formatMoneyForPeople(value)}`;
}

/** With a sign and an arrow: gain and loss are not told by colour alone. */
export function gain(value: Decimal): string {
  const mark = value.gt(0) ? '▲ +' : value.lt(0) ? '▼ ' : '';
  return `${mark}${rupees(value)}`.replace('+₹', '+₹');
}

export { percent };

/** "14:05:07 IST". */
export function timeOf(at: Date): string {
  return `${istTimeOfDay(at)} IST`;
}

/** "2026-11-23 14:05:07 IST". */
export function stampOf(at: Date): string {
  return `${istDateOf(at)} ${timeOf(at)}`;
}

/** "3 min 20 s". */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Limits that are shares of a baseline. */
const SHARES: ReadonlySet<string> = new Set([
  'MAX_RISK_PER_TRADE',
  'MAX_DAILY_LOSS',
  'MAX_DRAWDOWN',
  'MAX_POSITION_LOSS_PCT',
  'MAX_PRICE_DEVIATION_PCT',
]);
const VALUES: ReadonlySet<string> = new Set([
  'MAX_ORDER_VALUE',
  'MAX_POSITION_VALUE',
  'MAX_OPEN_ORDER_VALUE',
]);

/** What is used of a limit, in its unit and against it; null: the limit is off, or nothing is measured against it. */
export function limitText({ name, limit, used, baseline }: LimitUse): string | null {
  if (used === null || Number(limit) === 0 || Number.isNaN(Number(limit))) return null;
  const unit = (text: string): string => {
    if (SHARES.has(name)) return percent(decimal(text));
    return VALUES.has(name) ? rupees(decimal(text)) : text;
  };
  const of = baseline === null || !SHARES.has(name) ? '' : ` of ${rupees(decimal(baseline))}`;
  return `${name}: ${unit(used)} of ${unit(limit)}${of}`;
}
