import { styleText } from 'node:util';
import { istTimeOfDay } from '../domain/calendar.ts';
import { decimal, formatMoney, formatMoneyForPeople } from '../domain/money.ts';
import type { Database } from '../db/client.ts';
import type { JournalLine } from '../db/stores/journal-store.ts';
import {
  type OpenPositionLine,
  type OrderLabel,
  readOpenPositionLines,
  readOrderLabel,
} from '../db/stores/terminal-store.ts';
import { tailJournal } from './journal-tail.ts';

/** Between two lines that say how open positions stand, milliseconds. */
const STANDING_EVERY_MS = 5000;
const TAIL_EVERY_MS = 250;
const LABELS_KEPT = 2000;
const LABEL_WIDTH = 20;

type Data = Readonly<Record<string, unknown>>;
type Write = (line: string) => void;

/**
 * Shows a newcomer what happens: each order's way as readable lines, one thought a line, taken from the journal, so
 * it shows what is true and not what was tried. Ends with `stop`.
 */
export function showOrders(db: Database, write: Write): { stop(): Promise<void> } {
  const labels = new Map<string, string>();
  const labelOf = async (accountId: string, orderId: string): Promise<string> => {
    const known = labels.get(orderId) ?? labelText(await readOrderLabel(db, accountId, orderId), orderId);
    if (labels.size > LABELS_KEPT) labels.clear();
    labels.set(orderId, known);
    return known;
  };
  let shownMs = 0;
  // A line that was found a moment late is shown at the time of the one above it: the eye reads downwards.
  const print = (at: Date, label: string, text: string) => {
    shownMs = Math.max(shownMs, at.getTime());
    write(`${styleText('gray', istTimeOfDay(new Date(shownMs)))}  ${label.padEnd(LABEL_WIDTH)} ${text}`);
  };

  let standingDueMs = 0;
  let shownStanding = '';
  const showStanding = async (): Promise<void> => {
    if (performance.now() < standingDueMs) return;
    standingDueMs = performance.now() + STANDING_EVERY_MS;
    const positions = await readOpenPositionLines(db, null);
    const lines = positions.map((position) => standing(position)).join('\n');
    if (lines === '' || lines === shownStanding) return;
    shownStanding = lines;
    for (const position of positions) print(position.now, position.accountId, standing(position));
  };

  const tail = tailJournal(db, {
    everyMs: TAIL_EVERY_MS,
    onLine: async (line) => {
      const sentence = sentenceOf(line);
      if (sentence === null) return;
      const label = ORDER_KINDS.has(line.kind) ? await labelOf(line.accountId, line.entity) : line.accountId;
      print(new Date(line.at), label, sentence);
      if (line.kind === 'TradeRecorded') {
        const fill = { accountId: line.accountId, orderId: line.entity, price: text(line.data, 'price') };
        for (const position of await readOpenPositionLines(db, fill)) {
          print(new Date(line.at), label, standing(position));
        }
      }
    },
    onCaughtUp: showStanding,
  });
  return { stop: () => tail.stop() };
}

/** "w1 stop" for the stop of w1; long ids keep their end, which tells them apart. */
function labelText(label: OrderLabel | null, orderId: string): string {
  if (label === null) return orderId.slice(-LABEL_WIDTH);
  const { clientOrderId, role, parent } = label;
  if (parent === null) return fit(clientOrderId, LABEL_WIDTH);
  const suffix = ` ${role.toLowerCase()}`;
  return `${fit(parent, LABEL_WIDTH - suffix.length)}${suffix}`;
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}

const ORDER_KINDS = new Set([
  'OrderAccepted',
  'ChecksRun',
  'OrderValidated',
  'OrderRejected',
  'SubmissionClaimed',
  'SubmissionReleased',
  'SubmissionUnknown',
  'OrderSubmitted',
  'OrderOpened',
  'TradeRecorded',
  'OrderCancelled',
  'OrderExpired',
]);

