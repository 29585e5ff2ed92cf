import type { BrokerGttTerms, CommandCallOutcome, GttOutcome } from '../broker/port.ts';
import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type GttCall, type GttNet, type GttTerms, NO_GTT } from '../domain/gtt.ts';
import { decimal, type Decimal } from '../domain/money.ts';
import { pauseAfter } from '../domain/operation.ts';
import { closingSide } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { nextGttCall, wantedGtt } from '../risk/protection/gtt-plan.ts';
import type { Context } from './context.ts';
import { PROTECTION_NEEDS } from './protect-account.ts';
import { isSuspended } from './protection-facts.ts';
import { settleGtt } from './settle-gtt.ts';
import { tellRefusedGtt } from './tell-protection.ts';

/** A call that has no answer this long after it must have ended lost its process, milliseconds. */
const LOST_MARGIN_MS = 1000;
/** The list is read this often while nothing is in doubt: a GTT that fired, or that a person took away, shows there. */
const READ_EVERY_MS = 10_000;
/** Refusals in a row after which a person is told. */
const TOLD_REFUSALS = 2;

interface Claimed {
  readonly group: ProtectionGroupRow;
  readonly net: GttNet;
  readonly call: GttCall;
  readonly last: Decimal | null;
}

interface Found {
  readonly claims: readonly Claimed[];
  /** Groups of which the broker's list has to tell, with the call that is in doubt. */
  readonly doubts: ReadonlyMap<string, string | null>;
}

/**
 * Makes the GTT of each protection group that asks for one what it should be: claimed under the lock, called outside
 * of it, recorded under it. A GTT has no tag of ours, so a call without an answer is never repeated blindly: the
 * broker's list tells first. Runs any number of times, also at once: one call of a group is under way at most.
 */
export async function keepGtts(
  context: Context,
  { accountId }: { readonly accountId: string },
): Promise<void> {
  const { claims, doubts } = await context.withAccount({
    accountId,
    actor: context.processName,
    needs: PROTECTION_NEEDS,
    run: (view) => claimGtts(context, view),
  });
  for (const claim of claims) {
    await failpoint('gtt.afterClaim');
    const outcome = await callBroker(context, claim);
    await failpoint('gtt.afterCall');
    await record(context, claim, outcome);
  }
  if (doubts.size === 0) return;
  const rows = await context.broker(accountId).getGtts();
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: PROTECTION_NEEDS,
    run: (view) => {
      for (const group of view.protections()) {
        const asked = doubts.get(group.id);
        if (asked === undefined || asked !== (group.gttNet?.call?.id ?? null)) continue;
        settleGtt(context, view, group, rows);
      }
    },
  });
}

function claimGtts(context: Context, view: AccountView): Found {
  const claims: Claimed[] = [];
  const doubts = new Map<string, string | null>();
  for (const group of view.protections()) {
    const claimed = claimGtt(context, view, group);
    if (claimed === 'doubt') doubts.set(group.id, group.gttNet?.call?.id ?? null);
    else if (claimed !== null) claims.push(claimed);
  }
  return { claims, doubts };
}

/** The call that a group needs, claimed; 'doubt': the list has to be read first; null: nothing. */
function claimGtt(context: Context, view: AccountView, group: ProtectionGroupRow): Claimed | 'doubt' | null {
  const { heldQuantity: held, gttNet } = group;
  const instrument = context.instruments.cached(group.instrumentId);
  if ((!group.gtt && gttNet === null) || instrument === null) return null;
  const net = gttNet ?? NO_GTT;
  if (isOver(net, group)) {
    if (gttNet !== null) endGtt(view, group);
    return null;
  }
  // One at the old price of a share that may be split would fire at once.
  const isHeldBack = held > 0 && isSuspended(context, view, group);
  const now = view.real.realNow;
  if (needsRead(context, net, now)) return 'doubt';
  if (net.retryAt !== null && new Date(net.retryAt) > now) return null;
  const price = context.prices.peek(group.instrumentId);
  const { stopLoss: stop, takeProfit: target } = group;
  const side = closingSide(group.side);
  const wanted = group.gtt ? wantedGtt({ held, side, stop, target }, instrument, price) : null;
  const last = price?.last ?? null;
  const next = nextGttCall(net, wanted, side, last);
  if (next === null || (isHeldBack && next.kind !== 'CANCEL')) return null;
  const call: GttCall = { id: context.newId(), ...next, at: now.toISOString(), inDoubt: false };
  view.putProtection(
    { ...group, gttNet: { ...net, call } },
    { kind: 'GttAsked', data: { call: call.kind, terms: call.terms, triggerId: net.triggerId } },
  );
  return { group, net, call, last };
}

