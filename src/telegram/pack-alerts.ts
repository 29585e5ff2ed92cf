import type { AlertMessage, Pack } from '../alert-channels/port.ts';
import { istDateOf, istTimeOfDay } from '../domain/calendar.ts';
import {
  DENSITIES,
  type Density,
  type Section,
  accountMark,
  ackOf,
  sectionsOf,
  titleOf,
} from './alert-lines.ts';
import type { Outgoing } from './port.ts';
import { type RichText, bold, concat, join, lines, plain, quoted, shorten } from './rich-text.ts';

/** PAPER or LIVE: the first word of every message, so that nobody takes paper for money. */
export type TradingMode = 'PAPER' | 'LIVE';

export interface PackOptions {
  readonly mode: TradingMode;
  /** Types that make no sound. */
  readonly silentTypes: ReadonlySet<string>;
}

/** Telegram's limit is 4096 units of UTF-16. */
export const MAX_MESSAGE = 4096;
/** One alert alone. */
const MAX_ALONE = 3000;
/** So many waiting CRITICAL alerts have a message each; more share messages, of their own kind alone. */
const ALONE = 3;
/** What would take more messages than this is told in fewer words. */
const FEW_MESSAGES = 5;
/** Of a message, what its own head may take. */
const HEAD = 40;

/**
 * The first message of what waits. CRITICAL alerts go first, each alone, unless many wait; the others follow in as few
 * messages as the limit allows, by type and, within it, by reason. When that would be too many, lines leave out what
 * they share; `density` is what the message before left out, and is kept while there is more than one message to send.
 * Pure; `waiting` has the gravest first.
 */
export function packFirst(
  waiting: readonly AlertMessage[],
  options: PackOptions,
  density = 0,
): Pack<Outgoing> {
  const critical = waiting.filter(({ severity }) => severity === 'CRITICAL');
  const [first] = critical;
  if (first !== undefined && critical.length <= ALONE) {
    return { alerts: [first], message: { ...aloneText(first, options.mode), silent: false }, density };
  }
  const kind = first === undefined ? waiting : critical;
  return packTogether(kind, first === undefined ? 'alerts' : 'CRITICAL alerts', options, density);
}

function aloneText(alert: AlertMessage, mode: TradingMode): RichText {
  const again = alert.reminder === 0 ? '' : ` (told ${alert.reminder + 1} times, not acknowledged)`;
  const message = lines(
    bold(`${mode} 🔴 CRITICAL: ${titleOf(alert.type)}`),
    concat(plain(stampOf(alert)), ' ', accountMark(alert.accountId).trimEnd(), again),
    shorten(quoted(alert.message), MAX_ALONE),
    plain(`Seen? ${ackOf(alert)}`),
  );
  return shorten(message, MAX_MESSAGE);
}

function packTogether(
  alerts: readonly AlertMessage[],
  what: string,
  { mode, silentTypes }: PackOptions,
  atLeast: number,
): Pack<Outgoing> {
  const { density, sections } = layOut(alerts, atLeast);
  const taken: AlertMessage[] = [];
  const parts: RichText[] = [];
  // Room for the head, whose count grows with what is taken.
  let left = MAX_MESSAGE - HEAD;
  for (const { head, lines: entries } of sections) {
    let part: RichText | null = null;
    for (const { alert, text } of entries) {
      const next: RichText = part === null ? lines('', head, text) : lines(part, text);
      if (next.text.length + 1 > left) break;
      part = next;
      taken.push(alert);
    }
    if (part === null) break;
    parts.push(part);
    left -= part.text.length + 1;
  }
  const title = bold(`${mode} ${taken.length === 1 ? what.replace(/s$/, '') : `${taken.length} ${what}`}`);
  const silent = taken.every(({ type, severity }) => severity !== 'CRITICAL' && silentTypes.has(type));
  return { alerts: taken, message: { ...join([title, ...parts], '\n'), silent }, density };
}

/** With as many words as few messages have room for. */
function layOut(
  alerts: readonly AlertMessage[],
  atLeast: number,
): { readonly density: Density; readonly sections: readonly Section[] } {
  let laid: { density: Density; sections: readonly Section[] } = { density: 0, sections: [] };
  for (const density of DENSITIES) {
    laid = { density, sections: sectionsOf(alerts, density) };
    const messages = unitsOf(laid.sections) / (MAX_MESSAGE - HEAD);
    if (messages <= (density < atLeast ? 1 : FEW_MESSAGES)) break;
  }
  return laid;
}

function unitsOf(sections: readonly Section[]): number {
  const lengths = sections.flatMap(({ head, lines: entries }) => [
    head.text.length + 2,
    ...entries.map(({ text }) => text.text.length + 1),
  ]);
  return lengths.reduce((total, length) => total + length, 0);
}

function stampOf({ at }: AlertMessage): string {
  return `${istDateOf(at)} ${istTimeOfDay(at)} IST`;
}
