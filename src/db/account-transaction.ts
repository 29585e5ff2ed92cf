import pg from 'pg';
import { JOURNAL_FORMAT_VERSION, GENESIS_HASH, journalHash } from '../domain/journal.ts';
import type { OutcomeType } from '../domain/order-outcome.ts';
import { InvariantError } from '../lib/assert.ts';
import { isMutant } from '../lib/mutant.ts';
import { type Loaded, type Needs, loadAccount, mergeNeeds } from './account-load.ts';
import { codecs, writeStatement } from './account-rows.ts';
import { AccountView, MoreNeeded, type OrderTransition, type Origin } from './account-view.ts';
import { within } from './pool.ts';
import { CommitUnknownError, ConflictError, UnknownAccountError, isRefusedWrite } from './errors.ts';

/**
 * The one door for writes (design.md section 1): every change to an account happens here, one at a time.
 *
 * Round trips of one transaction: begin, lock and read; write and commit. Each is a statement of its own, sent without
 * waiting for the one before: the server runs them in their order, so the read's snapshot is younger than the wait
 * for the lock (protocol.md). Work is synchronous and runs on what was read; it decides in memory and all its changes
 * are one statement. Work that waits for the same account in this process
 * shares the next transaction (group commit): each piece sees the changes of those before it, one that throws
 * leaves no trace, and none is answered before the commit.
 */
export interface AccountWork<T> {
  readonly accountId: string;
  /** Who does it: written into every journal entry. */
  readonly actor: string;
  /** Where it was asked for, written there as well; left out for what nobody asked for over HTTP. */
  readonly origin?: Origin;
  readonly needs: Needs;
  /** Halts and cancels go first, on connections of their own. */
  readonly urgent?: boolean;
  readonly run: (view: AccountView) => T;
}

export interface AccountTransactions {
  withAccount<T>(work: AccountWork<T>): Promise<T>;
}

/** Work that shares one transaction at most: bounds its time under the lock. */
const MAX_GROUP = 24;
/** How often work may ask for more rows before it is a loop of ours. */
const MAX_READS = 8;
const NOT_NULL_VIOLATION = '23502';
const ROLLBACK_MS = 1000;

interface Waiting {
  readonly work: AccountWork<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Turn {
  readonly waiting: Waiting[];
  running: boolean;
}

/** What a transaction runs with. */
interface Through {
  readonly pool: pg.Pool;
  readonly tells: ReadonlySet<OutcomeType>;
  readonly onTransitions: OnTransitions;
}

interface Lane extends Through {
  readonly turns: Map<string, Turn>;
}

type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

export interface TransactionPools {
  readonly accounts: pg.Pool;
  readonly urgent: pg.Pool;
}

export interface TransactionOptions {
  /** Ends of orders that are told, as alerts of the same transaction; default none. */
  readonly tells?: ReadonlySet<OutcomeType>;
  /**
   * Told of orders whose status changed, once that is committed. Not of a commit without an answer: the journal is the
   * record, this only says so.
   */
  readonly onTransitions?: OnTransitions;
}

type OnTransitions = (accountId: string, transitions: readonly OrderTransition[]) => void;

export function createAccountTransactions(
  pools: TransactionPools,
  { tells = new Set(), onTransitions = () => undefined }: TransactionOptions = {},
): AccountTransactions {
  const ordinary = new Map<string, Turn>();
  const urgent = new Map<string, Turn>();
  for (const pool of [pools.accounts, pools.urgent]) pool.on('connect', sendWithoutWaiting);

  const drain = async (accountId: string, lane: Lane, turn: Turn): Promise<void> => {
    turn.running = true;
    while (turn.waiting.length > 0) await runNext(lane, accountId, turn);
    turn.running = false;
    lane.turns.delete(accountId);
  };

  return {
    withAccount: <T>(work: AccountWork<T>): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        // Urgent work waits for the lock alone, never for a connection that ordinary work is waiting for.
        const lane =
          work.urgent === true
            ? { turns: urgent, pool: pools.urgent, tells, onTransitions }
            : { turns: ordinary, pool: pools.accounts, tells, onTransitions };
        const turn = lane.turns.get(work.accountId) ?? { waiting: [], running: false };
        lane.turns.set(work.accountId, turn);
        turn.waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
        if (!turn.running) void drain(work.accountId, lane, turn);
      }),
  };
}

