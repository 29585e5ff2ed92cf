/** What must be true at the end of a run, whatever happened. Everything that is not is collected and named. */
import { setTimeout as sleep } from 'node:timers/promises';
import { auditBooks } from '../../src/services/audit-books.ts';
import { mostWithin, userOf } from '../support/pipeline/book.ts';
import { waitFor } from '../support/wait.ts';
import { agreement } from './agreement.ts';
import type { Ledger } from './load.ts';
import type { Span } from './nemesis.ts';
import { CANARY, WORKER_ENVIRONMENT } from './options.ts';
import type { World } from './world.ts';

const AGREE_MS = 30_000;
/** Timers and two clocks of one machine. */
const TOLERANCE_MS = 5;

export async function judge(world: World, ledger: Ledger, spans: readonly Span[]): Promise<string[]> {
  const found: string[] = [...ledger.violations];
  const add = (more: readonly string[]): void => void found.push(...more);
  add(world.workers.crashes.map((text) => `a worker ended by itself: ${text}`));
  add(await judgeLedger(world, ledger));
  add(await waitForAgreement(world));
  add(await judgeHalts(world, ledger, spans));
  add(await judgeClaims(world, spans));
  add(await judgeBudget(world, spans));
  add(await judgeAlerts(world));
  add(await judgeAudit(world));
  add(await judgeBoot(world));
  add(await judgeBackup(world));
  return found;
}

/** Every acknowledged order exists exactly once, under the id that was answered, and is final or told. */
async function judgeLedger({ ask }: World, { accepted, refused }: Ledger): Promise<string[]> {
  const rows = await ask<{
    account_id: string;
    client_order_id: string;
    id: string;
    final: boolean;
    told: boolean;
  }>(
    `select o.account_id, o.client_order_id, o.id, o.finished_at is not null as final, exists (select from alerts a
        where a.account_id = o.account_id and a.order_id = o.id) as told
      from orders o where o.cause in ('REQUEST', 'OPERATOR')`,
  );
  const found: string[] = [];
  const byClientId = new Map<string, (typeof rows)[number][]>();
  for (const row of rows)
    byClientId.set(row.client_order_id, [...(byClientId.get(row.client_order_id) ?? []), row]);
  for (const [clientOrderId, { id }] of accepted) {
    const of = byClientId.get(clientOrderId) ?? [];
    if (of.length !== 1) found.push(`${clientOrderId} was acknowledged and exists ${of.length} times`);
    else if (of[0]?.id !== id)
      found.push(`${clientOrderId} was acknowledged as ${id} and is ${of[0]?.id ?? ''}`);
    else if (!of[0].final && !of[0].told) found.push(`${clientOrderId} is not final and nobody was told`);
  }
  for (const clientOrderId of refused.keys()) {
    if (byClientId.has(clientOrderId)) found.push(`${clientOrderId} was refused and exists`);
  }
  return found;
}

/** Late fills and corrections reach us a poll or two after everything is at rest. */
async function waitForAgreement(world: World): Promise<string[]> {
  const deadline = performance.now() + AGREE_MS * world.options.patience;
  for (;;) {
    const found: string[] = [];
    for (const account of [...world.options.accounts, CANARY])
      found.push(...(await agreement(world, account)));
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(300);
  }
}

/** No entry reaches the exchange between a halt's answer and its release, but those that the answer named. */
async function judgeHalts(world: World, { halts }: Ledger, spans: readonly Span[]): Promise<string[]> {
  const found: string[] = [];
  for (const { account, answeredAtMs, releasedAtMs, inFlight } of halts) {
    const received = (await world.book(account)).orders.filter(
      ({ received_at_ms: at, tag }) => tag !== null && at > answeredAtMs + TOLERANCE_MS && at < releasedAtMs,
    );
    if (received.length === 0) continue;
    const entries = await world.ask<{ id: string; tag: string; claimed: number }>(
      `select o.id, t.tag, (extract(epoch from t.not_before) * 1000)::float8 as claimed
        from orders o join order_attempts t on t.account_id = o.account_id and t.order_id = o.id
        where o.account_id = $1 and t.tag = any($2) and o.role = 'ENTRY' and not o.reduce_only`,
      [account, received.map(({ tag }) => tag)],
    );
    for (const { id, tag, claimed } of entries) {
      // Claimed before the halt, and held up where nobody could see it: the window that is left (README, Safety).
      const isHeldUp = claimed < answeredAtMs && wasHeldUp(spans, claimed, answeredAtMs);
      if (inFlight.includes(id) || isHeldUp) continue;
      found.push(`entry ${id} (${tag}) of ${account} reached the exchange while trading was halted`);
    }
  }
  return found;
}

/** A process was stopped, or the way to the broker was closed, at some time between the two. */
function wasHeldUp(spans: readonly Span[], fromMs: number, toMs: number): boolean {
  return spans.some(
    (span) => /^(stop|broker|machine)/.test(span.what) && span.fromMs <= toMs && span.toMs >= fromMs - 2500,
  );
}

