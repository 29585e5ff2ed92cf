import { setTimeout as sleep } from 'node:timers/promises';
import type { PromptAction } from '../domain/chat.ts';
import { type OrderStatus, isFinal } from '../domain/order-status.ts';
import { cancelWorkingOrders } from '../services/cancel-working-orders.ts';
import { closePositions } from '../services/close-positions.ts';
import type { Context } from '../services/context.ts';
import { enableStrategy } from '../services/enable-strategy.ts';
import { onceForUpdate } from '../services/once-for-update.ts';
import { listAccounts, readTradingState } from '../services/read-accounts.ts';
import { listStrategies } from '../services/read-lists.ts';
import { readOperation } from '../services/read-operation.ts';
import { readOrderRow, readOrderStatuses } from '../services/read-orders.ts';
import { type ResolveRefusal, resolveOrder } from '../services/resolve-order.ts';
import { setTradingState } from '../services/set-trading-state.ts';
import { type Asker, type Desk, actorOf } from './desk.ts';
import { stampOf } from './figures.ts';
import { orderTitle } from './order-view.ts';
import { type RichText, bold, code, concat, lines, plain, quoted } from './rich-text.ts';

/** A person waits so long for what the queues do; after that the answer says what still goes on. */
const WATCH_MS = 8000;
const LOOK_MS = 250;
/** Accounts that are halted side by side. */
const ACCOUNTS_AT_ONCE = 100;
/** The account that ends the update waits so long for the others, and is halted then whatever keeps them. */
const OTHERS_MS = 3000;

export interface Doing {
  readonly desk: Desk;
  readonly asker: Asker;
  /** Of the update that asks: its effect happens once. */
  readonly key: string;
}

/**
 * Does what was confirmed and says how it stands afterwards, as read back from the database. Throws AlreadyDoneError
 * when another run did it.
 */
export async function doAction(doing: Doing, action: PromptAction): Promise<RichText> {
  const { desk, asker, key } = doing;
  const context = onceForUpdate(desk.context, { accountId: desk.accountId, key });
  const by = actorOf(asker);
  switch (action.kind) {
    case 'halt':
      return halt(desk, context, { reason: action.reason, by });
    case 'reduce': {
      const changed = await setTradingState(context, {
        ...{ accountId: desk.accountId, scope: 'account', state: 'REDUCING', waitMs: 0 },
        ...{ reason: action.reason, by },
      });
      return changed.ok ? stateText(desk) : refusedText(changed.error.message);
    }
    case 'cancelAll':
      return cancelAll(desk, context, { reason: action.reason, by });
    case 'pause': {
      const of = { accountId: desk.accountId, strategyId: action.strategyId, actor: by };
      const changed = await enableStrategy(context, { ...of, enabled: false, reason: action.reason });
      return changed.ok ? strategyText(desk, action.strategyId) : refusedText('there is no such strategy');
    }
    case 'resume':
      return action.strategyId === null
        ? resume(desk, context, { releases: action.releases, by })
        : resumeStrategy(desk, context, { strategyId: action.strategyId, by });
    case 'flatten':
      return flatten(desk, context, { strategyId: action.strategyId, by });
    case 'resolve':
      return resolve(desk, context, { action, by });
  }
}

interface Why {
  readonly reason: string;
  readonly by: string;
}

/** Every account: whoever halts from a phone means all of it. The one that ends the update comes last. */
async function halt(desk: Desk, context: Context, { reason, by }: Why): Promise<RichText> {
  const change = { scope: 'account', state: 'HALTED', cancelOpen: true, reason, by } as const;
  const others = haltOthers(desk, change);
  await Promise.race([others, sleep(OTHERS_MS)]);
  const changed = await setTradingState(context, {
    ...change,
    accountId: desk.accountId,
    waitMs: WATCH_MS / 2,
  });
  const told = await others;
  if (!changed.ok) return refusedText(changed.error.message);
  const { inFlight, operationId, changed: isNew } = changed.value;
  const left = operationId === null ? null : await watch(desk, operationId);
  const open = inFlight.filter(({ status }) => !isFinal(status));
  return lines(
    await stateText(desk),
    isNew ? null : plain('It was halted already; that halt stays in force.'),
    open.length === 0
      ? plain('Nothing is on its way to the broker.')
      : plain(
          `On its way when it was halted: ${open.map(({ id, status }) => `${id.slice(-8)} ${status}`).join(', ')}`,
        ),
    left,
    told,
  );
}

