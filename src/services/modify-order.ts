import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { MAX_MODIFICATIONS, modificationsLeft } from '../domain/command.ts';
import { type FieldError, checkRequest } from '../domain/order-request.ts';
import type { Order } from '../domain/order.ts';
import {
  type ModifiableTerms,
  type PlainTerms,
  isLocal,
  isLocalTerm,
  plainTermsOf,
  termsOf,
} from '../domain/order-terms.ts';
import { isFinal, targetOf } from '../domain/order-status.ts';
import { isGuard } from '../domain/protection.ts';
import { failpoint } from '../lib/failpoint.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { CommandRefusal, StagedCommand } from './cancel-order.ts';
import { type Unprepared, checkModify, prepareModify } from './check-modify.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { enqueueNextStep } from './next-step.ts';
import { enqueueCommand, insertCommand, isUnsent, lookAt, modifyUnsent } from './stage-command.ts';
import { checkNeeds } from './check-input.ts';
import { liveGuards } from './protection-facts.ts';

export interface ModifyOrderInput {
  readonly accountId: string;
  readonly orderId: string;
  readonly actor: string;
  /** The strategy the caller is bound to; null: bound to none. */
  readonly strategyId: string | null;
  /** Only the terms to change. */
  readonly terms: Partial<ModifiableTerms>;
  readonly idempotencyKey: string | null;
}

export type ModifyRefusal =
  | CommandRefusal
  | { readonly code: 'INVALID_ORDER'; readonly errors: readonly FieldError[] }
  /** Its end has been asked for: other terms make no sense any more. */
  | { readonly code: 'CANCEL_PENDING'; readonly order: Order };

type Staged = Result<StagedCommand, ModifyRefusal>;

/** A command that waits for something else is looked at again after this, milliseconds; what it waits for wakes it. */
export const BLOCKED_MS = 30_000;

/**
 * Asks for other terms of an order. Before the order is at the broker they change at once and its checks run again;
 * terms that are ours alone (stop, target) change at once under the checks; everything else is a durable command,
 * judged when it is its turn. It takes the place of a modify that waits. Round trips: lock, read, write; a reading of
 * prices and funds and the same once more when they were too old to judge by.
 */
export async function modifyOrder(context: Context, input: ModifyOrderInput): Promise<Staged> {
  await failpoint('modify.beforeCommit');
  let outcome = await stage(context, input, false);
  if ('changed' in outcome) {
    await prepareModify(context, outcome);
    outcome = await stage(context, input, true);
  }
  if ('changed' in outcome) throw new Error(`the instrument of order ${input.orderId} is not loaded`);
  await failpoint('modify.afterCommit');
  if (outcome.ok) {
    const { order, command } = outcome.value;
    await (isUnsent(order) ? enqueueNextStep(context, order) : enqueueCommand(context, command));
  }
  return outcome;
}

type Outcome = Staged | Pick<Unprepared, 'changed' | 'prices'>;

