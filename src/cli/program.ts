import { Command } from 'commander';
import { addAuditCommands } from './audit-commands.ts';
import { completionScript, SHELLS } from './completion.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addExamples } from './examples.ts';
import { sayOf } from './format.ts';
import { addLocalCommands } from './local-commands.ts';
import { addRemoteCommands } from './remote-commands.ts';

/** The `sauda` command, before it reads its arguments. */
export function createProgram(): Command {
  const program = new Command('sauda')
    .description('A durable order management system for Indian algorithmic traders.')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'print JSON, for programs');
  const say = sayOf(program);
  addLocalCommands(program);
  addDoctorCommand(program, say);
  addRemoteCommands(program);
  addAuditCommands(program, say);
  for (const shell of SHELLS) addCompletion(program, shell);
  addExamples(program);
  return program;
}

function addCompletion(program: Command, shell: (typeof SHELLS)[number]): void {
  const completion =
    program.commands.find((command) => command.name() === 'completion') ??
    program.command('completion').description('what makes a shell complete commands and options');
  completion
    .command(shell)
    .description(`for ${shell}: print it, to be sourced`)
    .action(() => {
      process.stdout.write(completionScript(program, shell));
    });
}