async function* pagesOfAccounts({ context, accountId }: Desk): AsyncGenerator<readonly string[]> {
  for (let after: string | null = null; ;) {
    const page: readonly { readonly id: string }[] = await listAccounts(context.db, {
      after,
      limit: ACCOUNTS_AT_ONCE,
    });
    yield page.map(({ id }) => id).filter((id) => id !== accountId);
    if (page.length < ACCOUNTS_AT_ONCE) return;
    after = page.at(-1)?.id ?? null;
  }
}

/** Every other account, a page at a time; one that can not be halted is named and keeps none of the others. */
async function haltOthers(
  desk: Desk,
  change: Omit<Parameters<typeof setTradingState>[1], 'accountId'>,
): Promise<RichText | null> {
  const states: string[] = [];
  try {
    for await (const ids of pagesOfAccounts(desk)) {
      const ended = await Promise.allSettled(
        ids.map((accountId) => setTradingState(desk.context, { ...change, accountId, waitMs: 0 })),
      );
      for (const [n, id] of ids.entries()) {
        const one = ended[n];
        const isHalted = one?.status === 'fulfilled' && one.value.ok;
        if (!isHalted) desk.context.log.error({ accountId: id, err: one }, 'an account was not halted');
        states.push(isHalted ? `${id} HALTED` : `${id} NOT HALTED`);
      }
    }
  } catch (error) {
    desk.context.log.error({ err: error }, 'the other accounts could not be listed');
    states.push('the rest NOT HALTED: they could not be listed');
  }
  return states.length === 0 ? null : plain(`Other accounts: ${states.join(', ')}`);
}

/** How the account stands, from its row. */
async function stateText({ context, accountId }: Desk): Promise<RichText> {
  const { state, by, at, reason } = await readTradingState(context.db, accountId);
  const marks = { ACTIVE: '🟢', REDUCING: '🟠', HALTED: '🔴' } as const;
  return lines(
    bold(`${marks[state]} Trading is ${state}`),
    at === null
      ? null
      : concat(`since ${stampOf(at)} by ${by ?? '?'}: `, quoted(reason ?? 'no reason given')),
  );
}

/** Waits for what goes on by itself, and says how far it is. */
async function watch(desk: Desk, operationId: string): Promise<RichText | null> {
  const { context, accountId } = desk;
  const untilMs = performance.now() + WATCH_MS;
  for (;;) {
    const story = await readOperation(context, accountId, operationId);
    if (story === null) return null;
    const { operation, orders } = story;
    const { state, details } = operation;
    if (state !== 'RUNNING' || performance.now() > untilMs) {
      const cancels = Object.keys(details.cancels);
      const statuses = await statusesOf(desk, cancels);
      const ended = statuses.filter(isFinal).length;
      return lines(
        cancels.length === 0 ? null : plain(`Entries cancelled: ${ended} of ${cancels.length}`),
        ...orders.map((order) => concat(`Exit ${orderTitle(order)}: `, bold(order.status))),
        ...details.left.map(({ what, why }) => concat('Left: ', quoted(`${what}: ${why}`))),
        plain(state === 'RUNNING' ? 'It goes on by itself; /status shows it.' : `Finished: ${state}.`),
      );
    }
    await sleep(LOOK_MS);
  }
}

async function statusesOf({ context, accountId }: Desk, ids: readonly string[]): Promise<OrderStatus[]> {
  if (ids.length === 0) return [];
  const keys = ids.map((orderId) => ({ accountId, orderId }));
  return [...(await readOrderStatuses(context.db, keys)).values()];
}

async function cancelAll(desk: Desk, context: Context, { reason, by }: Why): Promise<RichText> {
  const { accountId } = desk;
  const ids = await cancelWorkingOrders(context, { accountId, actor: by, reason });
  if (ids.length === 0) return plain('No entry was working.');
  const untilMs = performance.now() + WATCH_MS;
  for (;;) {
    const rows = await Promise.all(ids.map((id) => readOrderRow(desk.context.db, accountId, id)));
    const open = rows.filter((row) => row !== null && !isFinal(row.status));
    if (open.length === 0 || performance.now() > untilMs) {
      const counts = new Map<string, number>();
      for (const row of rows) if (row !== null) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
      return lines(
        bold(`Cancels of ${ids.length} entries: ${ids.length - open.length} are finished`),
        ...[...counts].map(([status, count]) => plain(`${status} ${count}`)),
        open.length === 0 ? null : plain('The others are being cancelled; /orders shows them.'),
      );
    }
    await sleep(LOOK_MS);
  }
}

