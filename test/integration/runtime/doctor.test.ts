import * as fs from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Config, parseConfig } from '../../../src/config/config.ts';
import { type Finding, examine } from '../../../src/runtime/doctor.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';

const redisUrl = inject('redisUrl');
if (redisUrl === null) console.warn('no Redis: the doctor is not asked about one');
const TOKEN = '123456789:a-token-of-the-doctors-test';

let dataDir: string;
let database: TestDatabase;
let server: Server;
let url: string;
/** What the broker and Telegram answer; the date that the broker says. */
let says: { telegram: number; date: Date } = { telegram: 200, date: new Date() };

beforeAll(async () => {
  dataDir = await makeTemporaryFolder('doctor');
  database = await createTestDatabase();
  server = createServer((request, response) => {
    const isBot = request.url?.startsWith('/bot') === true;
    response.setHeader('date', says.date.toUTCString());
    response.writeHead(isBot ? says.telegram : 403, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: true, result: { username: 'desk_bot' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await database.drop();
  await fs.rm(dataDir, { recursive: true, force: true });
});

function configOf(changes: Readonly<Record<string, string>> = {}): Config {
  const parsed = parseConfig({
    ...{ DATA_DIR: dataDir, DATABASE_URL: database.url, KITE_API_ROOT: url, TELEGRAM_API_ROOT: url },
    ...{ TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_CHAT_ID: '1', TELEGRAM_ALLOWED_USER_IDS: '1' },
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    ...changes,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

const named = (findings: readonly Finding[], name: string) =>
  findings.filter((finding) => finding.name === name);

it('finds a good installation good, but for what the queues of tests are', async () => {
  says = { telegram: 200, date: new Date() };
  const findings = await examine(configOf());
  const others = findings.filter(({ name }) => name !== 'queues' && name !== 'disk');
  expect(others.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    'broker ok',
    'clock (broker) ok',
    'clock (postgres) ok',
    'migrations ok',
    'node ok',
    'postgres ok',
    'secrets ok',
    'telegram ok',
  ]);
  expect(named(findings, 'queues')).not.toEqual([]);
});

it('says of each fault how to mend it, and none hides another', async () => {
  const file = path.join(dataDir, 'admin.token');
  await fs.writeFile(file, 'secret', { mode: 0o644 });
  await fs.chmod(file, 0o644);
  await fs.chmod(dataDir, 0o710);
  says = { telegram: 401, date: new Date(Date.now() - 60_000) };
  const nowhere = { DATABASE_URL: 'postgres://x:y@127.0.0.1:9/none', REDIS_URL: 'redis://127.0.0.1:9' };
  const findings = await examine(configOf(nowhere));
  const bad = findings.filter(({ state }) => state === 'bad');
  expect(bad.map(({ name }) => name).sort()).toEqual(
    ['clock (broker)', 'postgres', 'queues', 'secrets', 'telegram'].sort(),
  );
  for (const { mend } of bad) expect(mend).not.toBeNull();
  expect(named(findings, 'secrets')[0]?.mend).toBe(`chmod 600 ${file}`);
  expect(JSON.stringify(findings)).not.toContain(TOKEN);
  // It looks, and changes nothing.
  expect((await fs.stat(file)).mode & 0o777).toBe(0o644);
});
