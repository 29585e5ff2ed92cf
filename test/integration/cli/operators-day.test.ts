import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client } from '../../../src/client/index.ts';
import { type Installation, makeInstallation } from '../../support/all-process.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** The whole of a block: each command is a process that starts anew. */
const BLOCK_MS = 280_000;

let installation: Installation;
let client: Client;
/** Where a person stands when typing: `.sauda` and `npx sauda` are there. */
let desk: string;
let blocks: string[];

beforeAll(async () => {
  const readme = await fs.readFile(path.join(root, 'README.md'), 'utf8');
  const day = /\n## An operator's day\n([^]*?)\n## /.exec(readme)?.[1] ?? '';
  blocks = [...day.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block ?? '');
  installation = await makeInstallation();
  client = await installation.start().ready();
  for (const [method, at, body] of [
    ['POST', '/prices/freeze', undefined],
    ['PUT', '/prices', { 'NSE:RELIANCE': '2450.00' }],
  ] as const) {
    const answer = await fetch(`${installation.controlUrl}${at}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.ok).toBe(true);
  }
  const order = {
    exchange: 'NSE',
    symbol: 'RELIANCE',
    side: 'BUY',
    quantity: 1,
    orderType: 'LIMIT',
  } as const;
  await waitFor(
    () =>
      client
        .previewOrder({
          ...order,
          product: 'MIS',
          price: '2450.00',
          stopLoss: '2430.00',
          takeProfit: '2491.00',
        })
        .then(({ passes }) => passes),
    { what: 'instruments and prices' },
  );
  desk = await makeTemporaryFolder('desk');
  await fs.symlink(installation.dataDir, path.join(desk, '.sauda'));
  const tsx = pathToFileURL(path.join(root, 'node_modules/tsx/dist/loader.mjs')).href;
  const npx = `#!/bin/sh\nshift\nexec "${process.execPath}" --import "${tsx}" "${root}src/cli/main.ts" "$@"\n`;
  await fs.mkdir(path.join(desk, 'bin'));
  await fs.writeFile(path.join(desk, 'bin/npx'), npx, { mode: 0o755 });
});
afterAll(async () => {
  await installation.remove();
  await fs.rm(desk, { recursive: true, force: true });
});

/** The block as it stands in the README, but for the port; the first command that fails ends it. */
async function type(block: string): Promise<string> {
  const text = block.replaceAll('127.0.0.1:8080', installation.apiUrl.replace('http://', ''));
  const env = { ...installation.environment, PATH: `${desk}/bin:${process.env['PATH'] ?? ''}`, HOME: desk };
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['--norc', '-euxo', 'pipefail', '-c', text],
      { cwd: desk, env, timeout: BLOCK_MS, maxBuffer: 50_000_000 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${stdout.slice(-2000)}\n${stderr.slice(-2000)}`, { cause: error }));
      },
    );
  });
}

async function expectQuietEnd(): Promise<void> {
  await eventually(async () => expect((await client.positions()).items).toEqual([]), { what: 'no position' });
  expect((await client.tradingState()).state).toBe('ACTIVE');
}

async function filled(clientOrderId: string): Promise<string | undefined> {
  return (await client.orders({ clientOrderId })).items[0]?.status;
}

it('a day of the README by the command line is typed as it stands, and ends flat', async () => {
  const [commands = ''] = blocks;
  expect(commands.match(/npx sauda /g)?.length).toBeGreaterThan(10);
  const said = await type(commands);
  expect(said).toContain('RELIANCE');
  expect(await filled('morning')).toBe('FILLED');
  await expectQuietEnd();
  const changed = (await client.limits()).account['MAX_POSITIONS'];
  expect(changed).toMatchObject({ value: '8', inForce: true });
  const halts = (await client.killSwitchEvents()).items.map(({ to }) => to);
  expect(halts).toEqual(expect.arrayContaining(['HALTED', 'ACTIVE']));
  expect(await fs.readdir(path.join(desk, 'backup-today'))).not.toEqual([]);
});

it('and by curl', async () => {
  const [, calls = ''] = blocks;
  expect(calls).toContain('curl ');
  expect(calls.match(/^api /gm)?.length).toBeGreaterThan(10);
  await type(calls);
  expect(await filled('afternoon')).toBe('FILLED');
  await expectQuietEnd();
});