/** Nothing is at the broker, or what was there did its work, and nothing is held that would want another. */
function isOver(
  { triggerId, call, fired }: GttNet,
  { heldQuantity, gtt }: Pick<ProtectionGroupRow, 'heldQuantity' | 'gtt'>,
): boolean {
  if (call !== null || (heldQuantity > 0 && gtt)) return false;
  return triggerId === null || fired !== null;
}

function endGtt(view: AccountView, group: ProtectionGroupRow): void {
  clearGttAlerts(view, group, true);
  view.clearAlert(`protection:${group.id}:gtt-fired`);
  view.putProtection({ ...group, gttNet: null }, null);
}

/** The broker took a call: it refuses no more. One that was lost is there again, or is not wanted (`isGone`). */
function clearGttAlerts(view: AccountView, { id }: ProtectionGroupRow, isGone: boolean): void {
  view.clearAlert(`protection:${id}:gtt-refused`);
  if (isGone) view.clearAlert(`protection:${id}:gtt-lost`);
}

function needsRead({ settings }: Context, net: GttNet, now: Date): boolean {
  const since = (at: string) => now.getTime() - new Date(at).getTime();
  const { call, triggerId, readAt, fired } = net;
  if (call !== null) return call.inDoubt || since(call.at) > settings.brokerTimeoutMs + LOST_MARGIN_MS;
  if (triggerId === null || fired !== null) return false;
  return readAt === null || since(readAt) > READ_EVERY_MS;
}

type Outcome = GttOutcome | CommandCallOutcome;

async function callBroker(context: Context, { group, net, call, last }: Claimed): Promise<Outcome> {
  const broker = context.broker(group.accountId);
  const options = { timeoutMs: context.settings.brokerTimeoutMs };
  const terms = (): BrokerGttTerms =>
    brokerTerms(group, present(call.terms, 'terms of a GTT'), present(last, 'price of a GTT'));
  switch (call.kind) {
    case 'PLACE':
      return broker.placeGtt(terms(), options);
    case 'MODIFY':
      return broker.modifyGtt(present(net.triggerId, 'id of a GTT'), terms(), options);
    case 'CANCEL':
      return broker.cancelGtt(present(net.triggerId, 'id of a GTT'), options);
  }
}

function brokerTerms(
  { exchange, symbol, product, side }: ProtectionGroupRow,
  { quantity, legs }: GttTerms,
  lastPrice: Decimal,
): BrokerGttTerms {
  return {
    ...{ exchange, tradingsymbol: symbol, product, quantity, lastPrice },
    transactionType: closingSide(side),
    legs: legs.map(({ trigger, price }) => ({ trigger: decimal(trigger), price: decimal(price) })),
  };
}

/** What the call came to. One that was settled by the list meanwhile is left as it is. */
async function record(context: Context, claimed: Claimed, outcome: Outcome): Promise<void> {
  const { group: claimedOf, call } = claimed;
  await context.withAccount({
    accountId: claimedOf.accountId,
    actor: context.processName,
    needs: PROTECTION_NEEDS,
    run: (view) => {
      const group = view.protections().find(({ id }) => id === claimedOf.id);
      const net = group?.gttNet ?? null;
      if (group === undefined || net?.call?.id !== call.id) return;
      const gttNet = afterCall(net, call, outcome, view.real.realNow);
      const reason = 'message' in outcome ? outcome.message : null;
      if (gttNet !== null && gttNet.refusals >= TOLD_REFUSALS && reason !== null) {
        tellRefusedGtt(context, view, group, reason);
      }
      if (outcome.kind === 'PLACED' || outcome.kind === 'ACKNOWLEDGED')
        clearGttAlerts(view, group, gttNet === null);
      const data = { call: call.kind, outcome: outcome.kind, reason, triggerId: gttNet?.triggerId ?? null };
      view.putProtection({ ...group, gttNet }, { kind: 'GttAnswered', data });
    },
  });
}

function afterCall(net: GttNet, call: GttCall, outcome: Outcome, now: Date): GttNet | null {
  switch (outcome.kind) {
    case 'PLACED':
      return { ...NO_GTT, triggerId: outcome.triggerId, terms: call.terms, readAt: now.toISOString() };
    case 'ACKNOWLEDGED':
      return call.kind === 'CANCEL' ? null : { ...net, terms: call.terms, call: null, refusals: 0 };
    case 'UNKNOWN':
      return { ...net, call: { ...call, inDoubt: true } };
    case 'NOT_PLACED':
    case 'NOT_DONE': {
      const refusals = net.refusals + 1;
      const retryAt = new Date(now.getTime() + pauseAfter(refusals)).toISOString();
      // A change is refused when the GTT fired or went away: the list tells.
      return { ...net, call: null, refusals, retryAt, readAt: null };
    }
  }
}
