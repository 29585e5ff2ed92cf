import type { AccountView } from '../db/account-view.ts';
import { CommitUnknownError } from '../db/errors.ts';
import { ZERO, decimal } from '../domain/money.ts';
import type { Order } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { isGuard } from '../domain/protection.ts';
import { failpoint } from '../lib/failpoint.ts';
import { riskPerUnit } from '../risk/effect.ts';
import { runChecks } from '../risk/pre-trade.ts';
import {
  type NeededPrices,
  checkInput,
  checkNeeds,
  isPrepared,
  neededPrices,
  prepare,
} from './check-input.ts';
import type { ClaimDecision } from './claim.ts';
import type { Context } from './context.ts';
import { deferStep } from './defer-step.ts';
import { enqueueNextStep } from './next-step.ts';
import { pauseRunaway } from './pause-strategy.ts';
import { protectAccount } from './protect-account.ts';
import { rejectOrder, staleReason } from './reject-order.ts';

/** A refusal for lack of funds is worth a newer look. */
export const FUNDS_DOUBT_AGE_MS = 1000;

type Outcome =
  | { readonly kind: 'done'; readonly order: Order | null; readonly claim?: ClaimDecision }
  | { readonly kind: 'askFunds' };

/** Prices, funds and margins have to be read outside the lock first. */
interface Unprepared {
  readonly kind: 'prepare';
  readonly order: Order;
  readonly prices: NeededPrices;
}

/**
 * Runs every check on a PENDING order under the account lock: VALIDATED with its margin reserved, or REJECTED by
 * the OMS. Prices, funds and margins are read before the lock. Round trips: lock and read; write. Runs any number of
 * times: an order that is no longer PENDING is left alone. With an open lane (context.ts) it is claimed, too.
 */
export async function validateOrder(
  context: Context,
  { accountId, orderId }: { readonly accountId: string; readonly orderId: string },
): Promise<void> {
  await failpoint('validate.begin');
  let outcome = await decide(context, accountId, orderId, false);
  if (outcome.kind === 'askFunds') {
    await context.funds.refresh(accountId, FUNDS_DOUBT_AGE_MS);
    outcome = await decide(context, accountId, orderId, true);
  }
  await failpoint('validate.afterCommit');
  if (outcome.kind === 'done') await goOn(context, outcome.order, outcome.claim);
}

/** A claim goes at once; a slot that comes later is waited for; everything else takes the queue. */
async function goOn(context: Context, order: Order | null, claim?: ClaimDecision): Promise<void> {
  if (claim?.kind === 'claimed') {
    context.lane.send(context, claim.claim);
    return;
  }
  if (claim?.kind === 'later') return deferStep(context, claim.order, claim.at);
  if (order === null) return;
  if (isGuard(order) && isFinal(order.status)) {
    await protectAccount(context, order);
    return;
  }
  await enqueueNextStep(context, order);
}

async function decide(context: Context, accountId: string, orderId: string, sure: boolean): Promise<Outcome> {
  const claimId = context.newId();
  try {
    return await decideAs(context, accountId, orderId, { sure, claimId });
  } catch (error) {
    if (!(error instanceof CommitUnknownError)) throw error;
    const claim = await context.lane.recover(context, accountId, orderId, claimId);
    if (claim.kind !== 'claimed') throw error;
    return { kind: 'done', order: claim.claim.order, claim };
  }
}

async function decideAs(
  context: Context,
  accountId: string,
  orderId: string,
  { sure, claimId }: { readonly sure: boolean; readonly claimId: string },
): Promise<Outcome> {
  for (let prepared = false; ; prepared = true) {
    const outcome = await context.withAccount({
      accountId,
      actor: context.processName,
      needs: { orders: [orderId], ...checkNeeds(context, accountId) },
      run: (view): Outcome | Unprepared => {
        const order = view.order(orderId);
        if (order?.status !== 'PENDING') return { kind: 'done', order: null };
        const prices = neededPrices(context, view, order);
        if (!prepared && !isPrepared(context, order, prices)) return { kind: 'prepare', order, prices };
        return claimed(context, view, judge(context, view, order, sure), claimId);
      },
    });
    if (outcome.kind !== 'prepare') return outcome;
    await prepare(context, outcome.order, outcome.prices);
  }
}

/** Where this process sends orders as well, the claim is part of the same transaction. */
function claimed(context: Context, view: AccountView, outcome: Outcome, claimId: string): Outcome {
  if (outcome.kind !== 'done' || outcome.order?.status !== 'VALIDATED' || !context.lane.hasRoom()) {
    return outcome;
  }
  const claim = context.lane.decide(context, view, outcome.order.id, claimId);
  return { ...outcome, order: view.order(outcome.order.id), claim };
}

function judge(context: Context, view: AccountView, order: Order, sure: boolean): Outcome {
  const stale = staleReason(order, view.now);
  if (stale !== null) {
    return {
      kind: 'done',
      order: rejectOrder(view, order, { by: 'OMS', failedCheck: 'STALE', reason: stale }),
    };
  }
  const { input, marginPerUnit } = checkInput(context, view, order);
  const { results, failed } = runChecks(input);
  if (failed?.check === 'BALANCE' && !sure) return { kind: 'askFunds' };
  // An order that was changed is checked again: the run is the version that was judged.
  view.putChecks(order.id, order.version, results);
  pauseRunaway(context, view, order, results);
  if (failed !== null) {
    const rejected = rejectOrder(view, order, {
      by: 'OMS',
      failedCheck: failed.check,
      reason: failed.message,
    });
    return { kind: 'done', order: rejected };
  }
  const multiplier = input.instrument.multiplier ?? decimal(1);
  const risk = riskPerUnit(input.reference, order.stopLoss, multiplier);
  const validated = view.apply(order, {
    kind: 'OrderValidated',
    openingQuantity: input.effect.openingQuantity,
    marginPerUnit: (marginPerUnit ?? ZERO).toDecimalPlaces(8).toFixed(),
    riskPerUnit: risk?.toDecimalPlaces(8).toFixed() ?? null,
    referencePrice: input.reference?.toDecimalPlaces(4).toFixed() ?? null,
    valuePerUnit: input.valuePerUnit?.toDecimalPlaces(8).toFixed() ?? null,
  });
  return { kind: 'done', order: validated };
}
