import type { BrokerGtt } from '../broker/port.ts';
import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type GttNet, type GttTerms, NO_GTT, sameGtt } from '../domain/gtt.ts';
import { closingSide } from '../domain/protection.ts';
import type { Context } from './context.ts';
import { tellFiredGtt, tellLostGtt } from './tell-protection.ts';

/** How far the broker's clock may be behind ours, milliseconds: a GTT older than its claim is somebody else's. */
const CLOCK_SKEW_MS = 5000;

/**
 * What the broker's list says of a group's GTT. One in the list is what it says there; one that was asked for and is
 * not there may still come, until UNKNOWN_HORIZON_MS after the claim; only then is it asked for again.
 */
export function settleGtt(
  context: Pick<Context, 'newId' | 'settings'>,
  view: AccountView,
  group: ProtectionGroupRow,
  rows: readonly BrokerGtt[],
): void {
  const net = group.gttNet;
  if (net === null) return;
  const row = rowOf(view, group, net, rows);
  const next = row === null ? missing(context, view, net) : present(context, view, group, { row, net });
  const isNews = next === null || next.triggerId !== net.triggerId || next.fired !== net.fired;
  const data = { triggerId: net.triggerId, found: row?.triggerId ?? null, status: row?.status ?? null };
  view.putProtection({ ...group, gttNet: next }, isNews ? { kind: 'GttRead', data } : null);
}

/** By its id; by its terms, when the answer that would have named it was lost. */
function rowOf(
  view: AccountView,
  group: ProtectionGroupRow,
  { triggerId, call }: GttNet,
  rows: readonly BrokerGtt[],
): BrokerGtt | null {
  if (triggerId !== null) return rows.find((row) => row.triggerId === triggerId) ?? null;
  if (call === null) return null;
  const taken = new Set(view.protections().map(({ gttNet }) => gttNet?.triggerId ?? null));
  const from = new Date(call.at).getTime() - CLOCK_SKEW_MS;
  const isOurs = (row: BrokerGtt) =>
    row.exchange === group.exchange &&
    row.tradingsymbol === group.symbol &&
    (row.status === 'active' || row.status === 'triggered') &&
    row.legs.every(
      (leg) => leg.product === group.product && leg.transactionType === closingSide(group.side),
    ) &&
    (row.createdAt?.getTime() ?? 0) >= from &&
    !taken.has(row.triggerId) &&
    sameGtt(termsOf(row), call.terms);
  return rows.find(isOurs) ?? null;
}

function termsOf({ legs }: BrokerGtt): GttTerms {
  return {
    quantity: legs[0]?.quantity ?? 0,
    legs: legs.map(({ trigger, price }) => ({ trigger: trigger.toFixed(), price: price.toFixed() })),
  };
}

function missing({ settings }: Pick<Context, 'settings'>, view: AccountView, net: GttNet): GttNet | null {
  const now = view.real.realNow;
  const readAt = now.toISOString();
  const since = net.triggerId === null ? (net.call?.at ?? readAt) : (net.missingSince ?? readAt);
  const waited = now.getTime() - new Date(since).getTime();
  if (waited <= settings.brokerTimeoutMs + settings.unknownHorizonMs) {
    return { ...net, readAt, missingSince: net.triggerId === null ? null : since };
  }
  return net.call?.kind === 'CANCEL' ? null : { ...NO_GTT, refusals: net.refusals };
}

function present(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  group: ProtectionGroupRow,
  { row, net }: { readonly row: BrokerGtt; readonly net: GttNet },
): GttNet | null {
  const { triggerId, status } = row;
  const known = { ...NO_GTT, triggerId, terms: termsOf(row), readAt: view.real.realNow.toISOString() };
  if (status === 'active') {
    view.clearAlert(`protection:${group.id}:gtt-lost`);
    return { ...known, refusals: net.refusals, retryAt: net.retryAt };
  }
  if (status === 'triggered') {
    const result = row.legs.find((leg) => leg.result !== null)?.result ?? null;
    const orderId = result?.orderId ?? null;
    tellFiredGtt(context, view, group, { triggerId, orderId, reason: result?.reason ?? null });
    return { ...known, fired: { brokerOrderId: orderId } };
  }
  if (net.call?.kind !== 'CANCEL') tellLostGtt(context, view, group, { triggerId, status });
  return null;
}