/** One journal entry as a sentence; null for entries that would only repeat another. */
function sentenceOf({ kind, data }: JournalLine): string | null {
  switch (kind) {
    case 'OrderAccepted':
      return `${styleText('bold', 'accepted')}  ${terms(data)}`;
    case 'ChecksRun':
      return checks(data);
    case 'OrderSubmitted':
      return `${styleText('cyan', 'sent')}      broker order ${text(data, 'brokerOrderId')}${data['via'] === 'BOOK' ? ' (found in the order book by its tag)' : ''}`;
    case 'OrderOpened':
      return `${styleText('cyan', 'working')}   at the exchange`;
    case 'SubmissionUnknown':
      return `${styleText('yellow', 'unknown')}   no clear answer (${text(data, 'reason')}); asking the order book, never sending again`;
    case 'SubmissionReleased':
      return `${styleText('yellow', 'waiting')}   certainly not placed (${text(data, 'reason')}); trying again`;
    case 'TradeRecorded':
      return `${styleText('green', 'filled')}    ${number(data, 'quantity')} at ${price(data, 'price')}, charges ${charges(data)}`;
    case 'OrderRejected':
      return `${styleText('red', 'rejected')}  by ${text(data, 'by')}: ${text(data, 'reason')}`;
    case 'OrderCancelled':
      return `${styleText('yellow', 'cancelled')} ${text(data, 'reason')}`;
    case 'OrderExpired':
      return `${styleText('yellow', 'expired')}   ${text(data, 'reason')}`;
    case 'AlertRaised':
      return `${styleText('red', `ALERT`)}     ${text(data, 'severity')} ${text(data, 'message')}`;
    case 'DayOpened':
      return `trading day opened with equity ${people(data, 'openingEquity')}`;
    default:
      return null;
  }
}

function terms(data: Data): string {
  const at = data['price'] === null ? '' : ` at ${price(data, 'price')}`;
  const trigger = data['triggerPrice'] === null ? '' : ` trigger ${price(data, 'triggerPrice')}`;
  const stop = data['stopLoss'] === null ? '' : `, stop ${price(data, 'stopLoss')}`;
  const target = data['takeProfit'] === null ? '' : `, target ${price(data, 'takeProfit')}`;
  const only = data['reduceOnly'] === true ? ', reduce only' : '';
  return `${text(data, 'side')} ${number(data, 'quantity')} ${text(data, 'symbol')} ${text(data, 'orderType')}${at}${trigger} ${text(data, 'product')}${stop}${target}${only}`;
}

interface Shown {
  readonly check: string;
  readonly verdict: string;
  readonly message: string;
}

function checks(data: Data): string {
  const results = data['results'] as readonly Shown[];
  const failed = results.filter((result) => result.verdict === 'FAIL');
  if (failed.length > 0)
    return `${styleText('red', 'checks')}    failed: ${failed.map((result) => result.check).join(', ')}`;
  const told = results.filter(
    (result) => ['RISK_PER_TRADE', 'RISK_REWARD'].includes(result.check) && result.verdict === 'PASS',
  );
  const detail = told.map((result) => result.message).join('; ');
  const count = (verdict: string) => results.filter((result) => result.verdict === verdict).length;
  const [passed, warnings] = [count('PASS'), count('WARN')];
  const warned = `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
  const summary = warnings === 0 ? `all ${passed} passed` : `${passed} passed, ${warned}`;
  return `${styleText('green', 'checks')}    ${summary}${detail === '' ? '' : `: ${detail}`}`;
}

function standing(position: OpenPositionLine): string {
  if (position.quantity === 0) {
    return `${styleText('magenta', 'position')}  ${position.symbol} closed, realized ${signed(position.realizedPnl)}, charges ${position.charges}, net ${signed(position.netPnl)}`;
  }
  const mark =
    position.lastPrice === null
      ? ''
      : `, last ${position.lastPrice}, P&L ${signed(position.totalPnl)} (net of charges ${signed(position.netPnl)})`;
  const quantity = position.quantity > 0 ? `+${position.quantity}` : String(position.quantity);
  return `${styleText('magenta', 'position')}  ${position.symbol} ${quantity} at ${position.averagePrice}${mark}`;
}

function signed(amount: string): string {
  if (amount.startsWith('-')) return styleText('red', amount);
  return styleText('green', `+${amount}`);
}

function text(data: Data, name: string): string {
  const value = data[name];
  return typeof value === 'string' ? value : '';
}

function number(data: Data, name: string): string {
  return typeof data[name] === 'number' ? String(data[name]) : '';
}

function price(data: Data, name: string): string {
  return formatMoney(decimal(text(data, name)));
}

function people(data: Data, name: string): string {
  return formatMoneyForPeople(decimal(text(data, name)));
}

function charges(data: Data): string {
  const parts = data['charges'] as Readonly<Record<string, string>> | undefined;
  return formatMoney(decimal(parts?.['total'] ?? '0'));
}
