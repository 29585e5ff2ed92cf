import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { ASHA, type Desk, privateOf, startDesk } from '../../support/telegram/desk.ts';
import { FAKE_TOKEN } from '../../support/telegram/fake-bot-api.ts';
import type { Order } from '../../../src/domain/order.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { eventually } from '../../support/wait.ts';

let desk: Desk;
afterEach(async () => {
  armFailpoints('');
  await desk.stop();
});

const confirm = async (text: string, button = 'Confirm') => {
  const question = await desk.ask(ASHA, text);
  await desk.press(ASHA, question, button);
  return question;
};
const typeCode = async (question: { text: string }) => {
  await eventually(() => expect(question.text).toMatch(/Type \d{4}/), { what: 'the code' });
  const at = desk.fake.inChat(ASHA.id).length;
  desk.fake.say(ASHA, privateOf(ASHA), /Type (\d{4})/.exec(question.text)![1]!);
  return at;
};

describe('trading, told and stopped from a phone', () => {
  it('a rejection by the broker after it said yes reaches the chat, with its words', async () => {
    desk = await startDesk({ bot: false });
    const { pipeline } = desk;
    await pipeline.addFault({
      call: 'placeOrder',
      kind: 'rejectAtExchange',
      message: 'RMS:Margin Exceeds [x_y] *(a.b)! see evil.com @admin /halt',
    });
    const order = await pipeline.place({ maxAgeMs: 0 });
    await pipeline.waitForStatus(order, 'REJECTED');
    const told = await desk.next(ASHA.id, 'REJECTED by the broker');
    expect(told.text).toContain('RMS:Margin Exceeds');
    expect(told.text).toContain(order.clientOrderId);
    // What others wrote makes no links, mentions or commands.
    const at = told.text.indexOf('RMS:');
    expect(
      told.entities.some(
        ({ type, offset, length }) => type === 'code' && offset <= at && at < offset + length,
      ),
    ).toBe(true);
  });

  it('fills are told once each, together, and what is off is not told', async () => {
    desk = await startDesk({ bot: false, telegram: { TELEGRAM_ALERTS: 'order_cancelled=off' } });
    const { pipeline } = desk;
    const placed: Order[] = [];
    for (let n = 0; n < 6; n += 1) placed.push(await pipeline.place({ quantity: n + 1, maxAgeMs: 0 }));
    for (const order of placed) await pipeline.waitForStatus(order, 'FILLED');
    await eventually(
      () => {
        const text = desk.fake
          .inChat(ASHA.id)
          .map((message) => message.text)
          .join('\n');
        for (const { clientOrderId } of placed) expect(text.split(clientOrderId)).toHaveLength(2);
      },
      { what: 'all fills' },
    );
    expect(desk.fake.inChat(ASHA.id).length).toBeLessThanOrEqual(3);
    expect(desk.fake.inChat(ASHA.id)[0]!.silent).toBe(true);
    expect(desk.fake.inChat(ASHA.id)[0]!.text).toMatch(
      /BUY 1 NSE:\w+ MIS .* filled at ₹[\d,.]+, value ₹[\d,.]+/,
    );
    await expectInvariants(pipeline.sql, { atRest: true });
  });

  it('halted and released by buttons, cancelled and flattened, each answer as it is stored', async () => {
    desk = await startDesk({ chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: '5' } });
    const { pipeline } = desk;
    const held = await pipeline.place({ quantity: 5, strategyId: 'alpha', maxAgeMs: 0 });
    await pipeline.waitForStatus(held, 'FILLED');
    const resting = await pipeline.place({ quantity: 3, ...RESTING, maxAgeMs: 0 });
    await pipeline.waitForStatus(resting, 'OPEN');

    const cancel = await confirm('/cancelall');
    await eventually(() => expect(cancel.text).toContain('1 are finished'), { what: 'the cancel' });
    expect((await pipeline.order(resting.id)).status).toBe('CANCELLED');

    const pause = await confirm('/pause alpha it misbehaves');
    await eventually(() => expect(pause.text).toContain('alpha is PAUSED: it misbehaves'), {
      what: 'the pause',
    });
    const again = await confirm('/resume alpha', 'Continue');
    await desk.next(ASHA.id, 'alpha is ACTIVE', await typeCode(again));

    const halt = await confirm('/halt enough');
    await eventually(() => expect(halt.text).toContain('Trading is HALTED'), { what: 'the halt' });
    const flatten = await confirm('/flatten', 'Continue');
    expect(flatten.text).toMatch(/FLATTEN 1 position worth ₹[\d,.]+/);
    const flat = await desk.next(ASHA.id, 'Finished: DONE', await typeCode(flatten));
    expect(flat.text).toMatch(/Exit SELL 5 .* FILLED/);
    expect(await pipeline.sql(`select from positions where status = 'OPEN'`)).toEqual([]);

    const resume = await confirm('/resume', 'Continue');
    await desk.next(ASHA.id, 'Trading is ACTIVE', await typeCode(resume));
    expect(await desk.tradingState()).toBe('ACTIVE');
    await expectInvariants(pipeline.sql, { atRest: true });
  });

  it('an order in doubt is ended by a person, and the answer is what became of it', async () => {
    desk = await startDesk({
      chatGapMs: 0,
      environment: { BROKER_TIMEOUT_MS: '3000' },
      telegram: { TELEGRAM_CHAT_ID: '5' },
    });
    const { pipeline } = desk;
    await pipeline.addFault({ call: 'placeOrder', kind: 'timeout' });
    const order = await pipeline.place({ maxAgeMs: 0 });
    await pipeline.waitForStatus(order, 'UNKNOWN');
    expect((await desk.ask(ASHA, `/resolve ${order.clientOrderId} perhaps`)).text).toContain(
      '/resolve ORDER adopt',
    );
    for (const decision of ['never', 'adopt']) {
      const before = desk.fake.inChat(ASHA.id).length;
      const said = `/resolve ${order.clientOrderId} ${decision}`;
      desk.fake.say(ASHA, privateOf(ASHA), said, { agoSeconds: 75 });
      const refusal = await desk.next(ASHA.id, /Refused: \/resolve was sent at .* 1 min \d+ s ago/, before);
      expect(refusal.buttons).toEqual([]);
    }
    expect((await pipeline.order(order.id)).status).toBe('UNKNOWN');
    const question = await confirm(`/resolve ${order.clientOrderId} never`, 'Continue');
    const told = await desk.next(ASHA.id, 'is REJECTED', await typeCode(question));
    expect(told.text).toContain('decided in Telegram');
    expect((await pipeline.order(order.id)).status).toBe('REJECTED');
  });
});

