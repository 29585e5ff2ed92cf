import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_TOKEN, type FakeBotApi, startFakeBotApi } from '../../support/telegram/fake-bot-api.ts';

/** A fake that takes anything proves nothing: what it refuses is what Telegram refuses. */
let fake: FakeBotApi;
beforeEach(async () => {
  fake = await startFakeBotApi();
});
afterEach(() => fake.close());

interface Answer {
  readonly ok: boolean;
  readonly error_code?: number;
  readonly description?: string;
  readonly parameters?: { readonly retry_after?: number };
  readonly result?: unknown;
}
const call = async (method: string, payload: object = {}, token = FAKE_TOKEN): Promise<Answer> => {
  const response = await fetch(`${fake.url}/bot${token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(payload),
  });
  return (await response.json()) as Answer;
};
const send = (fields: object) => call('sendMessage', { chat_id: 5, text: 'x', ...fields });

describe('the fake Bot API', () => {
  it.each([
    ['4097 units', { text: 'x'.repeat(4097) }, 'message is too long'],
    ['nothing to read', { text: ' \n' }, 'message text is empty'],
    ['half a character', { text: 'a\uD83D' }, 'strings must be encoded'],
    [
      'an entity beyond the end',
      { text: 'abc', entities: [{ type: 'bold', offset: 2, length: 2 }] },
      'beyond the end',
    ],
    [
      'an entity that splits an emoji',
      { text: '🙂', entities: [{ type: 'bold', offset: 1, length: 1 }] },
      'splits',
    ],
    [
      'an unknown entity',
      { text: 'abc', entities: [{ type: 'loud', offset: 0, length: 1 }] },
      'unsupported entity',
    ],
    [
      '65 bytes behind a button',
      { reply_markup: { inline_keyboard: [[{ text: 'a', callback_data: 'é'.repeat(33) }]] } },
      'BUTTON_DATA_INVALID',
    ],
  ])('refuses %s', async (_, fields, words) => {
    const answer = await send(fields);
    expect(answer).toMatchObject({ ok: false, error_code: 400 });
    expect(answer.description).toContain(words);
    expect(fake.messages).toEqual([]);
  });

  it('takes one message a second in a chat, and says how long to wait', async () => {
    expect((await send({})).ok).toBe(true);
    expect(await send({})).toMatchObject({ ok: false, error_code: 429, parameters: { retry_after: 1 } });
    expect((await send({ chat_id: 6 })).ok).toBe(true);
  });

  it('takes 20 messages of any minute in a group, and any number in a private chat, by its clock', async () => {
    let nowMs = 0;
    const minute = await startFakeBotApi({ clock: () => nowMs });
    const to = async (chatId: number): Promise<Answer> => {
      const body = JSON.stringify({ chat_id: chatId, text: 'x' });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${minute.url}/bot${FAKE_TOKEN}/sendMessage`, {
        ...{ method: 'POST', headers, body },
      });
      return (await answer.json()) as Answer;
    };
    try {
      for (let n = 0; n < 20; n += 1) {
        for (const chatId of [-5, 5]) expect((await to(chatId)).ok, `${n} of ${chatId}`).toBe(true);
        nowMs += 2000;
      }
      expect((await to(5)).ok).toBe(true);
      expect(await to(-5)).toMatchObject({ error_code: 429, parameters: { retry_after: 20 } });
      nowMs += 19_999;
      expect(await to(-5)).toMatchObject({ error_code: 429, parameters: { retry_after: 1 } });
      nowMs += 1;
      expect((await to(-5)).ok).toBe(true);
      expect(minute.inChat(-5)).toHaveLength(21);
    } finally {
      await minute.close();
    }
  });

  it('knows its token, ends the older of two pollers, and answers no poll beside a webhook', async () => {
    expect(await call('getMe', {}, '1:wrong')).toMatchObject({ error_code: 401 });
    const first = call('getUpdates', { timeout: 30 });
    while (fake.callsOf('getUpdates').length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = call('getUpdates', { timeout: 30 });
    expect(await first).toMatchObject({ error_code: 409 });
    fake.say({ id: 1 }, { id: 1, type: 'private' }, 'hello');
    expect((await second).result).toHaveLength(1);
    await call('setWebhook', { url: 'http://127.0.0.1:9/', secret_token: 's' });
    expect(await call('getUpdates')).toMatchObject({ error_code: 409 });
  });

  it('hands an update out until it is acknowledged by a later offset', async () => {
    const id = fake.say({ id: 1 }, { id: 1, type: 'private' }, 'hello');
    for (const offset of [0, 0, id]) expect((await call('getUpdates', { offset })).result).toHaveLength(1);
    expect((await call('getUpdates', { offset: id + 1 })).result).toEqual([]);
  });

  it('fails on demand, also after the effect', async () => {
    fake.fail({ kind: 'answer', status: 502 });
    expect(await send({})).toMatchObject({ ok: false, error_code: 502 });
    fake.fail({ kind: 'drop', afterEffect: true });
    await expect(send({})).rejects.toThrow();
    expect(fake.messages).toHaveLength(1);
  });

  it('refuses an edit that changes nothing', async () => {
    await send({});
    expect(await call('editMessageText', { chat_id: 5, message_id: 1, text: 'x' })).toMatchObject({
      description: expect.stringContaining('message is not modified') as string,
    });
  });
});
