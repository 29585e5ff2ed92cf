import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

/** As the public contract names them. */
const NAMES = [
  ...['api', 'validator', 'submitter', 'fill-poller', 'reconciler', 'risk-monitor', 'dispatcher'],
  ...['alerter', 'telegram-bot', 'market-data', 'paper-exchange', 'all'],
];

it('every process of the contract is a file of workers/, and there is no other', () => {
  const files = readdirSync('workers').map((file) => file.replace(/\.ts$/, ''));
  expect(files.sort()).toEqual([...NAMES].sort());
});

it('each tells its heart beats by its own name, and the README lists all of them', () => {
  const readme = readFileSync('README.md', 'utf8');
  const listed = /node dist\/workers\/api\.js +# also: ([a-z, -]+)/.exec(readme)?.[1]?.split(', ');
  expect(listed).toEqual(NAMES.slice(1));
  for (const name of NAMES) {
    const source = readFileSync(`workers/${name}.ts`, 'utf8');
    const role = /runProcess\('([a-z-]+)'/.exec(source)?.[1];
    if (role !== undefined) expect(role).toBe(name);
  }
});