/** From now on a statement leaves at once, also while one before it is unanswered; answers keep their order. */
function sendWithoutWaiting(client: pg.PoolClient): void {
  Object.assign(client, { pipeline: true });
}

/** Takes the group once it has a connection: what came while it waited for one shares the transaction. */
async function runNext({ pool, ...through }: Through, accountId: string, turn: Turn): Promise<void> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    for (const { reject } of turn.waiting.splice(0, MAX_GROUP)) reject(error);
    return;
  }
  const group = turn.waiting.splice(0, MAX_GROUP);
  await runGroup({ pool, ...through, client }, accountId, group);
}

interface Connected extends Through {
  /** Released by the transaction, whatever becomes of it. */
  readonly client: pg.PoolClient;
}

async function runGroup(
  { client, ...through }: Connected,
  accountId: string,
  group: readonly Waiting[],
): Promise<void> {
  try {
    const outcomes = await transact({ client, ...through }, accountId, group);
    group.forEach((waiting, index) => settle(waiting, outcomes[index]));
  } catch (error) {
    if (group.length === 1 || error instanceof CommitUnknownError) {
      for (const { reject } of group) reject(error);
      return;
    }
    // Something in the group could not be written: nothing was. Each piece alone shows which one.
    for (const waiting of group) await runAlone(through, accountId, waiting);
  }
}

async function runAlone(through: Through, accountId: string, waiting: Waiting): Promise<void> {
  try {
    await runGroup({ ...through, client: await through.pool.connect() }, accountId, [waiting]);
  } catch (error) {
    waiting.reject(error);
  }
}

function settle(waiting: Waiting, outcome: Outcome | undefined): void {
  if (outcome === undefined) waiting.reject(new InvariantError('work without an outcome'));
  else if (outcome.ok) waiting.resolve(outcome.value);
  else waiting.reject(outcome.error);
}

