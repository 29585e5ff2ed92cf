import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
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

describe('completion in zsh', () => {
  const ZSH = ['/bin/zsh', '/usr/bin/zsh'].find((file) => existsSync(file));
  /** A shell on a terminal of its own, in which a tab and Enter are typed; what sauda would be run with comes back. */
  const SCRIPT = `
    zmodload zsh/zpty
    zpty -b shell zsh -f -i
    zpty -w shell "source $1; print rea''dy"
    zpty -r shell line '*ready*'
    zpty -w -n shell "$2"$'\t\n'
    zpty -r shell line $'*ran:*:\r\n*'
    print -r -- "\${\${line##*ran:}%%:*}"
    zpty -d shell`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sauda-zsh-'));
  const script = path.join(folder, 'completion.zsh');
  const sauda = 'sauda() { print -r -- "ran:$*:" }\n';
  writeFileSync(script, completionScript(createProgram(), 'zsh') + sauda);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(ZSH === undefined).each([
    ['sauda pos', 'positions'],
    ['sauda queue pa', 'queue pause'],
    ['sauda queue pause submit --r', 'queue pause submit --reason'],
    ['sauda place --sto', 'place --stop'],
  ])('%s and a tab: %s', (typed, run) => {
    // Its own settings and the cache of its completions are in the folder, not in the home of whoever runs this.
    const env = { PATH: process.env['PATH'], TERM: 'dumb', HOME: folder, ZDOTDIR: folder };
    const answer = execFileSync(ZSH ?? '', ['-f', '-c', SCRIPT, 'zsh', script, typed], {
      ...{ encoding: 'utf8' as const, env, timeout: 30_000 },
    });
    expect(answer.trim()).toBe(run);
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
