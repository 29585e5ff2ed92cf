/**
 * Every comparison of every check, turned round or moved by one, must be seen by a case of that check. The checks are
 * read as text, changed in one place each, run in a sandbox beside the real modules, and held against the cases.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { compileFunction } from 'node:vm';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../../src/risk/check.ts';
import { CHECKS } from '../../../src/risk/pre-trade.ts';
import './brief-cases.ts';
import { CASES } from './case-table.ts';
import './control-cases.ts';
import { input } from './fixtures.ts';

const FOLDER = path.resolve('src/risk/checks');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

/** What stands for what: the opposite first, then the neighbour that differs only when both sides are equal. */
const SWAPS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\.lte\(/g, ['.gt(', '.lt(']],
  [/\.gte\(/g, ['.lt(', '.gt(']],
  [/\.lt\(/g, ['.gte(', '.lte(']],
  [/\.gt\(/g, ['.lte(', '.gte(']],
  [/ <= /g, [' > ', ' < ']],
  [/ >= /g, [' < ', ' > ']],
  [/ < (?!=)/g, [' >= ', ' <= ']],
  [/(?<![=-]) > (?!=)/g, [' <= ', ' >= ']],
  [/ === /g, [' !== ']],
  [/ !== /g, [' === ']],
];

interface Planted {
  readonly what: string;
  readonly source: string;
}

/** Bugs that no order can show, with why. */
const EQUIVALENT: Readonly<Record<string, string>> = {
  'return RANK[a] >= RANK[b] ? a : b;: ">=" as ">"': 'states of the same rank are the same state',
  'const band = price.last.gt(LPP_FROM) ? price.last.times(LPP_SHARE) : LPP_RUPEES;: ".gt(" as ".gte("':
    '40% of 50 rupees is 20 rupees',
  'return trigger.gt(OPTION_FROM) ? trigger.times(OPTION_SHARE) : OPTION_RUPEES;: ".gt(" as ".gte("':
    '40% of 50 rupees is 20 rupees',
};

/** Comments and types hold no comparisons that run: what is left of a file once it is JavaScript. */
function runnable(file: string): string {
  const { outputText } = ts.transpileModule(readFileSync(path.join(FOLDER, file), 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2023,
      removeComments: true,
      verbatimModuleSyntax: false,
    },
  });
  return outputText;
}

function planted(source: string): Planted[] {
  return SWAPS.flatMap(([pattern, others]) =>
    [...source.matchAll(pattern)].flatMap(({ 0: found, index }) => {
      const line = source.slice(source.lastIndexOf('\n', index) + 1).split('\n')[0] ?? '';
      return others.map((other) => ({
        what: `${line.trim()}: "${found.trim()}" as "${other.trim()}"`,
        source: source.slice(0, index) + other + source.slice(index + found.length),
      }));
    }),
  );
}

const modules = new Map<string, unknown>();

/** The check that a changed source exports. */
function checkOf(source: string): Check {
  const exported: Record<string, Check> = {};
  const require = (name: string) => modules.get(path.resolve(FOLDER, name));
  (compileFunction(source, ['exports', 'require']) as (e: object, r: typeof require) => void)(
    exported,
    require,
  );
  const check = Object.values(exported).find((one) => typeof one === 'object' && 'run' in one);
  if (check === undefined) throw new Error('the file exports no check');
  return check;
}

/** Whether some case of the check says something else than it should. */
function isSeen(check: Check): boolean {
  return (CASES.get(check.name) ?? []).some(([, changes, verdict, message]) => {
    try {
      const said = check.run(input(changes));
      return said.verdict !== verdict || (message !== undefined && said.message !== message);
    } catch {
      return true;
    }
  });
}

describe('with a planted bug', () => {
  beforeAll(async () => {
    for (const file of FILES) {
      for (const [, name = ''] of runnable(file).matchAll(/require\("([^"]+)"\)/g)) {
        const full = path.resolve(FOLDER, name);
        if (!modules.has(full)) modules.set(full, await import(/* @vite-ignore */ full));
      }
    }
  });

  it('there is one file for every check', () => {
    expect(FILES.map((file) => checkOf(runnable(file)).name).sort()).toEqual(
      CHECKS.map(({ name }) => name).sort(),
    );
  });

  it.each(FILES)('in %s a case of it fails, and without one none does', (file) => {
    const source = runnable(file);
    expect(isSeen(checkOf(source))).toBe(false);
    const bugs = planted(source);
    const unseen = bugs.filter((bug) => !isSeen(checkOf(bug.source)) && !(bug.what in EQUIVALENT));
    expect(unseen.map(({ what }) => what)).toEqual([]);
    expect(bugs.length).toBeGreaterThan(0);
  });
});
