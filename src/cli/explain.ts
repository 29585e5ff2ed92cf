import type { OrderBody, OrderDetailBody, PositionBody } from '../client/index.ts';
import { table } from './format.ts';

/**
 * One order as a story for whoever asks "why": what was asked for, what each check said, every step with who took it,
 * what is known of the broker, the fills with their charges, and what the position stands at.
 */
export function explanation(order: OrderDetailBody, positions: readonly PositionBody[]): string {
  return [
    heading(order),
    section('Asked for', asked(order)),
    section('Checks', checkLines(order)),
    section('Steps', order.timeline.map(stepLine)),
    section('Attempts', attemptLines(order)),
    section('Commands', order.commands.map(commandLine)),
    section('Fills', fillLines(order)),
    section('Protection', order.guards.map(guardLine)),
    section('Doubt', doubtLines(order)),
    section('Position now', positionLines(order, positions)),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

function heading(order: OrderDetailBody): string {
  const { side, quantity, exchange, symbol, status, filledQuantity, averagePrice, statusReason } = order;
  const filled =
    filledQuantity === 0 ? 'nothing filled' : `${filledQuantity} filled at ${averagePrice ?? '?'}`;
  return `${side} ${quantity} ${exchange}:${symbol} is ${status}, ${filled}${statusReason === null ? '' : `: ${statusReason}`}`;
}

function asked(order: OrderDetailBody): string[] {
  const prices = [
    ['limit', order.price],
    ['trigger', order.triggerPrice],
    ['stop', order.stopLoss],
    ['target', order.takeProfit],
  ].flatMap(([name, price]) => (price == null ? [] : [`${name} ${price}`]));
  return [
    `${order.orderType} ${order.product} ${order.validity}${prices.length === 0 ? '' : `, ${prices.join(', ')}`}`,
    `by ${order.strategyId === null ? 'no strategy' : `strategy ${order.strategyId}`} as ${order.clientOrderId} at ${order.createdAt}`,
    ...(order.parentOrderId === null ? [] : [`${order.role} for order ${order.parentOrderId}`]),
  ];
}

function checkLines({ checks }: OrderDetailBody): string[] {
  if (checks.length === 0) return [];
  return table(
    ['check', 'verdict', 'value', 'limit', 'said'],
    checks.map((one) => [one.check, one.verdict, one.value ?? '', one.limit ?? '', one.message]),
  ).split('\n');
}

type Step = OrderDetailBody['timeline'][number];

/** What may become of a claim, by the event that says so. */
const ENDS_ATTEMPT: ReadonlySet<string> = new Set([
  'OrderSubmitted',
  'SubmissionReleased',
  'SubmissionUnknown',
  'OrderRejected',
]);

/** Each claim of the order with its tag, and everything that was learned of it until the next. */
function attemptLines({ id, timeline }: OrderDetailBody): string[] {
  const lines: string[] = [];
  for (const { orderId, event, at, data } of timeline) {
    if (orderId !== id) continue;
    if (event === 'SubmissionClaimed') {
      lines.push(
        `${String(data['attempt'])}: tag ${String(data['tag'])}, to be sent by ${String(data['sendBy'])}`,
      );
    } else if (ENDS_ATTEMPT.has(event) && lines.length > 0) {
      const told = ['brokerOrderId', 'via', 'reason'].flatMap((name) =>
        typeof data[name] === 'string' ? [data[name]] : [],
      );
      lines.push(`   ${event} at ${at}${told.length === 0 ? '' : `: ${told.join(', ')}`}`);
    }
  }
  return lines;
}

function guardLine({
  id,
  role,
  side,
  quantity,
  filledQuantity,
  triggerPrice,
  price,
  ...guard
}: OrderBody): string {
  const at = [
    ...(triggerPrice === null ? [] : [`trigger ${triggerPrice}`]),
    ...(price === null ? [] : [`limit ${price}`]),
  ].join(', ');
  const why = guard.statusReason === null ? '' : ` (${guard.statusReason})`;
  return `${role} ${side} ${quantity} ${guard.orderType}${at === '' ? '' : ` at ${at}`} is ${guard.status}${why}, ${filledQuantity} filled: ${id}`;
}

function stepLine({ seq, at, event, from, to, actor, data, role }: Step): string {
  const move = from === to || to === null ? '' : ` ${from === null ? '' : `${from} `}→ ${to}`;
  const shown = event === 'ChecksRun' ? [] : Object.entries(data).filter(([, value]) => isPlain(value));
  const facts = shown.map(([name, value]) => `${name} ${String(value)}`).join(', ');
  const whose = role === 'ENTRY' ? '' : `${role} `;
  return `#${seq} ${at} ${whose}${event}${move} by ${actor}${facts === '' ? '' : `: ${facts}`}`;
}

const isPlain = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') || typeof value === 'number' || typeof value === 'boolean';

function commandLine(one: OrderDetailBody['commands'][number]): string {
  const terms = one.terms === null ? '' : ` to ${JSON.stringify(one.terms)}`;
  return `${one.kind}${terms} by ${one.requestedBy} at ${one.requestedAt}: ${one.outcome ?? one.state}${one.reason === null ? '' : `, ${one.reason}`}`;
}

function fillLines({ trades }: OrderDetailBody): string[] {
  if (trades.length === 0) return [];
  return table(
    ['trade', 'at', 'quantity', 'price', 'charges'],
    trades.map((one) => [one.tradeId, one.tradedAt, String(one.quantity), one.price, one.charges]),
  ).split('\n');
}

function doubtLines({ evidence }: OrderDetailBody): string[] {
  if (evidence === null) return [];
  const { reads, readCount, cleanCount, tradeReadCount, strayTradeCount, candidates } = evidence;
  return [
    `${readCount} reads of the broker's book looked for its tag, ${cleanCount} of them whole; ` +
      `${reads.filter(({ found }) => found).length} of the newest ${reads.length} held it`,
    `${tradeReadCount} reads of the tradebook beside them; ${strayTradeCount} held fills that may be its`,
    ...candidates.map(
      (one) =>
        `it may be ${one.brokerOrderId}: ${one.side} ${one.quantity}, ${one.status}, filled ${one.filledQuantity}`,
    ),
  ];
}

function positionLines(order: OrderDetailBody, positions: readonly PositionBody[]): string[] {
  return positions
    .filter(({ product }) => product === order.product)
    .map(
      (one) =>
        `${one.product} ${one.managedBy}${one.status === 'CLOSED' ? ', closed' : ''}: ${one.quantity} at ${one.averagePrice ?? 'no price'}, realized ${one.realizedPnl}, ` +
        `unrealized ${one.unrealizedPnl ?? 'unknown'}, charges ${one.charges}`,
    );
}
