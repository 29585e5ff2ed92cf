import type { AlertMessage } from '../alert-channels/port.ts';
import { istTimeOfDay } from '../domain/calendar.ts';
import { type RichText, bold, code, concat, lines, plain, quoted, shorten } from './rich-text.ts';

/**
 * What is left out of lines so that a burst fits few messages. 0: nothing. 1: of orders that ended for the same reason
 * what they share is said once, and each keeps its side, quantity, symbol, price and id; other texts are short.
 * 2: each order keeps its time and id. The whole of every alert is on the admin API.
 */
export type Density = 0 | 1 | 2;
export const DENSITIES: readonly Density[] = [0, 1, 2];

/** Alerts that share a head. */
export interface Section {
  readonly head: RichText;
  readonly lines: readonly { readonly alert: AlertMessage; readonly text: RichText }[];
}

/** One alert among others, by density. */
const MAX_LINE = [700, 160, 80] as const;
/** Orders that the head of a dense section names. */
const MAX_NAMED = 5;
/** The account of a user who has only one: not worth a word. */
const DEFAULT_ACCOUNT = 'main';

/** Alerts of one type and, where ends of orders share it, one reason; in the order of their first. */
export function sectionsOf(alerts: readonly AlertMessage[], density: Density): Section[] {
  const groups = new Map<string, AlertMessage[]>();
  for (const alert of alerts) {
    const key = keyOf(alert, density);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alert]);
    else group.push(alert);
  }
  return [...groups.values()].map((group) => ({
    head: headOf(group, density),
    lines: group.map((alert) => ({ alert, text: lineOf(alert, density) })),
  }));
}

/** The end of an order as its alert keeps it apart (domain/order-outcome.ts); null: another kind of alert. */
function endOf({ details }: AlertMessage) {
  const text = (name: string) => (typeof details[name] === 'string' ? details[name] : null);
  const line = text('line');
  return line === null
    ? null
    : {
        line,
        id: text('clientOrderId') ?? line,
        why: text('why'),
        how: text('how') ?? '',
        short: text('short') ?? '',
      };
}

function keyOf(alert: AlertMessage, density: Density): string {
  const end = endOf(alert);
  const why = end?.why ?? '';
  const shared = density === 0 ? why : `${end?.how ?? ''}/${withoutNumbers(why)}`;
  return `${alert.severity}/${alert.type}/${shared}`;
}

/** Reasons that differ in their numbers alone are one reason. */
function withoutNumbers(why: string): string {
  return why.replaceAll(/\d[\d.,]*/g, '#');
}

const MARKS = { CRITICAL: '🔴', WARNING: '⚠️', INFO: 'ℹ️' } as const satisfies Record<
  AlertMessage['severity'],
  string
>;

function headOf(group: readonly AlertMessage[], density: Density): RichText {
  const [first] = group;
  if (first === undefined) return plain('');
  const count = group.length > 1 ? ` (${group.length})` : '';
  const title = bold(`${MARKS[first.severity]} ${titleOf(first.type)}${count}`);
  const ends = group.flatMap((alert) => endOf(alert) ?? []);
  const [end] = ends;
  if (end === undefined) return title;
  const why = end.why === null ? null : shorten(quoted(end.why), MAX_LINE[density]);
  if (density === 0) return why === null ? title : lines(title, why);
  const differ = ends.some((one) => one.why !== end.why) ? ' (numbers of the first)' : '';
  const shorts = [...new Set(ends.map(({ short }) => short).filter((short) => short !== ''))];
  const more = shorts.length > MAX_NAMED ? ` and ${shorts.length - MAX_NAMED} more` : '';
  return lines(
    concat(title, end.how === '' ? '' : ` ${end.how}`),
    why === null ? null : concat(why, differ),
    density === 1 || shorts.length === 0 ? null : concat(quoted(shorts.slice(0, MAX_NAMED).join(', ')), more),
  );
}

function lineOf(alert: AlertMessage, density: Density): RichText {
  const end = endOf(alert);
  const ack = alert.severity === 'CRITICAL' ? ` ${ackOf(alert)}` : '';
  const time = istTimeOfDay(alert.at);
  const text = concat(density === 0 ? code(time) : time, ' ', accountMark(alert.accountId), wordsOf());
  // The code stands at the end, where a cut would take it away first.
  return concat(shorten(text, MAX_LINE[density] - ack.length), ack);

  function wordsOf(): RichText {
    if (end === null) return quoted(alert.message);
    if (density === 0) return quoted(end.line);
    return quoted(density === 1 && end.short !== '' ? `${end.short} ${end.id}` : end.id);
  }
}

export function titleOf(type: string): string {
  const words = type.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function accountMark(accountId: string): string {
  return accountId === DEFAULT_ACCOUNT ? '' : `[${accountId}] `;
}

/** The command that acknowledges it. */
export function ackOf({ alertId }: Pick<AlertMessage, 'alertId'>): string {
  return `/ack_${shortIdOf(alertId)}`;
}

/** Enough of an alert's id to name it among those that stand. */
export function shortIdOf(alertId: string): string {
  return alertId.replaceAll('-', '').slice(-8);
}
