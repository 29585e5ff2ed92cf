import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALERT_TYPES, type AlertClass } from '../../../src/domain/alert-types.ts';

const WORDS = { ALWAYS: 'no', OPTIONAL: 'yes', NEWS: 'yes, then not written' } as const satisfies Record<
  AlertClass,
  string
>;

it('docs/telegram.md lists every type of alert, and whether it may be off', () => {
  const [, text = ''] = readFileSync('docs/telegram.md', 'utf8').split('### Every type');
  const listed = [...text.matchAll(/^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(
    ([, type, off, told]) => [type, off, told !== undefined && told.length > 10],
  );
  expect(listed).toEqual(Object.entries(ALERT_TYPES).map(([type, of]) => [type, WORDS[of], true]));
});
