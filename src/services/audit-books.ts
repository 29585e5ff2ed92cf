import { INVARIANTS } from '../db/invariants.ts';
import { JOURNAL_INVARIANTS } from '../db/journal-invariants.ts';
import { withSnapshot, type Snapshot } from '../db/snapshot.ts';
import {
  type AuditEntry,
  type AuditedAccount,
  type AuditedKey,
  type AuditedOrders,
  readAuditedAccounts,
  readJournalInBatches,
  readOrdersWithEntries,
  readOrdersWithoutRow,
  readPositionKeys,
} from '../db/stores/audit-store.ts';
import { isRefusedWrite } from '../db/errors.ts';
import { CHAIN_START, verifyChain } from '../domain/journal.ts';
import type { Order } from '../domain/order.ts';
import { foldEntries } from '../domain/position.ts';
import { foldOrders, rowDifferences, tradeDifferences } from '../domain/replay.ts';

/** What an audit looks at: the hash chain, replay against the rows, and the invariants. */
export type AuditArea = 'CHAIN' | 'REPLAY' | 'INVARIANT';

export interface AuditFinding {
  readonly area: AuditArea;
  /** Null: of no one account. */
  readonly accountId: string | null;
  /** What is wrong, as a sentence that names the row and the values. */
  readonly what: string;
}

export interface AuditedBooks {
  readonly id: string;
  readonly entries: number;
  /** The hash of the newest entry: whoever keeps it elsewhere can prove later that nothing before it was changed. */
  readonly head: string;
  readonly orders: number;
  readonly positions: number;
}

export interface AuditReport {
  /** Nothing was found. */
  readonly ok: boolean;
  /** At most FINDINGS_MAX; `findingCount` counts all. */
  readonly findings: readonly AuditFinding[];
  readonly findingCount: number;
  readonly accounts: readonly AuditedBooks[];
  readonly invariants: number;
  readonly durationMs: number;
}

export interface AuditOptions {
  /** Null: every account. */
  readonly accountId: string | null;
  /** Also what holds only while nothing is on its way. */
  readonly atRest: boolean;
  /** An audit that takes longer ends by NotFinishedError, milliseconds. */
  readonly timeoutMs: number;
  /** Told what is looked at now. */
  readonly onProgress?: (line: string) => void;
}

const FINDINGS_MAX = 1000;
const ROWS_SHOWN = 5;
const ALL_INVARIANTS = [...INVARIANTS, ...JOURNAL_INVARIANTS];

/** Named, though no account is there by that name. */
export class NothingToAuditError extends Error {
  override readonly name = 'NothingToAuditError';
}

/**
 * Audits the books as they are at one moment, while trading goes on: every journal's hash chain, the replay of its
 * entries against orders, trades and positions, and the invariants. Reads only, takes no lock, and holds a part of the
 * books in memory at a time. Throws NothingToAuditError, NotFinishedError, and what the database throws.
 */
export async function auditBooks(databaseUrl: string, options: AuditOptions): Promise<AuditReport> {
  const began = performance.now();
  const { timeoutMs } = options;
  const bounds = { timeoutMs, applicationName: 'sauda-audit', inAll: true } as const;
  return withSnapshot(databaseUrl, bounds, async (snapshot) => {
    const found = new Findings();
    const accounts: AuditedBooks[] = [];
    const audited = await readAuditedAccounts(snapshot, options.accountId);
    if (audited.length === 0 && options.accountId !== null) {
      throw new NothingToAuditError(`there is no account ${options.accountId}`);
    }
    for (const account of audited) {
      options.onProgress?.(`account ${account.id}: ${account.seq} entries`);
      accounts.push(await auditAccount(snapshot, account, found));
    }
    options.onProgress?.(`${ALL_INVARIANTS.length} invariants`);
    const invariants = await auditInvariants(snapshot, options.atRest, found);
    return {
      ok: found.count === 0,
      findings: found.kept,
      findingCount: found.count,
      accounts,
      invariants,
      durationMs: Math.round(performance.now() - began),
    };
  });
}

class Findings {
  readonly kept: AuditFinding[] = [];
  count = 0;

  add(area: AuditArea, accountId: string | null, sentences: readonly string[]): void {
    for (const what of sentences) {
      this.count += 1;
      if (this.kept.length < FINDINGS_MAX) this.kept.push({ area, accountId, what });
    }
  }
}

