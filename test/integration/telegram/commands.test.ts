import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createStrategy } from '../../../src/services/create-strategy.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { ALL_ROLES } from '../../support/pipeline.ts';
import {
  ASHA,
  type Desk,
  GROUP,
  RAVI,
  STRANGER,
  VEENA,
  privateOf,
  startDesk,
} from '../../support/telegram/desk.ts';
import { eventually } from '../../support/wait.ts';

let desk: Desk;
/** A second person's private chat is not the chat of the alerts. */
const IN_ASHAS = privateOf(ASHA);

beforeAll(async () => {
  // Without alerts: every message is an answer.
  const roles = ALL_ROLES.filter((role) => role !== 'alerter' && role !== 'dispatcher');
  desk = await startDesk({ roles, chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: String(GROUP.id) } });
});
afterAll(() => desk.stop());
beforeEach(async () => {
  await desk.pipeline.sql(`update accounts set trading_state = 'ACTIVE', halt_id = null where id = 'main'`);
});

const state = () => desk.tradingState();
const haltNow = async () => {
  const question = await desk.ask(ASHA, '/halt for a test');
  await desk.press(ASHA, question, 'Confirm');
  await eventually(async () => expect(await state()).toBe('HALTED'), { what: 'the halt' });
  return question;
};

describe('/halt', () => {
  it('asks once, and its answer is the state as it is stored', async () => {
    const question = await desk.ask(ASHA, '/halt feed is wrong');
    expect(question.text).toMatch(/^PAPER .*HALT all trading\?/);
    expect(question.buttons.map(({ text }) => text)).toEqual(['Confirm', 'Cancel']);
    expect(await state()).toBe('ACTIVE');
    await desk.press(ASHA, question, 'Confirm');
    await eventually(() => expect(question.text).toContain('Trading is HALTED'), { what: 'the answer' });
    expect(question.text).toContain(`by telegram:${ASHA.id}: feed is wrong`);
    expect(question.buttons).toEqual([]);
    expect(await state()).toBe('HALTED');
  });

  it('pressed twice, also by two updates at the same time, halts once', async () => {
    const before = (await desk.actors()).length;
    const question = await desk.ask(ASHA, '/halt twice');
    const data = question.buttons[0]!.callback_data!;
    desk.fake.press(ASHA, question, data);
    desk.fake.press(ASHA, question, data);
    await eventually(() => expect(desk.fake.toasts).toContain('Expired: ask again.'), {
      what: 'the second press',
    });
    await eventually(async () => expect(await state()).toBe('HALTED'), { what: 'the halt' });
    expect((await desk.actors()).length).toBe(before + 1);
  });

  it('is not confirmed by another person, whose press leaves the button to the one who asked', async () => {
    const question = await desk.ask(ASHA, '/halt mine', GROUP);
    const toasts = desk.fake.toasts.length;
    await desk.press(RAVI, question, 'Confirm');
    await eventually(
      () => expect(desk.fake.toasts.slice(toasts)).toEqual(['Only the person who asked can press this.']),
      { what: 'the toast' },
    );
    expect(await state()).toBe('ACTIVE');
    await desk.press(ASHA, question, 'Confirm');
    await eventually(async () => expect(await state()).toBe('HALTED'), { what: 'the halt' });
  });

  it('does nothing once its question is older than 30 s', async () => {
    const question = await desk.ask(ASHA, '/halt too late');
    await eventually(
      async () => {
        const open = await desk.pipeline.sql(
          `select from chat_prompts where used_by is null and expires_at > created_at + interval '30 seconds'`,
        );
        expect(open.length).toBeGreaterThan(0);
      },
      { what: 'its time to begin' },
    );
    await desk.pipeline.sql(`update chat_prompts set expires_at = clock_timestamp() - interval '1 second'`);
    const toasts = desk.fake.toasts.length;
    await desk.press(ASHA, question, 'Confirm');
    await eventually(() => expect(desk.fake.toasts.slice(toasts)).toEqual(['Expired: ask again.']), {
      what: 'it',
    });
    expect(await state()).toBe('ACTIVE');
  });

  it('can be taken back', async () => {
    const question = await desk.ask(ASHA, '/halt or not');
    await desk.press(ASHA, question, 'Cancel');
    await eventually(() => expect(question.text).toContain('nothing was done'), { what: 'the answer' });
    expect(await state()).toBe('ACTIVE');
  });

  it('sent while the bot was down is obeyed at once, and says so', async () => {
    desk.fake.say(ASHA, IN_ASHAS, '/halt the house is on fire', { agoSeconds: 3600 });
    await eventually(async () => expect(await state()).toBe('HALTED'), { what: 'the halt' });
    const told = await desk.next(ASHA.id, 'it was obeyed at once');
    expect(told.text).toMatch(/1 h 0 min late/);
    expect(told.text).toContain('Trading is HALTED');
  });
});

