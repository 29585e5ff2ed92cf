import {
  type AlertChannel,
  type AlertMessage,
  ChannelError,
  type PackingChannel,
  type SingleChannel,
} from '../alert-channels/port.ts';
import {
  type DueDelivery,
  isStanding,
  isAnythingDue,
  readDueDeliveries,
  recordDelivery,
  routeAlerts,
  routeEscalations,
} from '../db/stores/alert-delivery-store.ts';
import { SEVERITIES, afterFailure, afterSuccess, reaches } from '../domain/alert-delivery.ts';
import { failpoint } from '../lib/failpoint.ts';
import { isMutant } from '../lib/mutant.ts';
import type { Context } from './context.ts';
import { deliverPacks, messageOf } from './deliver-packs.ts';
import { holdLease } from './hold-lease.ts';

/** No delivery is begun later than this in a run. */
const RUN_MS = 12_000;
/** A channel that does not come back by itself is left alone after this. */
const DELIVERY_MS = 15_000;
/** What was begun in time may take this long to end; a run that takes longer loses its lease. */
const LONGEST_DELIVERIES_MS = 4 * DELIVERY_MS;
const DUE_AT_ONCE = 50;
/** Deliveries of one channel side by side: one that hangs keeps few others waiting. */
const SIDE_BY_SIDE = 4;

/**
 * One look at a channel: lays out the deliveries of new alerts, then hands over what is due. The rows are the truth
 * and a job only says "look": a crash between handing over and recording tells the same alert twice, never not at
 * all (design.md invariant 11). Each channel has runs of its own, one at a time everywhere, so that a channel that
 * hangs delays no other. Returns the deliveries that went well.
 */
export async function deliverAlerts(
  context: Context,
  channelName: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const channel = context.alertChannels.find(({ name }) => name === channelName);
  if (channel === undefined) return 0; // of another process's configuration
  await routeAlerts(context.db, routesOf(context.alertChannels));
  const { escalatesAfterMs } = channel;
  if (escalatesAfterMs !== undefined) await routeEscalations(context.db, channel.name, escalatesAfterMs);
  // Most looks end here: a lease and its reads are for those that find something.
  if (!(await isAnythingDue(context.db, channel.name))) return 0;
  const holder = `${context.processName}/${context.newId()}`;
  const held = { lease: `alerts:${channel.name}`, holder, atMostMs: RUN_MS + LONGEST_DELIVERIES_MS };
  const delivered = await holdLease(context.db, held, () =>
    'deliver' in channel ? deliverDue(context, channel, signal) : deliverPacked(context, channel, signal),
  );
  return delivered ?? 0;
}

function routesOf(channels: readonly AlertChannel[]) {
  return channels
    .filter(({ escalatesAfterMs }) => escalatesAfterMs === undefined)
    .map(({ name, minimumSeverity, offTypes = [] }) => ({
      channel: name,
      severities: SEVERITIES.filter((severity) => reaches(severity, minimumSeverity)),
      off: offTypes,
    }));
}

async function deliverPacked(
  context: Context,
  channel: PackingChannel,
  signal: AbortSignal,
): Promise<number> {
  const { delivered, givenUp, accounts } = await deliverPacks(context, channel, signal);
  for (const accountId of accounts) await tellWorksAgain(context, accountId, channel.name);
  for (const { due, error } of givenUp) await tellFailed(context, channel.name, due, error);
  return delivered;
}

async function deliverDue(context: Context, channel: SingleChannel, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  const due = await readDueDeliveries(context.db, channel.name, DUE_AT_ONCE);
  if (due.length > 0) await failpoint('alert.claimed');
  let delivered = 0;
  const work = async (): Promise<void> => {
    for (let next = due.shift(); next !== undefined; next = due.shift()) {
      if (signal.aborted || performance.now() - startedMs > RUN_MS) return;
      if (await deliverOne(context, channel, next, signal)) delivered += 1;
    }
  };
  // Each to its end, also when one throws: a lease must not be given back while deliveries are under way.
  const ended = await Promise.allSettled(Array.from({ length: SIDE_BY_SIDE }, work));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return delivered;
}

async function deliverOne(
  context: Context,
  channel: SingleChannel,
  due: DueDelivery,
  signal: AbortSignal,
): Promise<boolean> {
  const rule = { severity: due.severity, repeatMs: context.settings.alertRepeatMs };
  const row = { accountId: due.accountId, alertId: due.alertId, channel: channel.name };
  const answer = await errorOf(handOver(channel, messageOf(due), signal));
  const error = isMutant('alert-dropped') ? null : answer;
  if (error !== null && signal.aborted) return false; // we are stopping: that says nothing about the channel
  await failpoint('alert.delivered');
  if (error === null) {
    await recordDelivery(context.db, row, afterSuccess(due, rule), null);
    await tellWorksAgain(context, due.accountId, channel.name);
    return true;
  }
  const after = afterFailure(due, rule);
  await recordDelivery(context.db, row, after, error);
  context.log.warn({ ...row, error, attempt: due.failures + 1 }, 'an alert could not be delivered');
  if (due.state === 'PENDING' && after.state === 'FAILED')
    await tellFailed(context, channel.name, due, error);
  return false;
}

/** Bounded also for a channel that does not look at its signal. */
async function handOver(channel: SingleChannel, alert: AlertMessage, signal: AbortSignal): Promise<void> {
  const timeout = AbortSignal.timeout(DELIVERY_MS);
  const over = new Promise<never>((_, reject) => {
    timeout.addEventListener('abort', () =>
      reject(new ChannelError(`the channel took longer than ${DELIVERY_MS} ms`)),
    );
  });
  await Promise.race([channel.deliver(alert, AbortSignal.any([signal, timeout])), over]);
}

/** Null when it went well; else words that an operator may read. */
async function errorOf(attempt: Promise<void>): Promise<string | null> {
  try {
    await attempt;
    return null;
  } catch (error) {
    if (error instanceof ChannelError) return error.message.slice(0, 300);
    return `the channel failed (${error instanceof Error ? error.name : typeof error})`;
  }
}

const conditionOf = (channel: string) => `alerts:${channel}:undelivered`;

/** A channel that loses alerts is an alert itself, for the others; one that stands is not raised again. */
async function tellFailed(context: Context, channel: string, due: DueDelivery, error: string): Promise<void> {
  await context.withAccount({
    accountId: due.accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) =>
      view.raiseAlert({
        id: context.newId(),
        severity: 'WARNING',
        type: 'alert_undelivered',
        message: `the channel ${channel} did not take ${due.severity} "${due.type}" (${error}); look at the alerts that are shown as undelivered`,
        details: { channel, alertId: due.alertId },
        orderId: null,
        condition: conditionOf(channel),
      }),
  });
}

async function tellWorksAgain(context: Context, accountId: string, channel: string): Promise<void> {
  if (!(await isStanding(context.db, accountId, conditionOf(channel)))) return;
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => view.clearAlert(conditionOf(channel)),
  });
}
