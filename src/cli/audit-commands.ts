import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { takeBackup, restoreBackup, withRestored, type BackupManifest } from '../db/backup.ts';
import { withDatabaseHere } from '../runtime/database-here.ts';
import { configOrExit, EXIT } from '../runtime/process.ts';
import { type AuditReport, auditBooks } from '../services/audit-books.ts';
import { exportJournal, verifyExport } from '../services/export-journal.ts';
import { table } from './format.ts';

type Say = (value: unknown, text: () => string) => void;

const DEFAULT_TIMEOUT_S = 120;

/** Proof and safe keeping: these need Postgres alone, and work while everything else runs or is down. */
export function addAuditCommands(program: Command, say: Say): void {
  program
    .command('audit')
    .description(
      'prove the books: hash chain, replay of the journal, invariants; exit code 1 when something is wrong',
    )
    .option('--account <id>', 'replay this account alone; the invariants are of all')
    .option('--at-rest', 'also what holds only while no order is on its way')
    .option('--timeout <seconds>', 'give up when it takes longer in all', seconds, DEFAULT_TIMEOUT_S)
    .action(async (options: { account?: string; atRest?: boolean; timeout: number }) => {
      const report = await withDatabaseHere(configOrExit(), 'sauda audit', (url) =>
        auditBooks(url, {
          accountId: options.account ?? null,
          atRest: options.atRest === true,
          timeoutMs: options.timeout * 1000,
          onProgress: progress,
        }),
      );
      say(report, () => auditLines(report));
      if (!report.ok) process.exitCode = EXIT.refused;
    });

  program
    .command('export')
    .description("write an account's journal for safe keeping: gzipped JSON lines that prove themselves")
    .option('--account <id>', 'default: the only one')
    .option('--from <day>', 'first trading day, YYYY-MM-DD', day)
    .option('--to <day>', 'last trading day, YYYY-MM-DD', day)
    .option('--out <file>', 'default: journal-ACCOUNT.jsonl.gz here')
    .action(async ({ account, from, to, out }: ExportOptions) => {
      const request = {
        ...{ accountId: account ?? null, from: from ?? null, to: to ?? null },
        fileOf: (id: string) => path.resolve(out ?? `journal-${id}.jsonl.gz`),
        onProgress: progress,
      };
      const done = await withDatabaseHere(configOrExit(), 'sauda export', (url) =>
        exportJournal(url, request),
      );
      say(done, () => `${done.entries} entries of ${done.accountId} are in ${done.file}\nhead ${done.head}`);
    });

  program
    .command('verify-export')
    .description('whether an exported journal is whole and unchanged; needs nothing but the file')
    .argument('<file>')
    .action(async (file: string) => {
      const verdict = await verifyExport(path.resolve(file));
      if (!verdict.ok) throw new Error(`${file} is no proof: ${verdict.error}`);
      const { entries, head, accountId } = verdict.value;
      say(verdict.value, () => `whole and unchanged: ${entries} entries of ${accountId}\nhead ${head}`);
    });

  program
    .command('backup')
    .description('copy every table as it is at one moment into a folder of its own, while trading goes on')
    .argument('<folder>')
    .action(async (folder: string) => {
      const target = path.resolve(folder);
      const done = await withDatabaseHere(configOrExit(), 'sauda backup', (url) =>
        takeBackup(url, target, progress),
      );
      say(done, () => `${backupLines(done)}\nin ${target}; try it with: sauda restore --verify ${folder}`);
    });

  program
    .command('restore')
    .description('bring a backup back into an empty database, or try that with --verify')
    .argument('<folder>')
    .option('--verify', 'into a database of its own, which is audited and dropped')
    .option('--into <url>', 'the database to fill; it must have no journal yet')
    .action(async (folder: string, options: { verify?: boolean; into?: string }, command: Command) => {
      const source = path.resolve(folder);
      if ((options.verify === true) === (options.into !== undefined)) {
        command.error('say either --verify, or --into with the database to fill');
      }
      if (options.into !== undefined) {
        const done = await restoreBackup(options.into, source, progress);
        say(done, () => `${backupLines(done)} are back`);
        return;
      }
      const report = await withDatabaseHere(configOrExit(), 'sauda restore', (beside) =>
        withRestored(beside, source, (url) =>
          auditBooks(url, {
            accountId: null,
            atRest: false,
            timeoutMs: DEFAULT_TIMEOUT_S * 1000,
            onProgress: progress,
          }),
        ),
      );
      say(report, () => `the backup of ${source} restores; its books:\n${auditLines(report)}`);
      if (!report.ok) process.exitCode = EXIT.refused;
    });
}

interface ExportOptions {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly out?: string;
}

/** On a terminal alone, and beside the answer: programs read what is on standard output. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${line} …\n`);
}

function day(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  // A day that a month does not have is read as one of the next month.
  const isDay = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
  if (!isDay) throw new InvalidArgumentError('a day is YYYY-MM-DD.');
  return text;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 86_400) {
    throw new InvalidArgumentError('whole seconds, 1 to 86400.');
  }
  return value;
}

function auditLines(report: AuditReport): string {
  const { accounts, findings, findingCount } = report;
  const books = table(
    ['account', 'entries', 'orders', 'positions', 'head'],
    accounts.map((one) => [
      one.id,
      String(one.entries),
      String(one.orders),
      String(one.positions),
      one.entries === 0 ? '' : one.head.slice(0, 16),
    ]),
  );
  const verdict = report.ok
    ? `ok: chains intact, replay gives the stored rows, ${report.invariants} invariants hold`
    : `${findingCount} ${findingCount === 1 ? 'thing is' : 'things are'} wrong:`;
  return [
    books,
    '',
    `${verdict} (${report.durationMs} ms)`,
    ...findings.map(
      ({ area, accountId, what }) => `  ${area}${accountId === null ? '' : ` ${accountId}`}: ${what}`,
    ),
    ...(findingCount > findings.length ? [`  and ${findingCount - findings.length} more`] : []),
  ].join('\n');
}

function backupLines({ tables, takenAt }: BackupManifest): string {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0);
  return `${rows} rows of ${tables.length} tables, as they were at ${takenAt}`;
}