async function transact(
  { client, tells, onTransitions }: Connected,
  accountId: string,
  group: readonly Waiting[],
): Promise<Outcome[]> {
  let broken = false;
  try {
    const { view, outcomes } = await decide(client, accountId, group, tells);
    if (view === null) {
      await client.query('rollback');
      return outcomes;
    }
    await writeAndCommit(client, view);
    try {
      if (view.transitions.length > 0) onTransitions(accountId, view.transitions);
    } catch {
      // It is committed: nothing that is said of it may undo that.
    }
    return outcomes;
  } catch (error) {
    broken = error instanceof CommitUnknownError || !(await rolledBack(client));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Lets everything that `send` queries leave in one packet: the server wakes once, not at every statement. */
function inOnePacket<T>(client: pg.ClientBase, send: () => T): T {
  const { stream } = (client as pg.ClientBase & Pick<pg.Client, 'connection'>).connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/** Begins, locks and reads in one round trip; when one fails, so do those behind it. */
async function open(client: pg.ClientBase, accountId: string, needs: Needs): Promise<Loaded | null> {
  // Never in the statement that reads, whose snapshot would be older than the wait (protocol.md).
  const text = isMutant('lock-merged')
    ? 'select from accounts where id = $1'
    : 'select from accounts where id = $1 for no key update';
  const lock = { name: 'sauda_lock', text };
  const [, , loaded] = await inOnePacket(client, () =>
    Promise.all([
      client.query('begin'),
      client.query({ ...lock, values: [accountId] }),
      loadAccount(client, accountId, needs),
    ]),
  );
  return loaded;
}

/** Reads what the group needs and runs it; null view when it changed nothing. */
async function decide(
  client: pg.ClientBase,
  accountId: string,
  group: readonly Waiting[],
  tells: ReadonlySet<OutcomeType>,
): Promise<{ view: AccountView | null; outcomes: Outcome[] }> {
  let needs = group.reduce<Needs>((all, { work }) => mergeNeeds(all, work.needs), {});
  for (let read = 0; read < MAX_READS; read++) {
    const loaded = await (read === 0 ? open : loadAccount)(client, accountId, needs);
    if (loaded === null) throw new UnknownAccountError(accountId);
    const view = new AccountView(loaded, needs, tells);
    const outcomes: Outcome[] = [];
    let more: Needs | null = null;
    for (const { work } of group) {
      try {
        outcomes.push({ ok: true, value: view.attempt(work.actor, work.run, work.origin) });
      } catch (error) {
        if (error instanceof MoreNeeded) more = mergeNeeds(more ?? {}, error.needs);
        outcomes.push({ ok: false, error });
      }
    }
    if (more === null) {
      const changed =
        view.entries.length > 0 ||
        view.budgetChanged ||
        view.accountChange() !== null ||
        view.writes().length > 0;
      return { view: changed ? view : null, outcomes };
    }
    needs = mergeNeeds(needs, more);
  }
  throw new InvariantError(`work on account ${accountId} asked for more rows ${MAX_READS} times`);
}

/** Numbers and hashes the journal entries; all changes are one statement. */
function writeOf(view: AccountView): pg.QueryConfig {
  const { id, seq, head } = view.account;
  const at = view.now.toISOString();
  let previousHash = head === '' ? GENESIS_HASH : head;
  const entries = view.entries.map((entry, index) => {
    const fields = { version: JOURNAL_FORMAT_VERSION, seq: seq + index + 1, at, ...entry };
    const hash = journalHash({ ...fields, previousHash });
    previousHash = hash;
    return codecs.journal.encode({ accountId: id, ...fields, hash });
  });
  const writes = view.writes();
  if (entries.length > 0) writes.push({ table: 'journal', mode: 'insert', rows: entries });
  const { values, ...statement } = writeStatement(writes, view.accountChange());
  const budget = view.budgetChanged ? JSON.stringify(view.account.budget) : null;
  const newHead = entries.length > 0 ? previousHash : head;
  return { ...statement, values: [id, seq, seq + entries.length, newHead, budget, ...values] };
}

/**
 * Writes and commits in one round trip. A write that fails aborts the transaction, so the commit behind it does
 * nothing and says ROLLBACK. A commit without an answer may have happened: the caller must look before it acts.
 */
async function writeAndCommit(client: pg.ClientBase, view: AccountView): Promise<void> {
  const write = writeOf(view);
  const [written, committed] = await inOnePacket(client, () =>
    Promise.allSettled([client.query(write), client.query('commit')]),
  );
  // The server's own refusal is certain; any other failure of the write leaves open what became of the commit.
  if (written.status === 'rejected' && written.reason instanceof pg.DatabaseError)
    throw refusal(written.reason);
  // A deferred constraint is checked by the commit: refused there, nothing was written either.
  if (committed.status === 'rejected' && isRefusedWrite(committed.reason)) throw committed.reason;
  if (committed.status === 'rejected') throw new CommitUnknownError(committed.reason);
  if (written.status === 'rejected') throw written.reason;
  if (committed.value.command !== 'COMMIT') throw new ConflictError('the transaction was rolled back');
}

/** The write sets seq to null, which the table refuses, when the account is not where it was read. */
function refusal(error: pg.DatabaseError): Error {
  const movedOn = error.code === NOT_NULL_VIOLATION && error.table === 'accounts' && error.column === 'seq';
  return movedOn ? new ConflictError('the account moved on while it was locked', { cause: error }) : error;
}

async function rolledBack(client: pg.ClientBase): Promise<boolean> {
  try {
    // A connection that said nothing before would say nothing now: it is not waited for a second time.
    await client.query(within(ROLLBACK_MS, 'rollback'));
    return true;
  } catch {
    return false; // the connection is gone, and the transaction with it
  }
}