async function stage(context: Context, input: ModifyOrderInput, prepared: boolean): Promise<Outcome> {
  const { accountId, orderId, idempotencyKey } = input;
  return context.withAccount({
    accountId,
    actor: input.actor,
    needs: {
      orders: [orderId],
      commandsOf: [orderId],
      ...checkNeeds(context, accountId),
      ...(idempotencyKey === null ? {} : { commandKeys: [idempotencyKey] }),
    },
    run: (view): Outcome => {
      const order = view.order(orderId);
      if (order === null || (input.strategyId !== null && order.strategyId !== input.strategyId)) {
        return err({ code: 'NOT_FOUND' });
      }
      const before = idempotencyKey === null ? null : view.commandByKey(idempotencyKey);
      if (before !== null) return replay(before, order, input.terms);
      if (isFinal(order.status))
        return err({ code: 'ORDER_FINISHED', order, guard: guardOf(view, order, input.terms) });
      const open = view.openCommands(orderId);
      if (open.some((command) => command.kind === 'CANCEL')) return err({ code: 'CANCEL_PENDING', order });
      const asked = changedTerms(order, input.terms);
      const atOnce = mayApplyAtOnce(order, open, asked);
      const terms = atOnce ? asked : withWaiting(open, asked);
      const instrument = context.instruments.cached(order.instrumentId);
      const changed = { ...order, ...termsOf(terms) };
      const { priceMaxAgeMs } = context.settings.limits;
      if (instrument === null)
        return { changed, prices: { held: [], maxAgeMs: priceMaxAgeMs, addedMargin: false } };
      const checked = checkRequest(changed, instrument, tradingDayOf(view.now));
      if (!checked.ok) return err({ code: 'INVALID_ORDER', errors: checked.error });
      const ofProtection = keptByProtection(order, { ...order, ...termsOf(asked) });
      if (ofProtection.length > 0) return err({ code: 'INVALID_ORDER', errors: ofProtection });
      return stageModify(context, view, { order, open, terms, atOnce, input, prepared });
    },
  });
}

/** A guard covers exactly what is held and goes on waiting: a person moves its price, protection does the rest. */
function keptByProtection(order: Order, changed: Order): FieldError[] {
  if (!isGuard(order)) return [];
  const names = (['quantity', 'orderType'] as const).filter((name) => changed[name] !== order[name]);
  return names.map((name) => ({
    pointer: `/${name}`,
    code: 'PROTECTED',
    message: `of an order that protects a position is kept by protection: close the position, or change its stop`,
  }));
}

/** A filled entry's stop and target are orders of their own, and those may still be changed. */
function guardOf(view: AccountView, { id }: Order, terms: ModifyOrderInput['terms']): Order | null {
  const role = terms.stopLoss != null ? 'STOP' : terms.takeProfit != null ? 'TARGET' : null;
  if (role === null) return null;
  const group = view.protections().find(({ parentOrderId }) => parentOrderId === id);
  if (group === undefined) return null;
  return liveGuards(view, group).find((guard) => guard.role === role) ?? null;
}

interface Stage {
  readonly order: Order;
  readonly open: readonly OrderCommandRow[];
  readonly terms: PlainTerms;
  /** They are ours alone, and no modify on its way or waiting stands against them. */
  readonly atOnce: boolean;
  readonly input: ModifyOrderInput;
  readonly prepared: boolean;
}

function stageModify(context: Context, view: AccountView, stage: Stage): Outcome {
  const { order, open, terms, atOnce, input, prepared } = stage;
  const insert = (): OrderCommandRow =>
    insertCommand(context, view, order, {
      kind: 'MODIFY',
      terms,
      requestedBy: input.actor,
      reason: null,
      idempotencyKey: input.idempotencyKey,
    });
  if (isUnsent(order)) {
    const command = insert();
    const changed = modifyUnsent(view, order, command);
    return ok({ order: changed, command: done(view, command) });
  }
  if (atOnce) {
    const verdict = checkModify(context, view, { order, terms, requestedBy: input.actor, prepared });
    if (verdict.kind === 'UNPREPARED') return verdict;
    return ok(applyLocal(view, order, insert(), verdict));
  }
  for (const waiting of open.filter((command) => command.state === 'WAITING')) {
    endCommand(view, waiting, 'REPLACED', `a modify by ${input.actor} took its place`);
  }
  const command = insert();
  if (!isLocal(terms) && modificationsLeft(order) === 0) {
    return ok({ order, command: endCommand(view, command, 'REFUSED', tooMany(order)) });
  }
  const isBlocked = order.brokerOrderId === null || open.some(({ state }) => state === 'IN_FLIGHT');
  return ok({
    order,
    command: isBlocked
      ? view.putCommand({ ...command, nextStepAt: lookAt(view, BLOCKED_MS) }, null)
      : command,
  });
}

