import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { withSnapshot, type Snapshot } from '../db/snapshot.ts';
import {
  type JournalRange,
  findJournalRange,
  readAuditedAccounts,
  readJournalInBatches,
} from '../db/stores/audit-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import {
  CHAIN_START,
  type ChainHead,
  GENESIS_HASH,
  type JournalEntry,
  verifyChain,
} from '../domain/journal.ts';
import { type Result, err, ok } from '../lib/result.ts';

/**
 * The journal of an account as a file for whoever must keep it: gzipped JSON lines. The first line names the account,
 * the days and the hash that the first entry builds on; then one line for each entry as it was hashed; the last line
 * holds the number of entries and the chain's head. The file proves itself: `verifyExport` needs nothing else.
 */

const FORMAT = 'sauda-journal/1';

export interface ExportRequest {
  /** Null: the only one; refused when there are several. */
  readonly accountId: string | null;
  /** Trading days in India, both included, YYYY-MM-DD; null: from the first, to the newest. */
  readonly from: string | null;
  readonly to: string | null;
  /** Where the file of the account is to be; it is there whole or not at all. */
  readonly fileOf: (accountId: string) => string;
  /** Called now and then with how far it is, as a sentence. */
  readonly onProgress?: (line: string) => void;
}

export interface ExportedJournal {
  readonly file: string;
  readonly accountId: string;
  readonly entries: number;
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  /** Hash of the last entry; that of the entry before the range when it is empty. */
  readonly head: string;
}

interface Header {
  readonly format: string;
  readonly accountId: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly firstSeq: number;
  readonly previousHash: string;
}

interface Trailer {
  readonly entries: number;
  readonly head: string;
}

const EXPORT_STATEMENT_MS = 60_000;

/** Writes the file. Throws when it is not clear whose journal is meant, and what the disk or the database throws. */
export async function exportJournal(databaseUrl: string, request: ExportRequest): Promise<ExportedJournal> {
  const options = { timeoutMs: EXPORT_STATEMENT_MS, applicationName: 'sauda-export' };
  return withSnapshot(databaseUrl, options, async (snapshot) => {
    const { from, to } = request;
    const accountId = await accountOf(snapshot, request.accountId);
    const file = request.fileOf(accountId);
    const range = await findJournalRange(snapshot, accountId, { from, to });
    const header: Header = {
      ...{ format: FORMAT, accountId, from, to },
      firstSeq: range.firstSeq,
      previousHash: range.previousHash ?? GENESIS_HASH,
    };
    const told: Trailer = { entries: 0, head: header.previousHash };
    const partial = `${file}.partial`;
    try {
      const lines = Readable.from(linesOf(snapshot, header, range, told, request.onProgress));
      await pipeline(lines, createGzip(), createWriteStream(partial, { mode: 0o600 }));
      await rename(partial, file);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    const { entries, head } = told;
    const [fromSeq, toSeq] = entries === 0 ? [null, null] : [range.firstSeq, range.firstSeq + entries - 1];
    return { file, accountId, entries, fromSeq, toSeq, head };
  });
}

async function accountOf(snapshot: Snapshot, named: string | null): Promise<string> {
  const all = await readAuditedAccounts(snapshot, named);
  const [first, second] = named === null ? all.filter(({ id }) => id !== SYSTEM_ACCOUNT) : all;
  if (first === undefined) {
    throw new Error(named === null ? 'there is no account to export' : `there is no account ${named}`);
  }
  if (second !== undefined) throw new Error('there are several accounts: name one with --account');
  return first.id;
}

async function* linesOf(
  snapshot: Snapshot,
  header: Header,
  range: JournalRange,
  told: { entries: number; head: string },
  tell: (line: string) => void = () => undefined,
): AsyncGenerator<string> {
  const all = Math.max(0, range.lastSeq - range.firstSeq + 1);
  tell(`account ${header.accountId}: ${all} entries`);
  yield `${JSON.stringify(header)}\n`;
  const between = { from: range.firstSeq, to: range.lastSeq };
  for await (const entries of readJournalInBatches(snapshot, header.accountId, between)) {
    for (const { version, seq, at, actor, kind, entity, data, hash } of entries) {
      told.entries += 1;
      told.head = hash;
      yield `${JSON.stringify({ version, seq, at, actor, kind, entity, data, hash })}\n`;
    }
    if (told.entries < all) tell(`${told.entries} of ${all} entries`);
  }
  yield `${JSON.stringify(told)}\n`;
}

/** Whether a file is a whole, unchanged export; why not otherwise, as a sentence. */
export async function verifyExport(file: string): Promise<Result<Header & Trailer, string>> {
  try {
    return await verifyLines(linesIn(file));
  } catch (error) {
    return err(`it can not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function* linesIn(file: string): AsyncGenerator<string> {
  const unzipped = createGunzip();
  const source = createReadStream(file).on('error', (error) => unzipped.destroy(error));
  let rest = '';
  for await (const chunk of source.pipe(unzipped).setEncoding('utf8')) {
    const lines = `${rest}${chunk as string}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

type Line = Header & Trailer & (JournalEntry | { readonly seq?: undefined });

async function verifyLines(lines: AsyncIterable<string>): Promise<Result<Header & Trailer, string>> {
  let header: Header | null = null;
  let chain: ChainHead = CHAIN_START;
  let entries = 0;
  for await (const text of lines) {
    const line = JSON.parse(text) as Line;
    if (header === null) {
      if (line.format !== FORMAT) return err('it is not an export of a journal');
      header = line;
      chain = { seq: line.firstSeq - 1, hash: line.previousHash };
    } else if (line.seq === undefined) {
      const told = `its last line tells of ${line.entries} entries up to ${line.head}`;
      if (line.entries !== entries || line.head !== chain.hash) {
        return err(`${told}; it holds ${entries} up to ${chain.hash}`);
      }
      return ok({ ...header, entries, head: chain.hash });
    } else {
      const verdict = verifyChain([line], chain);
      if (!verdict.ok) return err(verdict.error.message);
      chain = verdict.value;
      entries += 1;
    }
  }
  return err(`it ends after ${entries} entries, without its last line`);
}