describe('what goes wrong around it', () => {
  it('a handler that hangs does not hold up /halt', async () => {
    desk = await startDesk({ chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: '5' } });
    armFailpoints('telegram.handle.funds:hang');
    for (let n = 0; n < 20; n += 1) desk.fake.say(ASHA, privateOf(ASHA), '/funds');
    const question = await desk.ask(ASHA, '/halt now');
    expect(question.text).toContain('HALT all trading?');
    await desk.press(ASHA, question, 'Confirm');
    await eventually(async () => expect(await desk.tradingState()).toBe('HALTED'), { what: 'the halt' });
  });

  it('views that hang hold up nothing that acts, and lose their places after a while', async () => {
    desk = await startDesk({
      chatGapMs: 0,
      handlingMs: 3000,
      telegram: { TELEGRAM_CHAT_ID: '5' },
      roles: [],
    });
    armFailpoints('telegram.handle.funds:hang');
    for (let n = 0; n < 20; n += 1) desk.fake.say(ASHA, privateOf(ASHA), '/funds');
    expect((await desk.ask(ASHA, '/ack')).text).toContain('not acknowledged: 0');
    const reduce = await confirm('/reduce for now');
    await eventually(() => expect(reduce.text).toContain('Trading is REDUCING'), { what: 'the answer' });
    const resume = await confirm('/resume', 'Continue');
    await desk.next(ASHA.id, 'Trading is ACTIVE', await typeCode(resume));
    // Only once a view that hangs has lost its place.
    expect((await desk.ask(ASHA, '/version')).text).toContain('Sauda');
  });

  it('/halt is found behind more open updates than are looked at together', async () => {
    desk = await startDesk({ bot: false, chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: '5' }, roles: [] });
    await desk.pipeline.sql(
      `insert into chat_updates (account_id, key, input, received_at)
        select 'main', 'x/' || n, $1, now() - interval '1 minute' from generate_series(1, 300) n`,
      [
        JSON.stringify({
          ...{ kind: 'command', name: 'funds', argument: '', chatId: String(ASHA.id) },
          ...{ userId: String(ASHA.id), saidAt: null },
        }),
      ],
    );
    armFailpoints('telegram.handle.funds:hang');
    desk.startBot();
    desk.fake.say(ASHA, privateOf(ASHA), '/halt behind them', { agoSeconds: 90 });
    await eventually(async () => expect(await desk.tradingState()).toBe('HALTED'), { what: 'the halt' });
  });

  it('/halt names an account that can not be halted, and halts the others without it', async () => {
    desk = await startDesk({ chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: '5' }, roles: [] });
    const { sql, parts } = desk.pipeline;
    for (const id of ['broken', 'sound']) await openAccount(parts.context, { id, name: id, actor: 'test' });
    await sql(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
    await sql(
      `create trigger refuse before update on accounts for each row
        when (new.id = 'broken' and new.trading_state = 'HALTED') execute function refuse()`,
    );
    const halt = await confirm('/halt all of it');
    await eventually(() => expect(halt.text).toContain('Trading is HALTED'), { what: 'the answer' });
    expect(halt.text).toContain('Other accounts: broken NOT HALTED, sound HALTED');
    expect(await sql(`select id from accounts where trading_state = 'HALTED' order by id`)).toEqual([
      { id: 'main' },
      { id: 'sound' },
    ]);
  });

  it('Telegram down changes nothing but when it is told, and a /halt sent meanwhile is obeyed', async () => {
    desk = await startDesk({ chatGapMs: 0 });
    const { pipeline, fake } = desk;
    await desk.ask(ASHA, '/version');
    await fake.close();
    const orders = [await pipeline.place({ maxAgeMs: 0 }), await pipeline.place({ maxAgeMs: 0 })];
    for (const order of orders) await pipeline.waitForStatus(order, 'FILLED');
    fake.say(ASHA, privateOf(ASHA), '/halt I can not reach you', { agoSeconds: 300 });
    expect(await desk.tradingState()).toBe('ACTIVE');
    await fake.listen();
    await eventually(async () => expect(await desk.tradingState()).toBe('HALTED'), { what: 'the halt' });
    for (const { clientOrderId } of orders) await desk.next(ASHA.id, clientOrderId);
  });

  it('one of two pollers asks, and the other takes over when it is gone', async () => {
    desk = await startDesk({ bot: false, chatGapMs: 0, roles: [] });
    const [first, second] = [desk.startBot(), desk.startBot()];
    expect((await desk.ask(ASHA, '/version')).text).toContain('Sauda');
    const statuses = () => desk.fake.callsOf('getUpdates').map(({ status }) => status);
    expect(statuses()).not.toContain(409);
    await first.stop();
    expect((await desk.ask(ASHA, '/whoami')).text).toContain(String(ASHA.id));
    expect(statuses()).not.toContain(409);
    await second.stop();
  });

  it('a conflict, a dropped poll and a 502 end nothing', async () => {
    desk = await startDesk({ bot: false, chatGapMs: 0, roles: [] });
    desk.fake.fail({ kind: 'answer', method: 'deleteWebhook', status: 502 });
    desk.fake.fail({ kind: 'answer', method: 'getUpdates', status: 409 });
    desk.fake.fail({ kind: 'drop', method: 'getUpdates' });
    desk.fake.fail({ kind: 'answer', method: 'getUpdates', status: 502 });
    desk.startBot();
    expect((await desk.ask(ASHA, '/version')).text).toContain('Sauda');
  });

  it('killed after it kept an update and before the halt, it halts in its next life', async () => {
    desk = await startDesk({ bot: false, roles: [], chatGapMs: 0 });
    const { environment } = desk.pipeline;
    const victim = startWorkerProcess('telegram-bot', {
      ...environment,
      SAUDA_FAILPOINTS: 'halt.beforeCommit:kill',
    });
    try {
      await victim.ready();
      desk.fake.say(ASHA, privateOf(ASHA), '/halt it died', { agoSeconds: 120 });
      expect(await victim.ended()).toMatchObject({ signal: 'SIGKILL' });
      expect(await desk.tradingState()).toBe('ACTIVE');
      expect(victim.output()).not.toContain(FAKE_TOKEN.split(':')[1]);
      desk.startBot();
      await eventually(async () => expect(await desk.tradingState()).toBe('HALTED'), { what: 'the halt' });
    } finally {
      await victim.kill();
    }
  });

  it('killed after the halt and before its answer, it halts once and does not undo a release', async () => {
    desk = await startDesk({ bot: false, roles: [], chatGapMs: 0 });
    const { environment, sql } = desk.pipeline;
    const victim = startWorkerProcess('telegram-bot', {
      ...environment,
      SAUDA_FAILPOINTS: 'halt.afterCommit:kill',
    });
    try {
      await victim.ready();
      desk.fake.say(ASHA, privateOf(ASHA), '/halt and died', { agoSeconds: 120 });
      expect(await victim.ended()).toMatchObject({ signal: 'SIGKILL' });
      expect(await desk.tradingState()).toBe('HALTED');
      await sql(`update accounts set trading_state = 'ACTIVE', halt_id = null where id = 'main'`);
      desk.startBot();
      await desk.ask(ASHA, '/version');
      await eventually(
        async () => expect(await sql('select from chat_updates where done_at is null')).toEqual([]),
        { what: 'all updates to be done' },
      );
      expect(await desk.tradingState()).toBe('ACTIVE');
      expect(await desk.actors()).toHaveLength(1);
    } finally {
      await victim.kill();
    }
  });

  it('the token is in no log, row or journal entry', async () => {
    desk = await startDesk({ bot: false, roles: [] });
    const victim = startWorkerProcess('telegram-bot', { ...desk.pipeline.environment });
    try {
      await victim.ready();
      await desk.ask(ASHA, '/version');
      await desk.fake.close();
      await eventually(() => expect(victim.output()).toContain('Telegram can not be asked for news'), {
        what: 'a fault',
      });
      const secret = FAKE_TOKEN.split(':')[1]!;
      expect(victim.output()).not.toContain(secret);
      const rows = await desk.pipeline.sql<{ text: string }>(
        `select (select json_agg(t)::text from chat_updates t) || (select json_agg(j)::text from journal j) as text`,
      );
      expect(rows[0]!.text).not.toContain(secret);
      await desk.fake.listen();
    } finally {
      await victim.kill();
    }
  });
});

describe.skipIf(inject('redisUrl') === null)('with Redis down', () => {
  it('/halt works', async () => {
    desk = await startDesk({ backend: 'redis', chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: '5' } });
    await desk.ask(ASHA, '/version');
    await desk.pipeline.redis!.kill('SIGKILL');
    const halt = await confirm('/halt the queues are gone');
    await eventually(() => expect(halt.text).toContain('Trading is HALTED'), { what: 'the halt' });
    expect(await desk.tradingState()).toBe('HALTED');
    expect((await desk.ask(ASHA, '/queues')).text).toContain('They do not answer');
    await desk.pipeline.redis!.start();
  });
});
