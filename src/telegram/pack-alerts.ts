import type { AlertMessage, Pack } from '../alert-channels/port.ts';
import { istDateOf, istTimeOfDay } from '../domain/calendar.ts';
import type { Outgoing } from './port.ts';
import { type RichText, bold, code, concat, join, lines, plain, quoted, shorten } from './rich-text.ts';

/** PAPER or LIVE: the first word of every message, so that nobody takes paper for money. */
export type TradingMode = 'PAPER' | 'LIVE';

export interface PackOptions {
  readonly mode: TradingMode;
  /** Types that make no sound. */
  readonly silentTypes: ReadonlySet<string>;
}

/** Telegram's limit is 4096 units of UTF-16. */
export const MAX_MESSAGE = 4096;
/** One alert among others; the whole of it is on the admin API. */
const MAX_LINE = 700;
/** One alert alone. */
const MAX_ALONE = 3000;
/** So many waiting CRITICAL alerts have a message each; more share messages, of their own kind alone. */
const ALONE = 3;

/**
 * The first message of what waits. CRITICAL alerts go first, each alone, unless many wait; the others follow in as few
 * messages as the limit allows, by type and, within it, by reason. Pure; `waiting` has the gravest first.
 */
export function packFirst(waiting: readonly AlertMessage[], options: PackOptions): Pack<Outgoing> {
  const critical = waiting.filter(({ severity }) => severity === 'CRITICAL');
  const [first] = critical;
  if (first !== undefined && critical.length <= ALONE) {
    return { alerts: [first], message: { ...aloneText(first, options.mode), silent: false } };
  }
  const kind = first === undefined ? waiting : critical;
  return packTogether(kind, first === undefined ? 'alerts' : 'CRITICAL alerts', options);
}

function aloneText(alert: AlertMessage, mode: TradingMode): RichText {
  const again = alert.reminder === 0 ? '' : ` (told ${alert.reminder + 1} times, not acknowledged)`;
  const message = lines(
    bold(`${mode} 🔴 CRITICAL: ${titleOf(alert.type)}`),
    concat(plain(stampOf(alert)), accountOf(alert), again),
    shorten(quoted(alert.message), MAX_ALONE),
    plain(`Seen? /ack_${shortIdOf(alert.alertId)}`),
  );
  return shorten(message, MAX_MESSAGE);
}

function packTogether(
  alerts: readonly AlertMessage[],
  what: string,
  { mode, silentTypes }: PackOptions,
): Pack<Outgoing> {
  const taken: AlertMessage[] = [];
  const sections: RichText[] = [];
  // Room for the head, whose count grows with what is taken.
  let left = MAX_MESSAGE - `${mode} ${MAX_MESSAGE} ${what}\n`.length;
  for (const group of groupsOf(alerts)) {
    const head = headOf(group);
    let section: RichText | null = null;
    for (const alert of group) {
      const line = shorten(lineOf(alert), MAX_LINE);
      const next: RichText = section === null ? lines('', head, line) : lines(section, line);
      if (next.text.length + 1 > left) break;
      section = next;
      taken.push(alert);
    }
    if (section === null) break;
    sections.push(section);
    left -= section.text.length + 1;
  }
  const title = bold(`${mode} ${taken.length === 1 ? what.replace(/s$/, '') : `${taken.length} ${what}`}`);
  const silent = taken.every(({ type, severity }) => severity !== 'CRITICAL' && silentTypes.has(type));
  return { alerts: taken, message: { ...join([title, ...sections], '\n'), silent } };
}

/** Alerts of one type and, where ends of orders share it, one reason; in the order of their first. */
function groupsOf(alerts: readonly AlertMessage[]): AlertMessage[][] {
  const groups = new Map<string, AlertMessage[]>();
  for (const alert of alerts) {
    const key = `${alert.severity}/${alert.type}/${reasonOf(alert) ?? ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alert]);
    else group.push(alert);
  }
  return [...groups.values()];
}

const MARKS = { CRITICAL: '🔴', WARNING: '⚠️', INFO: 'ℹ️' } as const satisfies Record<
  AlertMessage['severity'],
  string
>;

function headOf(group: readonly AlertMessage[]): RichText {
  const [first] = group;
  if (first === undefined) return plain('');
  const reason = reasonOf(first);
  const title = bold(
    `${MARKS[first.severity]} ${titleOf(first.type)}${group.length > 1 ? ` (${group.length})` : ''}`,
  );
  return reason === null ? title : lines(title, shorten(quoted(reason), MAX_LINE));
}

function lineOf(alert: AlertMessage): RichText {
  const text = typeof alert.details['line'] === 'string' ? alert.details['line'] : alert.message;
  const ack = alert.severity === 'CRITICAL' ? ` /ack_${shortIdOf(alert.alertId)}` : '';
  return concat(code(istTimeOfDay(alert.at)), ' ', accountOf(alert), quoted(text), ack);
}

/** Why an order ended, where the alert keeps it apart. */
function reasonOf({ details }: AlertMessage): string | null {
  return typeof details['line'] === 'string' && typeof details['why'] === 'string' ? details['why'] : null;
}

function titleOf(type: string): string {
  const words = type.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function stampOf({ at }: AlertMessage): string {
  return `${istDateOf(at)} ${istTimeOfDay(at)} IST`;
}

function accountOf({ accountId }: AlertMessage): string {
  return accountMark(accountId);
}

export function accountMark(accountId: string): string {
  return accountId === DEFAULT ? '' : `[${accountId}] `;
}

/** The account of a user who has only one: not worth a word. */
const DEFAULT = 'main';

/** Enough of an alert's id to name it among those that stand. */
export function shortIdOf(alertId: string): string {
  return alertId.replaceAll('-', '').slice(-8);
}