/** A modify on its way was judged, and is counted, by the stop it was claimed with: that one has to end first. */
function mayApplyAtOnce(order: Order, open: readonly OrderCommandRow[], asked: PlainTerms): boolean {
  if (!isLocal(asked) || targetOf(order.status, 'OrderModified') === null) return false;
  return open.every(
    ({ state, terms }) => state === 'WAITING' && Object.keys(asked).every((name) => !(name in (terms ?? {}))),
  );
}

/**
 * A modify takes the place of the one that waits; but terms that are ours alone and those of the broker are two
 * matters: neither is dropped for the other.
 */
function withWaiting(open: readonly OrderCommandRow[], asked: PlainTerms): PlainTerms {
  const waiting = open.find(({ state, kind }) => state === 'WAITING' && kind === 'MODIFY')?.terms ?? {};
  if (isLocal(asked)) return { ...waiting, ...asked };
  const local = Object.fromEntries(Object.entries(waiting).filter(([name]) => isLocalTerm(name)));
  return { ...local, ...asked };
}

/** Changes, or refuses to change, terms that only we hold. */
export function applyLocal(
  view: AccountView,
  order: Order,
  command: OrderCommandRow,
  verdict: Exclude<ReturnType<typeof checkModify>, { kind: 'UNPREPARED' }>,
): StagedCommand {
  const { results } = verdict;
  view.note('ChecksRun', order.id, { commandId: command.id, results });
  if (verdict.kind === 'REFUSED') {
    return { order, command: endCommand(view, command, 'REFUSED', verdict.reason) };
  }
  const changed = view.apply(order, {
    kind: 'OrderModified',
    commandId: command.id,
    terms: command.terms ?? {},
    figures: verdict.reserve,
  });
  return { order: changed, command: endCommand(view, command, 'ACCEPTED', null) };
}

/** The sentence of the modification that is one too many (kite.md section 3.5). */
export function tooMany(order: Pick<Order, 'role' | 'modifications'>): string {
  const kept = order.role === 'STOP' ? ', and the last few are kept for the protection of the position' : '';
  return `the order was modified ${order.modifications} times; the broker takes ${MAX_MODIFICATIONS}${kept}`;
}

function done(view: AccountView, command: OrderCommandRow): OrderCommandRow {
  return { ...command, state: 'DONE', outcome: 'ACCEPTED', finishedAt: view.now, nextStepAt: null };
}

/**
 * The same terms, beside those that went because the order type has no use for them, and those taken over from the
 * modify that waited (see withWaiting).
 */
function replay(before: OrderCommandRow, order: Order, asked: Partial<ModifiableTerms>): Staged {
  const wanted: Readonly<Record<string, unknown>> = plainTermsOf(asked);
  const had: Readonly<Record<string, unknown>> = before.terms ?? {};
  const names = new Set([...Object.keys(wanted), ...Object.keys(had)]);
  const same =
    before.orderId === order.id &&
    before.kind === 'MODIFY' &&
    [...names].every((name) =>
      name in wanted
        ? wanted[name] === had[name]
        : had[name] === null || isLocalTerm(name) !== isLocal(wanted),
    );
  return same ? ok({ order, command: before }) : err({ code: 'IDEMPOTENCY_CONFLICT' });
}

/** What is asked for, and what follows from another order type: a price or a trigger it has no use for goes. */
function changedTerms(order: Order, asked: Partial<ModifiableTerms>): PlainTerms {
  const orderType = asked.orderType ?? order.orderType;
  const drops: Partial<ModifiableTerms> = {
    ...(orderType === 'MARKET' || orderType === 'SL-M' ? { price: null } : {}),
    ...(orderType === 'MARKET' || orderType === 'LIMIT' ? { triggerPrice: null } : {}),
    ...(asked.validity !== undefined && asked.validity !== 'TTL' ? { validityMinutes: null } : {}),
  };
  const needed = Object.entries(drops).filter(([name]) => order[name as keyof ModifiableTerms] !== null);
  return plainTermsOf({ ...Object.fromEntries(needed), ...asked });
}