async function strategyText({ context, accountId }: Desk, strategyId: string): Promise<RichText> {
  const [row] = await listStrategies(context.db, { accountId, only: strategyId, limit: 1 });
  if (row === undefined) return refusedText('there is no such strategy');
  const { enabled, tradingState, disabledReason } = row;
  return concat(
    'Strategy ',
    code(strategyId),
    ' is ',
    bold(enabled ? tradingState : 'PAUSED'),
    quoted(disabledReason === null ? '' : `: ${disabledReason}`),
  );
}

async function resume(
  desk: Desk,
  context: Context,
  { releases, by }: { readonly releases: string | null; readonly by: string },
): Promise<RichText> {
  const changed = await setTradingState(context, {
    ...{ accountId: desk.accountId, scope: 'account', state: 'ACTIVE', releases, by },
    reason: 'resumed from Telegram',
  });
  return changed.ok ? stateText(desk) : lines(refusedText(changed.error.message), await stateText(desk));
}

async function resumeStrategy(
  desk: Desk,
  context: Context,
  { strategyId, by }: { readonly strategyId: string; readonly by: string },
): Promise<RichText> {
  const { accountId } = desk;
  const reason = 'resumed from Telegram';
  const [row] = await listStrategies(desk.context.db, { accountId, only: strategyId, limit: 1 });
  if (row !== undefined && row.tradingState !== 'ACTIVE') {
    // Its halt, then what paused it; the last ends the update, so that a crash between does both again.
    const change = { accountId, scope: 'strategy', strategyId, state: 'ACTIVE', reason, by } as const;
    const changed = await setTradingState(desk.context, change);
    if (!changed.ok) return refusedText(changed.error.message);
  }
  const enabled = await enableStrategy(context, { accountId, strategyId, actor: by, enabled: true, reason });
  return enabled.ok ? strategyText(desk, strategyId) : refusedText('there is no such strategy');
}

async function flatten(
  desk: Desk,
  context: Context,
  { strategyId, by }: { readonly strategyId: string | null; readonly by: string },
): Promise<RichText> {
  const begun = await closePositions(context, {
    ...{ accountId: desk.accountId, actor: by, byOperator: true, strategyId },
    ...{ instrument: null, product: null, quantity: null, includeExternal: false },
    reason: 'flattened from Telegram',
  });
  if (!begun.ok) return refusedText(begun.error.message);
  return lines(bold('Flatten'), await watch(desk, begun.value.id));
}

async function resolve(
  desk: Desk,
  context: Context,
  { action, by }: { readonly action: Extract<PromptAction, { kind: 'resolve' }>; readonly by: string },
): Promise<RichText> {
  const { accountId } = desk;
  const { orderId, decision, brokerOrderId } = action;
  const resolved = await resolveOrder(context, {
    ...{ accountId, orderId, actor: by, decision, brokerOrderId },
    reason: 'decided in Telegram',
  });
  const order = await readOrderRow(desk.context.db, accountId, orderId);
  return lines(
    resolved.ok ? null : refusedText(refusalText(resolved.error)),
    order === null
      ? null
      : concat(
          `${orderTitle(order)} is `,
          bold(order.status),
          quoted(order.statusReason === null ? '' : `: ${order.statusReason}`),
        ),
  );
}

function refusalText(refusal: ResolveRefusal): string {
  switch (refusal.code) {
    case 'NOT_FOUND':
      return 'there is no such order';
    case 'ORDER_NOT_UNKNOWN':
      return `the order is ${refusal.order.status}: there is no doubt to end`;
    case 'BROKER_ORDER_NOT_FOUND':
      return `the broker's book does not hold ${refusal.brokerOrderId ?? 'an order with its tag'}`;
    case 'BROKER_ORDER_DIFFERS':
      return refusal.what;
  }
}

export function refusedText(why: string): RichText {
  return concat(bold('Refused: '), quoted(why));
}
