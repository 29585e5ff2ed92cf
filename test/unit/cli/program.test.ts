import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript, pathsOf } from '../../../src/cli/completion.ts';
import { EXAMPLES } from '../../../src/cli/examples.ts';
import { coloured } from '../../../src/cli/format.ts';
import { createProgram } from '../../../src/cli/program.ts';

const leaves = (program: Command) => pathsOf(program).filter(({ command }) => command.commands.length === 0);

describe('sauda --help', () => {
  it('has examples of every command, and of no other', () => {
    const paths = leaves(createProgram()).map(({ path }) => path);
    expect(Object.keys(EXAMPLES).sort()).toEqual(paths.sort());
  });

  it.each(Object.entries(EXAMPLES))(
    'the examples of %s are commands that its parser takes',
    async (path, lines) => {
      for (const line of lines) {
        const program = createProgram();
        const reached: string[] = [];
        for (const { path: name, command } of leaves(program)) {
          command.exitOverride().action(() => {
            reached.push(name);
          });
        }
        const [, ...words] = wordsOf(line.replace(/^source <\((.*)\)$/, '$1').replace(/ > .*$/, ''));
        await program.parseAsync(words, { from: 'user' });
        expect(reached, line).toEqual([path]);
      }
    },
  );
});

describe('shell completion', () => {
  const complete = (...words: string[]) =>
    execFileSync(
      'bash',
      [
        '-c',
        `${completionScript(createProgram(), 'bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sauda; echo "\${COMPREPLY[*]}"`,
        'bash',
        ...words,
      ],
      { encoding: 'utf8' },
    )
      .trim()
      .split(' ');

  it.skipIf(!existsSync('/bin/bash'))('offers commands, their commands, and their options', () => {
    expect(complete('sauda', 'pos')).toEqual(['positions']);
    expect(complete('sauda', 'queue', '')).toEqual(
      expect.arrayContaining(['jobs', 'pause', 'resume', 'retry']),
    );
    expect(complete('sauda', 'queue', 'pause', 'submit', '--r')).toEqual(['--reason']);
    expect(complete('sauda', 'place', '--sto')).toEqual(['--stop']);
  });
});

describe('colours', () => {
  it('mark words that say how things stand, and nothing else', () => {
    expect(coloured('FILLED by REJECTED-x NSE:FILLEDCO Halted')).toBe(
      '\u001b[32mFILLED\u001b[39m by REJECTED-x NSE:FILLEDCO Halted',
    );
  });
});

/** As a shell splits it: quotes keep words together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
