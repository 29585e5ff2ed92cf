/**
 * Every comparison of every check, turned round or moved by one, must be seen by a case of that check. The checks are
 * read as text, changed in one place each, run in a sandbox beside the real modules, and held against the cases.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { compileFunction } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../../src/risk/check.ts';
import { CHECKS } from '../../../src/risk/pre-trade.ts';
import { plantedBugs, runnable } from '../../support/planted/bugs.ts';
import './brief-cases.ts';
import { CASES } from './case-table.ts';
import './control-cases.ts';
import { input } from './fixtures.ts';

const FOLDER = path.resolve('src/risk/checks');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

/** Bugs that no order can show, with why. */
const EQUIVALENT: Readonly<Record<string, string>> = {
  'return RANK[a] >= RANK[b] ? a : b;: ">=" as ">"': 'states of the same rank are the same state',
  'const band = price.last.gt(LPP_FROM) ? price.last.times(LPP_SHARE) : LPP_RUPEES;: ".gt(" as ".gte("':
    '40% of 50 rupees is 20 rupees',
  'return trigger.gt(OPTION_FROM) ? trigger.times(OPTION_SHARE) : OPTION_RUPEES;: ".gt(" as ".gte("':
    '40% of 50 rupees is 20 rupees',
};

const sourceOf = (file: string) => runnable(path.join(FOLDER, file));
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
      for (const [, name = ''] of sourceOf(file).matchAll(/require\("([^"]+)"\)/g)) {
        const full = path.resolve(FOLDER, name);
        if (!modules.has(full)) modules.set(full, await import(/* @vite-ignore */ full));
      }
    }
  });

  it('there is one file for every check', () => {
    expect(FILES.map((file) => checkOf(sourceOf(file)).name).sort()).toEqual(
      CHECKS.map(({ name }) => name).sort(),
    );
  });

  it.each(FILES)('in %s a case of it fails, and without one none does', (file) => {
    const source = sourceOf(file);
    expect(isSeen(checkOf(source))).toBe(false);
    const bugs = plantedBugs(source);
    const unseen = bugs.filter((bug) => !isSeen(checkOf(bug.source)) && !(bug.what in EQUIVALENT));
    expect(unseen.map(({ what }) => what)).toEqual([]);
    expect(bugs.length).toBeGreaterThan(0);
  });
});
