import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { withConnection } from './connection.ts';
import { migrate, pendingMigrations } from './migrate.ts';

/**
 * A backup is a folder: one gzipped COPY text of each table, all of one moment, and `manifest.json`, written last, with
 * the migrations, the rows and a checksum of each file. Queues are not in it: they hold nothing but ids that the
 * dispatcher finds again. Restoring goes into a database without a journal, migrated by this build.
 */

const MANIFEST = 'manifest.json';
const FORMAT = 'sauda-backup/1';

export interface BackupTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: number;
  /** Hex sha256 of the gzipped file. */
  readonly sha256: string;
}

export interface BackupManifest {
  readonly format: string;
  /** Database clock, RFC 3339. */
  readonly takenAt: string;
  /** Times of the applied migrations: what a restoring build must have, all of it. */
  readonly migrations: readonly number[];
  /** In an order in which each table comes after those it refers to. */
  readonly tables: readonly BackupTable[];
}

/** A backup that can not be taken or restored as it is; the message is a sentence. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** Called with what is copied next, or brought back. */
export type TellProgress = (line: string) => void;

/** Takes a backup of a live database into a folder that is not there yet. Throws BackupError. */
export async function takeBackup(
  databaseUrl: string,
  folder: string,
  tell: TellProgress = () => undefined,
): Promise<BackupManifest> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await refuseExisting(folder);
  try {
    const manifest = await withClient(databaseUrl, 'sauda-backup', async (client) => {
      // Only now: a database that is not there leaves no folder behind, and is what is told.
      await mkdir(partial, { recursive: true, mode: 0o700 });
      await client.query('begin isolation level repeatable read, read only');
      const tables: BackupTable[] = [];
      for (const { name, columns } of await tablesOf(client)) {
        tell(`table ${name}`);
        tables.push({ name, columns, ...(await copyOut(client, partial, name, columns)) });
      }
      const { rows } = await client.query<{ now: Date }>('select sauda.clock() as now');
      const takenAt = rows[0]?.now.toISOString() ?? '';
      return { format: FORMAT, takenAt, migrations: await appliedMigrations(client), tables };
    });
    await writeFile(path.join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    await rename(partial, folder);
    return manifest;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Fills a database from a backup, whole or not at all: it is migrated, must hold no journal, and takes every table in
 * one transaction. Throws BackupError, and then has changed nothing but migrations.
 */
export async function restoreBackup(
  databaseUrl: string,
  folder: string,
  tell: TellProgress = () => undefined,
): Promise<BackupManifest> {
  const manifest = await readManifest(folder);
  await checkFiles(manifest, folder);
  await migrate(databaseUrl);
  await withClient(databaseUrl, 'sauda-restore', async (client) => {
    await refuseOtherMigrations(client, manifest);
    await client.query('begin');
    const { rowCount } = await client.query('select from journal limit 1');
    if (rowCount !== 0)
      throw new BackupError('the database to restore into has a journal already: it must be empty');
    // A migrated database holds the system's own account, which the backup holds, too.
    await client.query('delete from accounts');
    for (const table of manifest.tables) {
      tell(`table ${table.name}: ${table.rows} rows`);
      await copyIn(client, folder, table);
    }
    await moveSequences(client);
    await client.query('refresh materialized view strategy_performance');
    await client.query('commit');
  });
  return manifest;
}

/** Restores into a database of its own beside the given one, named after it, runs `work` on it, and drops it whatever happens. */
export async function withRestored<T>(
  besideUrl: string,
  folder: string,
  work: (url: string, manifest: BackupManifest) => Promise<T>,
): Promise<T> {
  const name = await withClient(besideUrl, 'sauda-restore', async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select left(current_database(), 20) || '_restored_' || replace(gen_random_uuid()::text, '-', '') as name`,
    );
    const made = rows[0]?.name ?? '';
    await client.query(`create database ${pg.escapeIdentifier(made)}`);
    return made;
  });
  const url = new URL(besideUrl);
  url.pathname = `/${name}`;
  try {
    return await work(url.href, await restoreBackup(url.href, folder));
  } finally {
    await withClient(besideUrl, 'sauda-restore', (client) =>
      client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`),
    );
  }
}

async function withClient<T>(
  url: string,
  applicationName: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const session = { application_name: applicationName, options: '-c timezone=UTC -c search_path=public' };
  return withConnection(url, session, work);
}

async function refuseExisting(folder: string): Promise<void> {
  const there = await readFile(path.join(folder, MANIFEST)).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );
  if (there) throw new BackupError(`${folder} is there already: a backup takes a folder of its own`);
}

