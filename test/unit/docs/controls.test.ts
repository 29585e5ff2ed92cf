import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LIMIT_NAMES } from '../../../src/risk/limits.ts';
import { CHECKS } from '../../../src/risk/pre-trade.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const text = readFileSync(at('docs/controls.md'), 'utf8');
const rows = text.split('\n').flatMap((line) => {
  const [, id = '', , , refusal = '', tests = ''] = line.split('|').map((cell) => cell.trim());
  return /^\d+$/.test(id) ? [{ id: Number(id), refusal, tests: tests.split('<br>') }] : [];
});
/** Sentences stand in tests as text or as patterns. */
const plain = (source: string) => source.replaceAll('\\', '');

describe('the table of controls', () => {
  it('has each of the 32 once, in order', () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
  });

  it('names every check and every limit', () => {
    for (const { name } of CHECKS) expect(text, name).toContain(`\`${name}\``);
    for (const name of Object.keys(LIMIT_NAMES)) expect(text, name).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it.each(rows)('says of $id what tests it, and no sentence that no test reads', ({ refusal, tests }) => {
    const files = tests.map((one) => at(`test/integration/${/^`(.+)`$/.exec(one)?.[1] ?? ''}`));
    for (const file of files) expect(existsSync(file), file).toBe(true);
    const sources = files.map((file) => plain(readFileSync(file, 'utf8')));
    expect(sources.some((source) => source.includes(refusal))).toBe(true);
  });
});
