import type { Command } from 'commander';
import { migrate } from '../db/migrate.ts';
import { runAll } from '../runtime/all.ts';
import { withDatabaseHere } from '../runtime/database-here.ts';
import { type ReplayArguments, runPaperExchange } from '../runtime/paper-process.ts';
import { configOrExit } from '../runtime/process.ts';

const REPLAY = "drive the market with candles in Kite's historical format";
const INSTRUMENT = 'whose candles they are, when the file is not named EXCHANGE-SYMBOL-date';

/** Commands that work on this machine, without the API. */
export function addLocalCommands(program: Command): void {
  program
    .command('up')
    .description('start everything in one process (as npm start does)')
    .option('--replay <file>', REPLAY)
    .option('--instrument <exchange:symbol>', INSTRUMENT)
    .action((options: ReplayArguments) => runAll(options));

  program
    .command('demo')
    .description('the same, with the demo strategy on, whatever .env says')
    .option('--replay <file>', REPLAY)
    .option('--instrument <exchange:symbol>', INSTRUMENT)
    .action((options: ReplayArguments) => runAll({ ...options, demo: true }));

  program
    .command('paper')
    .description('start the paper exchange alone: a server that speaks Kite’s wire')
    .option('--replay <file>', REPLAY)
    .option('--instrument <exchange:symbol>', INSTRUMENT)
    .action((options: ReplayArguments) => runPaperExchange(options));

  program
    .command('migrate')
    .description('apply pending migrations to DATABASE_URL, or to the private Postgres')
    .action(async () => {
      await withDatabaseHere(configOrExit(), 'sauda migrate', migrate);
      process.stdout.write('the database is up to date\n');
    });
}
