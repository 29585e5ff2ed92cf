import type { Command } from 'commander';
import { type Finding, examine } from '../runtime/doctor.ts';
import { EXIT, configOrExit } from '../runtime/process.ts';

/** What is wrong with this installation, and how to mend it. */
export function addDoctorCommand(program: Command, say: (value: unknown, text: () => string) => void): void {
  program
    .command('doctor')
    .description(
      'look at clocks, disk, versions, migrations, queues, broker, Telegram and secrets; exit code 1 when one is bad',
    )
    .action(async () => {
      const findings = await examine(configOrExit());
      say(findings, () => findings.map(lineOf).join('\n'));
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = EXIT.refused;
    });
}

function lineOf({ name, state, says, mend }: Finding): string {
  const line = `${state.toUpperCase().padEnd(7)}  ${name.padEnd(16)}  ${says}`;
  return mend === null ? line : `${line}\n${' '.repeat(27)}→ ${mend}`;
}