async function auditAccount(
  snapshot: Snapshot,
  account: AuditedAccount,
  found: Findings,
): Promise<AuditedBooks> {
  const { id, seq, head } = account;
  found.add('CHAIN', id, await chainFaults(snapshot, account));
  let orders = 0;
  for await (const batch of readOrdersWithEntries(snapshot, id)) {
    orders += batch.rows.length;
    found.add('REPLAY', id, orderDifferences(batch));
  }
  const lost = await readOrdersWithoutRow(snapshot, id);
  found.add(
    'REPLAY',
    id,
    lost.map((order) => `order ${order} was accepted and is not stored`),
  );
  let positions = 0;
  for await (const keys of readPositionKeys(snapshot, id)) {
    positions += keys.length;
    found.add('REPLAY', id, keys.flatMap(positionDifferences));
  }
  return { id, entries: seq, head, orders, positions };
}

/** Everything that is wrong with one account's chain: the first broken entry, and whether it ends where it should. */
async function chainFaults(snapshot: Snapshot, { id, seq, head }: AuditedAccount): Promise<string[]> {
  let chain = CHAIN_START;
  for await (const entries of readJournalInBatches(snapshot, id)) {
    const verdict = verifyChain(entries, chain);
    if (!verdict.ok) return [verdict.error.message];
    chain = verdict.value;
  }
  if (chain.seq !== seq) return [`the account is at entry ${seq}, its journal ends at ${chain.seq}`];
  return seq === 0 || chain.hash === head
    ? []
    : [`the account's head is ${head}, its journal ends with ${chain.hash}`];
}

/** Order by order, so that one that can not be read hides no other. */
function orderDifferences({ rows, entries, trades }: AuditedOrders): string[] {
  const ofOrder = groupBy(entries, ({ entity }) => entity);
  const tradesOf = groupBy(trades, ({ orderId }) => orderId);
  return rows.flatMap((row) => {
    const what = `order ${row.id}`;
    const own = ofOrder.get(row.id) ?? [];
    const order = replayed(own, row.id);
    if (typeof order === 'string') return [`${what}: ${order}`];
    const fields = rowDifferences(what, order, row);
    try {
      return [...fields, ...tradeDifferences(what, order, own, tradesOf.get(row.id) ?? [])];
    } catch (error) {
      return [...fields, `${what}: its trades can not be replayed: ${reasonOf(error)}`];
    }
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

/** The order its entries give, or why they give none. */
function replayed(entries: readonly AuditEntry[], id: string): Order | string {
  try {
    return foldOrders(entries).get(id) ?? 'it is not in the journal';
  } catch (error) {
    return `its entries can not be replayed: ${reasonOf(error)}`;
  }
}

function positionDifferences({ name, entries, cycles }: AuditedKey): string[] {
  const expected = foldEntries(entries);
  const counts =
    expected.length === cycles.length
      ? []
      : [`${name}: ${cycles.length} cycles, replay gives ${expected.length}`];
  return [
    ...counts,
    ...expected.flatMap((cycle) => {
      const row = cycles.find((one) => one.cycle === cycle.cycle);
      return row === undefined
        ? [`${name}: cycle ${cycle.cycle} is missing`]
        : rowDifferences(`${name} cycle ${cycle.cycle}`, cycle, row);
    }),
  ];
}

/** What an invariant finds, or why it can not be asked: an entry that was changed may be no JSON and no time any more. */
async function rowsOrReason(
  snapshot: Snapshot,
  sql: string,
): Promise<readonly Record<string, unknown>[] | string> {
  await snapshot.query('savepoint asked');
  try {
    return await snapshot.query<Record<string, unknown>>(sql);
  } catch (error) {
    if (!isRefusedWrite(error)) throw error;
    await snapshot.query('rollback to savepoint asked');
    return error.message;
  }
}

async function auditInvariants(snapshot: Snapshot, atRest: boolean, found: Findings): Promise<number> {
  const asked = ALL_INVARIANTS.filter((invariant) => atRest || invariant.atRest !== true);
  for (const { what, sql } of asked) {
    const rows = await rowsOrReason(snapshot, sql);
    if (typeof rows === 'string') {
      found.add('INVARIANT', null, [`${what}: this could not be asked, ${rows}`]);
      continue;
    }
    if (rows.length === 0) continue;
    const shown = rows.slice(0, ROWS_SHOWN).map((row) => JSON.stringify(row));
    found.add('INVARIANT', null, [
      `${what}: ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}, ${shown.join(', ')}`,
    ]);
  }
  return asked.length;
}
