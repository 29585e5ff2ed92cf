import { type AlertMessage, ChannelError, type Pack, type PackingChannel } from '../alert-channels/port.ts';
import {
  type DueDelivery,
  hastenDeliveries,
  readDueDeliveries,
  recordDeliveries,
} from '../db/stores/alert-delivery-store.ts';
import { afterFailure, afterOutage, afterSuccess } from '../domain/alert-delivery.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Context } from './context.ts';

/** Waiting alerts that are looked at together: what a busy minute brings. */
const LOOKED_AT = 500;
/** No message is begun later than this in a run. */
const RUN_MS = 12_000;

export interface PackReport {
  readonly delivered: number;
  /** Alerts that were given up in this run, with the words of the failure. */
  readonly givenUp: readonly { readonly due: DueDelivery; readonly error: string }[];
  /** Accounts whose alerts went through. */
  readonly accounts: ReadonlySet<string>;
}

/**
 * Hands over what is due, several alerts to a message. What waits is read again before every message, so that a
 * CRITICAL alert goes next whatever waits longer. A run ends at the first failure: the next looks again.
 */
export async function deliverPacks(
  context: Context,
  channel: PackingChannel,
  signal: AbortSignal,
): Promise<PackReport> {
  const startedMs = performance.now();
  const givenUp: { due: DueDelivery; error: string }[] = [];
  const accounts = new Set<string>();
  let delivered = 0;
  let density = 0;
  let gatheredMs: number | null = null;
  while (!isOver(signal) && performance.now() - startedMs < RUN_MS) {
    const due = await readDueDeliveries(context.db, channel.name, LOOKED_AT);
    // What waited when the first message was packed goes on; what came since gathers as that did.
    const sinceMs: number = gatheredMs === null ? Infinity : performance.now() - gatheredMs;
    if (!isReady(due, Math.min(channel.gatherMs, sinceMs))) break;
    gatheredMs ??= performance.now();
    const pack = channel.packFirst(due.map(messageOf), density);
    ({ density } = pack);
    const told = due.filter(({ alertId }) => pack.alerts.some((alert) => alert.alertId === alertId));
    const failure = await handOver(channel, pack, signal);
    if (failure instanceof ChannelError) {
      // We are stopping, or the chat rests: that says nothing about the alerts.
      if (isOver(signal) || failure.fault === 'busy') break;
      givenUp.push(...(await recordFailure(context, channel, { due, told }, failure)));
      break;
    }
    await failpoint('alerts.sent');
    await recordSuccess(context, channel, told, failure.messageId);
    delivered += told.length;
    for (const { accountId } of told) accounts.add(accountId);
  }
  return { delivered, givenUp, accounts };
}

/** Asked anew each time: it changes while one waits. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** CRITICAL alerts wait for none; of the others the oldest decides for all. */
function isReady(due: readonly DueDelivery[], gatherMs: number): boolean {
  return due.some(
    ({ severity, dueForMs, told }) => severity === 'CRITICAL' || told > 0 || dueForMs >= gatherMs,
  );
}

async function handOver(
  channel: PackingChannel,
  pack: Pack<unknown>,
  signal: AbortSignal,
): Promise<ChannelError | { readonly messageId: string }> {
  try {
    return { messageId: await channel.deliverPack(pack, signal) };
  } catch (error) {
    if (error instanceof ChannelError) return error;
    return new ChannelError(`the channel failed (${error instanceof Error ? error.name : typeof error})`);
  }
}

async function recordSuccess(
  context: Context,
  channel: PackingChannel,
  told: readonly DueDelivery[],
  messageId: string,
): Promise<void> {
  const { alertRepeatMs: repeatMs } = context.settings;
  const tries = told.map((one) => ({
    ...identityOf(one),
    ...afterSuccess(one, { severity: one.severity, repeatMs }),
  }));
  await recordDeliveries(context.db, channel.name, tries, { messageId });
  if (told.some(({ failures }) => failures > 0)) await hastenDeliveries(context.db, channel.name);
}

/** An outage is everybody's: all that is due waits. A refusal is the message's own. Those that are given up now. */
async function recordFailure(
  context: Context,
  channel: PackingChannel,
  { due, told }: { readonly due: readonly DueDelivery[]; readonly told: readonly DueDelivery[] },
  { message: error, fault }: ChannelError,
): Promise<{ due: DueDelivery; error: string }[]> {
  const { alertRepeatMs: repeatMs } = context.settings;
  const failed = fault === 'later' ? due : told;
  const tries = failed.map((one) => ({
    one,
    after: fault === 'later' ? afterOutage(one) : afterFailure(one, { severity: one.severity, repeatMs }),
  }));
  const rows = tries.map(({ one, after }) => ({ ...identityOf(one), ...after }));
  await recordDeliveries(context.db, channel.name, rows, { error: error.slice(0, 300) });
  context.log.warn({ channel: channel.name, count: failed.length, error }, 'alerts could not be delivered');
  return tries.flatMap(({ one, after }) =>
    one.state === 'PENDING' && after.state === 'FAILED' ? [{ due: one, error }] : [],
  );
}

function identityOf({ accountId, alertId }: DueDelivery): Pick<DueDelivery, 'accountId' | 'alertId'> {
  return { accountId, alertId };
}

export function messageOf(due: DueDelivery): AlertMessage {
  const { accountId, alertId, severity, type, message, details, orderId, at, told } = due;
  const alert = { accountId, alertId, severity, type, message, details, orderId, at };
  return { ...alert, deliveryId: `${alertId}.${told}`, reminder: told };
}
