#!/usr/bin/env node
import { CommanderError } from 'commander';
import { EXIT } from '../runtime/process.ts';
import { exitCodeOf, tellFailure } from './failure.ts';
import { createProgram } from './program.ts';

/** The `sauda` command. Exit codes: 0 done, 1 refused, 2 usage, 3 not reachable (api.md). */
const program = createProgram();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
  tellFailure(error, program.opts<{ json?: boolean }>().json === true);
  process.exit(exitCodeOf(error));
}