interface PlainTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** Our tables with the columns that are stored, each after the tables it refers to. */
async function tablesOf(client: pg.Client): Promise<PlainTable[]> {
  const { rows: tables } = await client.query<{ name: string; columns: string[] }>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
       and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     group by 1 order by 1`,
  );
  const { rows: references } = await client.query<{ from: string; to: string }>(
    `select distinct f.relname as from, t.relname as to from pg_constraint r
     join pg_class f on f.oid = r.conrelid join pg_class t on t.oid = r.confrelid
     where r.contype = 'f' and f.oid <> t.oid and f.relnamespace = 'public'::regnamespace`,
  );
  const ordered: PlainTable[] = [];
  const left = new Map(tables.map((table) => [table.name, table]));
  while (left.size > 0) {
    const free = [...left.values()].filter(
      ({ name }) => !references.some((one) => one.from === name && left.has(one.to)),
    );
    if (free.length === 0)
      throw new BackupError(`tables refer to each other in a circle: ${[...left.keys()].join(', ')}`);
    for (const table of free) {
      ordered.push(table);
      left.delete(table.name);
    }
  }
  return ordered;
}

const columnList = (columns: readonly string[]): string => columns.map((name) => `"${name}"`).join(', ');

async function copyOut(
  client: pg.Client,
  folder: string,
  name: string,
  columns: readonly string[],
): Promise<Pick<BackupTable, 'rows' | 'sha256'>> {
  const stream = client.query(copyTo(`copy "${name}" (${columnList(columns)}) to stdout`));
  const digest = createHash('sha256');
  const file = createWriteStream(path.join(folder, `${name}.copy.gz`), { mode: 0o600 });
  await pipeline(stream, createGzip(), digesting(digest), file);
  return { rows: stream.rowCount, sha256: digest.digest('hex') };
}

async function copyIn(
  client: pg.Client,
  folder: string,
  { name, columns, rows }: BackupTable,
): Promise<void> {
  const stream = client.query(copyFrom(`copy "${name}" (${columnList(columns)}) from stdin`));
  await pipeline(createReadStream(path.join(folder, `${name}.copy.gz`)), createGunzip(), stream);
  if (stream.rowCount !== rows) {
    throw new BackupError(`${name}: ${stream.rowCount} rows came back of ${rows}`);
  }
}

/** COPY brings the numbers back and leaves the sequences that gave them at their start: the next row would be refused. */
async function moveSequences(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ sequence: string; table: string; column: string }>(
    `select pg_get_serial_sequence(quote_ident(c.relname), a.attname) as sequence, c.relname as table, a.attname as column
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
       and pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null`,
  );
  for (const { sequence, table, column } of rows) {
    await client.query(
      `select setval($1, coalesce(max("${column}"), 1), max("${column}") is not null) from "${table}"`,
      [sequence],
    );
  }
}

function digesting(digest: ReturnType<typeof createHash>): Transform {
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      digest.update(chunk);
      done(null, chunk);
    },
  });
}

async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(path.join(folder, MANIFEST), 'utf8').catch((cause: unknown) => {
    throw new BackupError(`${folder} holds no backup: its ${MANIFEST} can not be read`, { cause });
  });
  const manifest = JSON.parse(text) as BackupManifest;
  if (manifest.format !== FORMAT) throw new BackupError(`${folder} holds no backup of format ${FORMAT}`);
  return manifest;
}

/** Every file is there and as it was written; all that are not are named. */
async function checkFiles({ tables }: BackupManifest, folder: string): Promise<void> {
  const bad: string[] = [];
  for (const { name, sha256 } of tables) {
    const digest = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path.join(folder, `${name}.copy.gz`)))
        digest.update(chunk as Buffer);
      if (digest.digest('hex') !== sha256) bad.push(`${name} was changed`);
    } catch {
      bad.push(`${name} can not be read`);
    }
  }
  if (bad.length > 0) throw new BackupError(`the backup is damaged: ${bad.join(', ')}`);
}

async function appliedMigrations(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ created_at: string }>(
    'select created_at from drizzle.__drizzle_migrations order by created_at',
  );
  return rows.map((row) => Number(row.created_at));
}

/** The rows fit the tables only when both were made by the same migrations. */
async function refuseOtherMigrations(client: pg.Client, manifest: BackupManifest): Promise<void> {
  const applied = await appliedMigrations(client);
  const pending = await pendingMigrations(client);
  if (pending.length === 0 && applied.join() === manifest.migrations.join()) return;
  throw new BackupError(
    `the backup was taken with ${manifest.migrations.length} migrations that are not the ${applied.length} of this ` +
      'version: restore it with the version that took it, then upgrade',
  );
}
