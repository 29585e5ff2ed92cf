import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Config, VARIABLES, parseConfig } from '../../../src/config/config.ts';

const TEXT = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
/** "NAME=value" and "#NAME=value"; a sentence that begins with a name is none. */
const LINES = [...TEXT.matchAll(/^(#?)([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, hash, name = '', value = '']) => ({
  isCommented: hash === '#',
  name,
  value,
}));
/** Set by the image or by tests, never by a person in this file. */
const NOT_FOR_PEOPLE = new Set(['NODE_ENV', 'SAUDA_FAILPOINTS', 'SAUDA_MUTANT']);
/** What they say is an example, not what holds when they are left out. */
const EXAMPLES = new Set(['DATABASE_URL', 'REDIS_URL', 'QUEUE_BACKEND']);

describe('.env.example', () => {
  it('names every variable that is read, once, and no other', () => {
    const named = LINES.map(({ name }) => name);
    expect(named.toSorted()).toEqual([...new Set(named)].toSorted());
    const wanted = VARIABLES.filter((name) => !NOT_FOR_PEOPLE.has(name));
    expect(new Set(named)).toEqual(new Set(wanted));
  });

  it('is a configuration as it stands', () => {
    expect(parseConfig(parseEnv(TEXT)).ok).toBe(true);
  });

  it('gives the defaults: what a line says is what holds without it', () => {
    const plain = JSON.stringify(configOf({}));
    for (const { name, value } of LINES.filter((line) => line.value !== '' && !EXAMPLES.has(line.name))) {
      const parsed = parseConfig({ [name]: value });
      // Some are read only together with others.
      if (parsed.ok) expect(JSON.stringify(parsed.value), `${name}=${value}`).toBe(plain);
    }
  });
});

function configOf(variables: Readonly<Record<string, string>>): Config {
  const parsed = parseConfig(variables);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}
