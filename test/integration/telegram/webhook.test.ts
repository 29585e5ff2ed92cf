import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApiRole } from '../../../src/runtime/api-role.ts';
import { ASHA, type Desk, startDesk } from '../../support/telegram/desk.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { eventually } from '../../support/wait.ts';

const SECRET = 'a-secret-of-the-webhook';
let desk: Desk;
let url: string;
let api: { stop(): Promise<void> };

beforeAll(async () => {
  const port = await findFreePort();
  url = `http://127.0.0.1:${port}/telegram/webhook`;
  desk = await startDesk({
    bot: false,
    chatGapMs: 0,
    roles: [],
    environment: { PORT: String(port), ADMIN_TOKEN: 'an-admin-token-of-this-test' },
    telegram: { TELEGRAM_MODE: 'webhook', TELEGRAM_WEBHOOK_URL: url, TELEGRAM_WEBHOOK_SECRET: SECRET },
  });
  const { parts, config } = desk.pipeline;
  api = await startApiRole(parts, config, config.dataDir);
  desk.startBot();
  await eventually(() => expect(desk.fake.webhook).toEqual({ url, secret: SECRET }), { what: 'the webhook' });
});
afterAll(async () => {
  await api.stop();
  await desk.stop();
});

const post = (body: unknown, secret: string | null) =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(secret === null ? {} : { 'x-telegram-bot-api-secret-token': secret }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const halt = (updateId: number) => ({
  update_id: updateId,
  message: {
    ...{ message_id: 1, date: 1_700_000_000, text: '/halt by webhook' },
    ...{ from: { id: ASHA.id, is_bot: false }, chat: { id: ASHA.id, type: 'private' } },
  },
});

it('commands come by webhook, and nobody polls', async () => {
  expect((await desk.ask(ASHA, '/whoami')).text).toContain('role operator');
  expect(desk.fake.callsOf('getUpdates')).toEqual([]);
});

it('without its secret nothing is taken', async () => {
  for (const secret of [null, '', 'wrong', `${SECRET} `.trim().slice(1)]) {
    expect((await post(halt(1), secret)).status).toBe(401);
  }
  expect((await fetch(url)).status).toBe(405);
  expect(await desk.tradingState()).toBe('ACTIVE');
});

it('what can not be read is not asked for again, and the same update twice is once', async () => {
  expect((await post('{"no', SECRET)).status).toBe(200);
  expect((await post({ update_id: 3, message: 'x' }, SECRET)).status).toBe(200);
  const answers = await Promise.all([post(halt(5), SECRET), post(halt(5), SECRET), post(halt(5), SECRET)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  await eventually(async () => expect(await desk.tradingState()).toBe('HALTED'), { what: 'the halt' });
  expect(await desk.actors()).toHaveLength(1);
});
