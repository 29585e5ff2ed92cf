/**
 * Runs test files in this process against modules that were changed: what is under `roots` is compiled anew, everything
 * else is the real module, and `vitest` collects the tests instead of running them.
 */
import path from 'node:path';
import { Script, compileFunction } from 'node:vm';
import { expect } from 'vitest';
import { runnable } from './bugs.ts';

type Test = () => unknown;
type Require = (name: string) => unknown;

export interface Sandbox {
  /** Reads and imports everything that the test files need. */
  prepare(testFiles: readonly string[]): Promise<void>;
  source(file: string): string;
  /** Whether a test fails when the file is this source; the first failure ends it. */
  fails(testFiles: readonly string[], file: string, source: string): Promise<boolean>;
}

/** A turned comparison may loop for ever: that is seen, too. */
const TEST_TIMEOUT_MS = 5000;

export function createSandbox(roots: readonly string[]): Sandbox {
  const sources = new Map<string, string>();
  const real = new Map<string, unknown>();
  const isOurs = (file: string) => roots.some((root) => file.startsWith(path.resolve(root)));

  const read = async (file: string): Promise<void> => {
    if (sources.has(file)) return;
    const source = runnable(file);
    sources.set(file, source);
    for (const [, name = ''] of source.matchAll(/require\("([^"]+)"\)/g)) {
      const full = resolved(file, name);
      if (full === 'vitest') continue;
      if (isOurs(full)) await read(full);
      else if (!real.has(full)) real.set(full, await import(/* @vite-ignore */ full));
    }
  };

  const run = (testFile: string, changed: string, source: string): Test[] => {
    const tests: Test[] = [];
    const loaded = new Map<string, object>();
    const load = (file: string): object => {
      const before = loaded.get(file);
      if (before !== undefined) return before;
      const exported = {};
      loaded.set(file, exported);
      const text = file === changed ? source : (sources.get(file) ?? '');
      const require: Require = (name) => {
        const full = resolved(file, name);
        if (full === 'vitest') return collector(tests);
        return isOurs(full) ? load(full) : real.get(full);
      };
      (compileFunction(text, ['exports', 'require']) as (e: object, r: Require) => void)(exported, require);
      return exported;
    };
    load(testFile);
    return tests;
  };

  return {
    prepare: async (testFiles) => {
      for (const file of testFiles) await read(path.resolve(file));
    },
    source: (file) => sources.get(path.resolve(file)) ?? '',
    fails: async (testFiles, file, source) => {
      try {
        for (const testFile of testFiles) {
          for (const test of run(path.resolve(testFile), path.resolve(file), source)) await bounded(test);
        }
        return false;
      } catch {
        return true;
      }
    },
  };
}

function resolved(from: string, name: string): string {
  return name.startsWith('.') ? path.resolve(path.dirname(from), name) : name;
}

/** Calls a test so that a loop without end is cut off. */
function bounded(test: Test): unknown {
  const script = new Script('globalThis.plantedTest()');
  Object.assign(globalThis, { plantedTest: test });
  return script.runInThisContext({ timeout: TEST_TIMEOUT_MS });
}

/** The part of vitest that pure tests use. */
function collector(tests: Test[]): object {
  const describe = Object.assign((_: string, body: Test) => body(), {
    each: (rows: readonly unknown[]) => (_: string, body: (...row: unknown[]) => unknown) => {
      for (const row of rows) body(...(Array.isArray(row) ? (row as unknown[]) : [row]));
    },
  });
  const it = Object.assign((_: string, body: Test) => void tests.push(body), {
    each: (rows: readonly unknown[]) => (_: string, body: (...row: unknown[]) => unknown) => {
      for (const row of rows) tests.push(() => body(...(Array.isArray(row) ? (row as unknown[]) : [row])));
    },
  });
  return { describe, it, test: it, expect };
}
