#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EXIT } from '../runtime/process.ts';
import { addAuditCommands } from './audit-commands.ts';
import { sayOf } from './format.ts';
import { addLocalCommands } from './local-commands.ts';
import { addRemoteCommands } from './remote-commands.ts';
import { exitCodeOf, tellFailure } from './failure.ts';

/** The `sauda` command. Exit codes: 0 done, 1 refused, 2 usage, 3 not reachable (api.md). */
const program = new Command('sauda')
  .description('A durable order management system for Indian algorithmic traders.')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .option('--json', 'print JSON, for programs');
addLocalCommands(program);
addRemoteCommands(program);
addAuditCommands(program, sayOf(program));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
  tellFailure(error, program.opts<{ json?: boolean }>().json === true);
  process.exit(exitCodeOf(error));
}
