import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

/** Where processes are killed with -9, on both queue backends. */
const KILLS = ['workers/crash-points', 'workers/command-crashes']
  .map((name) => read(`test/integration/${name}.test.ts`))
  .join('\n');

it.each([
  ...['place-order', 'validate-order', 'submit-order', 'cancel-order', 'modify-order', 'send-command'],
  ...['poll-account', 'resolve-order'],
])('a process is killed at every failpoint of %s', (service) => {
  const named = [...read(`src/services/${service}.ts`).matchAll(/failpoint\('([^']+)'\)/g)];
  expect(named).not.toEqual([]);
  for (const [, name = ''] of named) expect(KILLS).toContain(`failpoint: '${name}'`);
});