describe('what can not be stored', () => {
  it('does not hold up a /halt that comes behind it, nor does a stranger who can not be recorded', async () => {
    await desk.pipeline.sql(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'no strangers'; end $$`,
    );
    await desk.pipeline.sql(
      `create trigger refuse before insert on chat_updates for each row
        when (new.account_id = 'system') execute function refuse()`,
    );
    try {
      desk.fake.say(ASHA, IN_ASHAS, `/order ${'x'.repeat(299)}🙂`);
      desk.fake.say(ASHA, IN_ASHAS, '/order a\0b');
      desk.fake.press(ASHA, { id: 1, chatId: ASHA.id }, '\0🙂'.slice(0, 2));
      desk.fake.say(STRANGER, privateOf(STRANGER), '/halt');
      desk.fake.say(ASHA, IN_ASHAS, '/halt behind all that', { agoSeconds: 600 });
      await eventually(async () => expect(await state()).toBe('HALTED'), { what: 'the halt' });
      await eventually(() => expect(desk.fake.pending()).toEqual([]), { what: 'all to be taken' });
      await desk.next(ASHA.id, 'behind all that');
    } finally {
      await desk.pipeline.sql(`drop trigger refuse on chat_updates`);
    }
  });
});

describe('starting again', () => {
  it('takes a press and a typed code, shows what it is about, and says what is stored', async () => {
    await haltNow();
    const question = await desk.ask(ASHA, '/resume');
    expect(question.text).toMatch(/RESUME trading\? It is HALTED/);
    expect(question.text).toMatch(/Day P&L .* of ₹/);
    await desk.press(ASHA, question, 'Continue');
    await eventually(() => expect(question.text).toMatch(/Type \d{4} within 30 s/), { what: 'the code' });
    const code = /Type (\d{4})/.exec(question.text)![1]!;
    expect(await state()).toBe('HALTED');
    const wrong = await desk.ask(ASHA, code === '0000' ? '1111' : '0000');
    expect(wrong.text).toContain('this is not the code');
    expect(await state()).toBe('HALTED');
    const done = await desk.ask(ASHA, code);
    expect(done.text).toContain('Trading is ACTIVE');
    expect(await state()).toBe('ACTIVE');
    // The code is used up.
    await haltNow();
    desk.fake.say(ASHA, IN_ASHAS, code);
    const after = await desk.ask(ASHA, '/whoami');
    expect(after.text).toContain(String(ASHA.id));
    expect(await state()).toBe('HALTED');
  });

  it.each(['/resume', '/flatten', '/reduce', '/cancelall'])(
    '%s of more than a minute ago is refused',
    async (command) => {
      await haltNow();
      const before = desk.fake.inChat(ASHA.id).length;
      desk.fake.say(ASHA, IN_ASHAS, command, { agoSeconds: 75 });
      const refusal = await desk.next(ASHA.id, /Refused|nothing to/, before);
      expect(refusal.text).toMatch(/Refused: .* was sent at .* IST, 1 min \d+ s ago/);
      expect(refusal.buttons).toEqual([]);
      expect(await state()).toBe('HALTED');
    },
  );

  it('/pause of more than a minute ago is refused, and one of a moment ago asks', async () => {
    const { context } = desk.pipeline.parts;
    const made = { name: null, enabled: true, limits: {}, reason: 'a test' };
    await createStrategy(context, { accountId: 'main', actor: 'test', id: 'late', ...made });
    const isEnabled = () => desk.pipeline.sql(`select enabled from strategies where id = 'late'`);
    const before = desk.fake.inChat(ASHA.id).length;
    desk.fake.say(ASHA, IN_ASHAS, '/pause late it misbehaves', { agoSeconds: 75 });
    const refusal = await desk.next(ASHA.id, 'Refused', before);
    expect(refusal.text).toMatch(/Refused: \/pause was sent at .* IST, 1 min \d+ s ago/);
    expect(refusal.buttons).toEqual([]);
    desk.fake.say(ASHA, IN_ASHAS, '/pause late it misbehaves', { agoSeconds: 30 });
    const question = await desk.next(ASHA.id, 'late', desk.fake.inChat(ASHA.id).indexOf(refusal) + 1);
    expect(question.buttons.map(({ text }) => text)).toEqual(['Confirm', 'Cancel']);
    expect(await isEnabled()).toEqual([{ enabled: true }]);
    await desk.press(ASHA, question, 'Confirm');
    await eventually(async () => expect(await isEnabled()).toEqual([{ enabled: false }]), {
      what: 'the pause',
    });
  });

  it('with a code that was sent more than a minute ago does nothing, and says so', async () => {
    await haltNow();
    const question = await desk.ask(ASHA, '/resume');
    await desk.press(ASHA, question, 'Continue');
    await eventually(() => expect(question.text).toMatch(/Type \d{4}/), { what: 'the code' });
    const before = desk.fake.inChat(ASHA.id).length;
    desk.fake.say(ASHA, IN_ASHAS, /Type (\d{4})/.exec(question.text)![1]!, { agoSeconds: 75 });
    await desk.next(ASHA.id, /Refused: the code was sent 1 min \d+ s ago/, before);
    expect(await state()).toBe('HALTED');
  });

  it('with a code that is typed too late does nothing', async () => {
    await haltNow();
    const question = await desk.ask(ASHA, '/resume');
    await desk.press(ASHA, question, 'Continue');
    await eventually(() => expect(question.text).toMatch(/Type \d{4}/), { what: 'the code' });
    await desk.pipeline.sql(`update chat_prompts set expires_at = clock_timestamp() - interval '1 second'`);
    desk.fake.say(ASHA, IN_ASHAS, /Type (\d{4})/.exec(question.text)![1]!);
    const after = await desk.ask(ASHA, '/whoami');
    expect(after.text).toContain(String(ASHA.id));
    expect(await state()).toBe('HALTED');
  });

  it('names the other accounts, which stay as they are', async () => {
    const { context } = desk.pipeline.parts;
    await openAccount(context, { id: 'other', name: 'Other', actor: 'test' });
    await haltNow();
    const question = await desk.ask(ASHA, '/resume');
    expect(question.text).toContain('Only main is resumed. Other accounts stay as they are: other HALTED.');
  });

  it('with the code of another person does nothing', async () => {
    await haltNow();
    const question = await desk.ask(ASHA, '/resume', GROUP);
    await desk.press(ASHA, question, 'Continue');
    await eventually(() => expect(question.text).toMatch(/Type \d{4}/), { what: 'the code' });
    const code = /Type (\d{4})/.exec(question.text)![1]!;
    desk.fake.say(RAVI, GROUP, `/${code}`);
    await desk.ask(RAVI, '/whoami', GROUP);
    expect(await state()).toBe('HALTED');
    await desk.ask(ASHA, `/${code}`, GROUP);
    expect(await state()).toBe('ACTIVE');
  });
});

describe('who may', () => {
  const strangers = () =>
    desk.pipeline.sql<{ data: string }>(
      `select data from journal where account_id = 'system' and kind = 'ChatStranger' order by seq`,
    );

  it('a stranger gets no answer to words or presses and makes one entry of the journal', async () => {
    const question = await desk.ask(ASHA, '/halt not yours', GROUP);
    // One entry a day and person: a second try of this test needs a stranger nobody has seen.
    const stranger = { ...STRANGER, id: STRANGER.id + Math.floor(performance.now()) };
    const answers = () =>
      desk.fake.calls.filter(
        ({ method, payload }) =>
          method === 'answerCallbackQuery' || String(payload['chat_id']) === String(stranger.id),
      );
    const answered = answers().length;
    const before = (await strangers()).length;
    desk.fake.say(stranger, privateOf(stranger), '/halt');
    desk.fake.say(stranger, privateOf(stranger), '/halt', { agoSeconds: 4000 });
    desk.fake.press(stranger, { ...question, chatId: stranger.id }, question.buttons[0]!.callback_data!);
    await eventually(async () => expect(await strangers()).toHaveLength(before + 1), { what: 'the entry' });
    await eventually(() => expect(desk.fake.pending()).toEqual([]), { what: 'all to be taken' });
    expect(answers()).toHaveLength(answered);
    expect((await strangers()).at(-1)!.data).not.toContain('halt');
    expect(await state()).toBe('ACTIVE');
  });

  it('the same name is not the same person, and a known person in an unknown group is a stranger', async () => {
    const before = (await strangers()).length;
    const unknown = -Math.floor(performance.now()) - 10_000;
    desk.fake.say(ASHA, { id: unknown, type: 'group' }, '/halt', { agoSeconds: 4000 });
    desk.fake.say(ASHA, { id: unknown - 1, type: 'channel' }, '/halt', { agoSeconds: 4000 });
    await eventually(async () => expect(await strangers()).toHaveLength(before + 2), { what: 'the entries' });
    expect(await state()).toBe('ACTIVE');
  });

  it('nobody who speaks as a group or as a bot', async () => {
    const before = (await strangers()).length;
    desk.fake.say({ id: 1_087_968_824, isBot: true }, GROUP, '/halt', { agoSeconds: 4000 });
    desk.fake.say(ASHA, GROUP, '/halt', { agoSeconds: 4000, extra: { sender_chat: { id: GROUP.id } } });
    desk.fake.say({ ...ASHA, isBot: true }, GROUP, '/halt', { agoSeconds: 4000 });
    await eventually(async () => expect((await strangers()).length).toBeGreaterThan(before), {
      what: 'entries',
    });
    await eventually(() => expect(desk.fake.pending()).toEqual([]), { what: 'all to be taken' });
    expect(await state()).toBe('ACTIVE');
  });

  it('edits, forwards, posts of channels and words for another bot are not commands', async () => {
    const old = { agoSeconds: 4000 };
    desk.fake.say(ASHA, IN_ASHAS, '/halt', { ...old, as: 'edited_message' });
    desk.fake.say(ASHA, IN_ASHAS, '/halt', { ...old, as: 'channel_post' });
    desk.fake.say(ASHA, IN_ASHAS, '/halt', { ...old, extra: { forward_origin: { type: 'user' } } });
    desk.fake.say(ASHA, IN_ASHAS, '/halt', { ...old, extra: { via_bot: { id: 5, is_bot: true } } });
    desk.fake.say(ASHA, GROUP, '/halt@another_bot', old);
    desk.fake.say(ASHA, IN_ASHAS, 'please /halt', old);
    const answer = await desk.ask(ASHA, '/whoami@sauda_bot', GROUP);
    expect(answer.text).toContain('role operator');
    expect(await state()).toBe('ACTIVE');
  });

  it('a viewer looks and changes nothing, also by a halt of long ago', async () => {
    expect((await desk.ask(VEENA, '/status')).text).toContain('ACTIVE');
    for (const text of ['/halt', '/resume', '/flatten', '/mute order_filled 5', '/ack all', '/login']) {
      expect((await desk.ask(VEENA, text)).text).toContain('is for operators; your role is viewer');
    }
    const before = desk.fake.inChat(VEENA.id).length;
    desk.fake.say(VEENA, privateOf(VEENA), '/halt', { agoSeconds: 4000 });
    await desk.next(VEENA.id, 'is for operators', before);
    expect(await state()).toBe('ACTIVE');
    expect((await desk.ask(VEENA, '/help')).text).not.toContain('/flatten');
  });
});

describe('an update that comes again', () => {
  it('does nothing again, however often', async () => {
    const before = (await desk.actors()).length;
    const id = desk.fake.say(ASHA, IN_ASHAS, '/halt again and again', { agoSeconds: 100 });
    const update = desk.fake.pending().find(({ update_id }) => update_id === id);
    await desk.next(ASHA.id, 'again and again');
    await desk.pipeline.sql(`update accounts set trading_state = 'ACTIVE', halt_id = null where id = 'main'`);
    if (update !== undefined) {
      desk.fake.replay(update);
      desk.fake.replay(update);
    }
    await desk.ask(ASHA, '/whoami');
    expect(await state()).toBe('ACTIVE');
    expect((await desk.actors()).length).toBe(before + 1);
  });
});

describe('views', () => {
  it.each([
    '/status',
    '/orders',
    '/status of everything there is, please, with all that may be known about it at this moment of the day',
    '/orders today',
    '/orders rejected',
    '/positions',
    '/pnl',
    '/risk',
    '/funds',
    '/strategies',
    '/queues',
    '/alerts',
    '/health',
    '/version',
    '/help',
    '/order nothing',
    '/mute',
    '/ack',
    '/login',
    '/nonsense',
  ])('%s answers, with the mode first', async (text) => {
    const answer = await desk.ask(ASHA, text);
    expect(answer.text).toMatch(/^PAPER /);
    expect(answer.text).not.toContain('undefined');
  });

  it('/status says how the broker and the queues are, and when the books were compared', async () => {
    const { text } = await desk.ask(ASHA, '/status');
    expect(text).toMatch(/^Broker (ok|degraded|.*not reachable.*)$/m);
    expect(text).toMatch(/^Queues \d+ waiting, \d+ active$/m);
    expect(text).toMatch(/^(Not reconciled yet|Reconciled \d{4}-\d\d-\d\d \d\d:\d\d:\d\d IST: .*)$/m);
  });

  it('are refreshed in place', async () => {
    const answer = await desk.ask(ASHA, '/pnl');
    const count = desk.fake.inChat(ASHA.id).length;
    await desk.press(ASHA, answer, 'Refresh');
    await eventually(() => expect(answer.text).toMatch(/Updated \d\d:\d\d:\d\d IST/), {
      what: 'the refresh',
    });
    expect(desk.fake.inChat(ASHA.id)).toHaveLength(count);
    expect(answer.edits).toBe(1);
  });
});