/** Every order that the exchange holds with a tag of ours was claimed first, and not sent after its deadline. */
async function judgeClaims(world: World, spans: readonly Span[]): Promise<string[]> {
  const found: string[] = [];
  for (const account of [...world.options.accounts, CANARY]) {
    const attempts = await world.ask<{ tag: string; not_before: number; send_by: number }>(
      `select tag, (extract(epoch from not_before) * 1000)::float8 as not_before,
        (extract(epoch from send_by) * 1000)::float8 as send_by from order_attempts where account_id = $1`,
      [account],
    );
    const byTag = new Map(attempts.map((row) => [row.tag, row]));
    for (const order of (await world.book(account)).orders) {
      if (order.tag === null) continue;
      const attempt = byTag.get(order.tag);
      const at = order.received_at_ms;
      if (attempt === undefined)
        found.push(`broker order ${order.order_id} (${order.tag}) was sent without a claim`);
      else if (at < attempt.not_before - TOLERANCE_MS) found.push(`${order.tag} was sent before its slot`);
      else if (
        at > attempt.send_by + 1500 * world.options.patience &&
        !wasHeldUp(spans, attempt.not_before, at)
      ) {
        found.push(`${order.tag} was sent ${Math.round(at - attempt.send_by)} ms after its deadline`);
      }
    }
  }
  return found;
}

/** The budget by the claims is exact; by the exchange's log it holds but for what the way may bunch together. */
async function judgeBudget(world: World, spans: readonly Span[]): Promise<string[]> {
  const perSecond = Number(WORKER_ENVIRONMENT.ORDER_CALLS_PER_SECOND);
  const perMinute = Number(WORKER_ENVIRONMENT.ORDER_CALLS_PER_MINUTE);
  const found: string[] = [];
  const calls = await world.orderCalls();
  for (const account of [...world.options.accounts, CANARY]) {
    const slots = await world.ask<{ at: number }>(
      `select (extract(epoch from not_before) * 1000)::float8 as at from order_attempts where account_id = $1
        and coalesce(outcome_reason, '') not like 'MISSED_SLOT%'`,
      [account],
    );
    const claimed = mostWithin(
      1000 - 1,
      slots.map(({ at }) => at),
    );
    if (claimed > perSecond) found.push(`${claimed} placements of ${account} have slots within one second`);
    const at = calls
      .filter(({ user }) => user === userOf(account))
      .map((call) => call.at)
      .filter((ms) => !wasHeldUp(spans, ms, ms));
    // Slots leave room for calls that start late in their window: the log must show no more than the budget.
    const second = mostWithin(1000, at);
    if (second > perSecond) found.push(`${second} order calls of ${account} within one second`);
    const minute = mostWithin(60_000, at);
    if (minute > perMinute) found.push(`${minute} order calls of ${account} within one minute`);
  }
  return found;
}

/** Every alert was handed to the webhook at least once. */
async function judgeAlerts(world: World): Promise<string[]> {
  const delivered = () => {
    const path = `/sim_${world.options.seed}_`;
    const bodies = world.servers.receiver.calls.filter((call) => call.path.startsWith(path));
    return new Set(bodies.map(({ body }) => (JSON.parse(body) as { id: string }).id));
  };
  const missing = async () => {
    const told = delivered();
    const rows = await world.ask<{ id: string; type: string }>('select id, type from alerts');
    return rows.filter(({ id }) => !told.has(id));
  };
  const late = await waitFor(async () => (await missing()).length === 0, {
    what: 'every alert to be delivered',
    timeoutMs: 30_000 * world.options.patience,
    intervalMs: 300,
  }).catch(() => null);
  if (late !== null) return [];
  return (await missing()).slice(0, 5).map(({ id, type }) => `alert ${id} (${type}) was never delivered`);
}

async function judgeAudit({ databaseUrl, cli }: World): Promise<string[]> {
  const report = await auditBooks(databaseUrl, { accountId: null, atRest: true, timeoutMs: 60_000 });
  const found = report.findings.map(({ area, accountId, what }) => `${area} ${accountId ?? ''}: ${what}`);
  const { code, output } = await cli('audit');
  if (code !== 0 && found.length === 0) found.push(`sauda audit ended with ${code}: ${output.slice(0, 300)}`);
  return found;
}

const BOOKS = `select md5(string_agg(t::text, '' order by t::text)) as hash from `;
const TABLES = ['orders', 'order_attempts', 'trades', 'position_entries', 'order_commands'] as const;

/** Stopping and starting everything writes nothing into the books. */
async function judgeBoot({ workers, ask, options }: World): Promise<string[]> {
  const hashes = async () =>
    Promise.all(
      TABLES.map(async (table) => {
        const [row] = await ask<{ hash: string | null }>(`${BOOKS} ${table} t`);
        return `${table} ${row?.hash ?? 'empty'}`;
      }),
    );
  await workers.stopAll();
  const before = await hashes();
  await workers.startAll();
  await sleep(2500 * options.patience ** 0.5); // more than a reconciliation at their start
  const after = await hashes();
  return after
    .filter((hash, n) => hash !== before[n])
    .map((hash) => `a restart changed ${hash.split(' ')[0]!}`);
}

async function judgeBackup({ cli }: World): Promise<string[]> {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(`${tmpdir()}/sauda-simulation-backup-`);
  try {
    const taken = await cli('backup', `${folder}/backup`);
    if (taken.code !== 0) return [`sauda backup ended with ${taken.code}: ${taken.output.slice(0, 300)}`];
    const restored = await cli('restore', `${folder}/backup`, '--verify');
    if (restored.code !== 0)
      return [`sauda restore --verify ended with ${restored.code}: ${restored.output.slice(0, 300)}`];
    return [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
