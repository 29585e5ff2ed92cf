import type { CommandCallOutcome } from '../broker/port.ts';
import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { CommandAnswer } from '../domain/command.ts';
import type { Order } from '../domain/order.ts';
import { isFinal, targetOf } from '../domain/order-status.ts';
import { isMutant } from '../lib/mutant.ts';
import { outcomeAtEnd } from '../reconciliation/commands.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { sessionExpired } from './record-placement.ts';
import { lookAt, settleUnsent, wakeCommand } from './stage-command.ts';

export interface CommandReport {
  readonly accountId: string;
  readonly orderId: string;
  readonly commandId: string;
  /** Which of the command's calls this is the answer of. */
  readonly send: number;
  readonly outcome: CommandCallOutcome;
}

/** First pause after a call that certainly did nothing, by kind, milliseconds; it doubles with every call. */
const PAUSE_MS = { CANCEL: 1000, MODIFY: 10_000 } as const;
const LONGEST_PAUSE_MS = 60_000;
const LOGIN_PAUSE_MS = 30_000;
const LOOK_AGAIN_MS = 2000;
/** Calls of a command that certainly did nothing, before it is given up and told. */
const MAX_CALLS = 20;

/**
 * Records the broker's answer to one call of a command. Taken or unanswered, it stays IN_FLIGHT and the book decides;
 * what certainly did nothing waits for its next try, unless another command waits already. Returns the command that
 * may be sent next, if any.
 */
export async function recordCommand(
  context: Context,
  report: CommandReport,
): Promise<OrderCommandRow | null> {
  const { accountId, orderId } = report;
  return context.withAccount({
    accountId,
    actor: context.processName,
    needs: { orders: [orderId], commandsOf: [orderId] },
    run: (view) => {
      const order = view.order(orderId);
      const command = view.openCommands(orderId).find(({ id }) => id === report.commandId);
      // It was resolved without us: a question to the book stays one, whatever the answer was.
      if (order === null || command?.state !== 'IN_FLIGHT' || command.sends !== report.send) return null;
      if (command.answeredAt !== null) return null;
      return apply(context, view, order, command, report.outcome);
    },
  });
}

function apply(
  context: Context,
  view: AccountView,
  order: Order,
  command: OrderCommandRow,
  outcome: CommandCallOutcome,
): OrderCommandRow | null {
  if (isFinal(order.status)) {
    const { outcome: end, reason } = outcomeAtEnd(command, order);
    endCommand(view, command, end, reason);
    settleUnsent(view, order);
    return null;
  }
  if (outcome.kind === 'ACKNOWLEDGED') return answered(view, command, 'ACKNOWLEDGED', null);
  const reason = `${outcome.reason}: ${outcome.message}`;
  if (outcome.kind === 'UNKNOWN') {
    const isResent = isMutant('modify-resent') && command.kind === 'MODIFY';
    if (isResent) return tryAgain(context, view, { order, command, reason, retry: 'now' });
    return answered(view, command, 'UNKNOWN', reason);
  }
  if (outcome.retry === 'never') return answered(view, command, 'REFUSED', outcome.message);
  if (outcome.retry === 'afterLogin') sessionExpired(context, view, reason);
  return tryAgain(context, view, { order, command, reason, retry: outcome.retry });
}

function answered(
  view: AccountView,
  command: OrderCommandRow,
  answer: CommandAnswer,
  reason: string | null,
): null {
  view.putCommand(
    { ...command, answer, answeredAt: view.now, reason: reason ?? command.reason, nextStepAt: null },
    { kind: 'CommandAnswered', data: { command: command.kind, send: command.sends, answer, reason } },
  );
  return null;
}

type Retry = Exclude<Extract<CommandCallOutcome, { kind: 'NOT_DONE' }>['retry'], 'never'>;

/** It certainly did nothing: it waits for its next turn. What waits already is newer, and takes its place. */
function tryAgain(
  context: Context,
  view: AccountView,
  call: {
    readonly order: Order;
    readonly command: OrderCommandRow;
    readonly reason: string;
    readonly retry: Retry;
  },
): OrderCommandRow | null {
  const { order, command, reason, retry } = call;
  releaseModify(view, order, command, reason, true);
  if (view.openCommands(order.id).some(({ state }) => state === 'WAITING')) {
    endCommand(view, command, 'REPLACED', reason);
    return wakeCommand(view, order.id);
  }
  if (command.sends >= MAX_CALLS) {
    endCommand(view, command, 'UNKNOWN', `given up after ${command.sends} calls (${reason})`);
    tellCommand(context, view, order, command, `was given up after ${command.sends} calls (${reason})`);
    return null;
  }
  // What is being processed at the broker is asked again only after a read begun after this answer.
  const answer = retry === 'afterRead' ? 'REFUSED' : null;
  const next = view.putCommand(
    {
      ...command,
      state: 'WAITING',
      answer,
      answeredAt: answer === null ? null : view.now,
      reason,
      nextStepAt: lookAt(view, pauseOf(retry, command)),
    },
    { kind: 'CommandPutOff', data: { command: command.kind, send: command.sends, answer, reason } },
  );
  return retry === 'now' ? next : null;
}

function pauseOf(retry: Retry, command: OrderCommandRow): number {
  switch (retry) {
    case 'now':
      return 0;
    case 'afterRead':
      return LOOK_AGAIN_MS;
    case 'afterPause':
      return Math.min(LONGEST_PAUSE_MS, PAUSE_MS[command.kind] * 2 ** (command.sends - 1));
    case 'afterLogin':
      return LOGIN_PAUSE_MS;
  }
}

/** Gives back what a modify reserved; nothing for a cancel, or one whose new terms the book already showed. */
export function releaseModify(
  view: AccountView,
  order: Order,
  command: Pick<OrderCommandRow, 'id' | 'kind'>,
  reason: string,
  notDone: boolean,
): Order {
  if (command.kind !== 'MODIFY' || order.reserve === null) return order;
  if (targetOf(order.status, 'ModifyReleased') === null) return order;
  return view.apply(order, { kind: 'ModifyReleased', commandId: command.id, reason, notDone });
}

/** A command that failed is told: a cancel leaves an order working that nobody wants, a modify its old terms. */
export function tellCommand(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  command: Pick<OrderCommandRow, 'id' | 'kind'>,
  what: string,
): void {
  const verb = command.kind === 'CANCEL' ? 'cancel' : 'modify';
  view.raiseAlert({
    id: context.newId(),
    severity: command.kind === 'CANCEL' ? 'CRITICAL' : 'WARNING',
    type: 'command_failed',
    message: `${order.symbol} (${order.clientOrderId}) is ${order.status}: the ${verb} ${what}`,
    details: { commandId: command.id, command: command.kind, status: order.status },
    orderId: order.id,
    condition: `command:${command.id}`,
  });
}
