import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { RoleName } from '../../support/pipeline.ts';
import { PACE, Sender } from '../../../src/telegram/sender.ts';
import { plain } from '../../../src/telegram/rich-text.ts';
import { ASHA, type Desk, GROUP, startDesk } from '../../support/telegram/desk.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

let desk: Desk;
afterEach(() => desk.stop());

/** No trading: alerts and their delivery alone. */
const DELIVERY: readonly RoleName[] = ['alerter', 'dispatcher'];

interface Delivery {
  readonly channel: string;
  readonly state: string;
  readonly messageId: string | null;
  readonly lastError: string | null;
}
const deliveriesOf = (id: string) =>
  desk.pipeline.sql<Delivery>(
    `select channel, state, message_id as "messageId", last_error as "lastError"
      from alert_deliveries where alert_id = $1 and channel <> 'log' order by channel`,
    [id],
  );
const all = () => desk.fake.inChat(ASHA.id);
const texts = () => all().map(({ text }) => text);

describe('alerts in a chat', () => {
  it('300 in 3 s arrive in at most 6 messages, none missing, whatever is in their words', async () => {
    desk = await startDesk({ roles: DELIVERY, bot: false });
    const raised: string[] = [];
    for (let n = 0; n < 300; n += 1) {
      raised.push(`order c-${1000 + n} *[x_y](a.b)! <b>&amp; 🙂`);
    }
    await Promise.all(raised.map((message) => desk.raise({ severity: 'WARNING', message })));
    await eventually(
      () => {
        const told = texts().join('\n');
        expect(raised.filter((message) => !told.includes(message))).toEqual([]);
      },
      { what: 'all of them' },
    );
    expect(all().length).toBeLessThanOrEqual(6);
    for (const text of texts()) expect(text).toMatch(/^PAPER /);
    await eventually(
      async () =>
        expect(
          await desk.pipeline.sql(
            `select state, count(*)::int as count from alert_deliveries where channel = 'telegram' group by 1`,
          ),
        ).toEqual([{ state: 'DELIVERED', count: 300 }]),
      { what: 'all records' },
    );
  });

  it('300 orders that are refused in a burst are told in at most 6 messages, each by its id', async () => {
    desk = await startDesk({ roles: ['validator'], bot: false });
    const { pipeline } = desk;
    const ids = Array.from({ length: 300 }, () => randomUUID());
    await Promise.all(
      ids.map((clientOrderId, n) =>
        pipeline.place({ clientOrderId, quantity: 10_001 + n, price: `${2400 + n}.10`, maxAgeMs: 0 }),
      ),
    );
    const refused = () => pipeline.sql(`select from orders where status = 'REJECTED'`);
    await eventually(async () => expect(await refused()).toHaveLength(300), { what: 'the refusals' });
    // Only now: on a slow machine they come over more than the 3 s that messages are gathered for.
    for (const role of DELIVERY) pipeline.startRole(role);
    await eventually(
      () => {
        const told = texts().join('\n');
        expect(ids.filter((id) => !told.includes(id))).toEqual([]);
      },
      { what: 'all of them' },
    );
    expect(texts().join('\n')).toContain('REJECTED by the OMS');
    const telling = all().filter(({ text }) => ids.some((id) => text.includes(id)));
    expect(telling.length).toBeLessThanOrEqual(6);
  });

  it('the gravest goes first and alone, and is told again until somebody acknowledges it', async () => {
    desk = await startDesk({ roles: [], environment: { ALERT_REPEAT_MS: '1000' } });
    await desk.raise({ severity: 'WARNING', message: 'first in time' });
    const id = await desk.raise({
      severity: 'CRITICAL',
      type: 'daily_loss_limit',
      message: 'loss of ₹6,100.00',
    });
    desk.pipeline.startRole('alerter');
    desk.pipeline.startRole('dispatcher');
    const first = await desk.next(ASHA.id, 'loss of');
    expect(all().indexOf(first)).toBe(0);
    expect(first.text).not.toContain('first in time');
    expect(first.text).toMatch(/^PAPER 🔴 CRITICAL: Daily loss limit\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d IST/);
    expect(first.silent).toBe(false);
    await desk.next(ASHA.id, 'told 2 times, not acknowledged');
    const [delivery] = await deliveriesOf(id);
    expect(delivery).toMatchObject({ channel: 'telegram', state: 'DELIVERED' });
    expect(all().map(({ id: sent }) => String(sent))).toContain(delivery!.messageId);

    const command = /\/ack_[0-9a-f]{8}/.exec(first.text)![0];
    desk.fake.say(ASHA, { id: ASHA.id, type: 'private' }, command);
    await desk.next(ASHA.id, `Acknowledged by telegram:${ASHA.id}`);
    await eventually(
      async () =>
        expect(
          await desk.pipeline.sql(
            `select from alert_deliveries where alert_id = $1 and channel = 'telegram' and next_attempt_at is not null`,
            [id],
          ),
        ).toEqual([]),
      { what: 'the reminders to end' },
    );
  });

  it('goes to a second chat when nobody acknowledges it', async () => {
    desk = await startDesk({
      roles: DELIVERY,
      bot: false,
      telegram: { TELEGRAM_ESCALATION_CHAT_ID: String(GROUP.id), TELEGRAM_ESCALATE_AFTER_MS: '1500' },
    });
    await desk.raise({ severity: 'WARNING', message: 'not so grave' });
    const id = await desk.raise({ severity: 'CRITICAL', message: 'nobody looks' });
    await desk.next(ASHA.id, 'nobody looks');
    expect(desk.fake.inChat(GROUP.id)).toEqual([]);
    const told = await desk.next(GROUP.id, 'nobody looks');
    expect(told.text).not.toContain('not so grave');
    await eventually(
      async () =>
        expect((await deliveriesOf(id)).map(({ state }) => state)).toEqual(['DELIVERED', 'DELIVERED']),
      { what: 'both deliveries' },
    );
  });

  it('waits out what Telegram asks for, and loses nothing to dropped sockets, 5xx and an outage', async () => {
    desk = await startDesk({ roles: DELIVERY, bot: false });
    const { fake } = desk;
    fake.fail({ kind: 'answer', method: 'sendMessage', status: 429, retryAfter: 2 });
    const first = await desk.raise({ severity: 'CRITICAL', message: 'after a flood' });
    await desk.next(ASHA.id, 'after a flood');
    const [refused, sent] = fake.callsOf('sendMessage');
    expect(refused!.status).toBe(429);
    expect(sent!.atMs - refused!.atMs).toBeGreaterThanOrEqual(1990);
    expect((await deliveriesOf(first))[0]).toMatchObject({ lastError: null });

    fake.fail({ kind: 'answer', method: 'sendMessage', status: 502 });
    fake.fail({ kind: 'drop', method: 'sendMessage' });
    await desk.raise({ severity: 'CRITICAL', message: 'after a fault' });
    await desk.next(ASHA.id, 'after a fault');

    await fake.close();
    const lost = await desk.raise({ severity: 'CRITICAL', message: 'during an outage' });
    await eventually(
      async () =>
        expect((await deliveriesOf(lost))[0]).toMatchObject({
          state: 'PENDING',
          lastError: 'Telegram is not reachable: ECONNREFUSED',
        }),
      { what: 'the failure to be shown' },
    );
    await fake.listen();
    await desk.next(ASHA.id, 'during an outage');
  });

  it('keeps to 20 messages a minute in a group, whichever process sends, and is never asked to wait', async () => {
    // A minute of the fake is three seconds of ours, and so is the pace: 45 messages are more than two minutes.
    const times = 20;
    desk = await startDesk({ roles: [], bot: false, chatClock: () => performance.now() * times });
    const { database, telegram } = desk.pipeline.parts;
    const pace = { chatMs: PACE.chatMs / times, groupMs: PACE.groupMs / times };
    const senders = [1, 2].map(() => new Sender(database, telegram!.chat, 'PAPER', pace));
    for (let n = 0; n < 45; n += 1) {
      await senders[n % 2]!.send(String(GROUP.id), plain(`number ${n}`), { mostMs: 60_000 });
    }
    expect(desk.fake.callsOf('sendMessage').map(({ status }) => status)).toEqual(Array(45).fill(200));
    const arrived = desk.fake.callsOf('sendMessage').map(({ atMs }) => atMs * times);
    for (let n = 20; n < 45; n += 1) expect(arrived[n]! - arrived[n - 20]!).toBeGreaterThanOrEqual(60_000);
    // As fast as that allows: a pace of half of it would be as safe, and late.
    expect(PACE.groupMs * 20).toBeLessThan(70_000);
  });

  it('follows a group that became a supergroup, and says what to set', async () => {
    const moved = -1_009_876_543_210;
    desk = await startDesk({
      roles: DELIVERY,
      bot: false,
      chatGapMs: 0,
      telegram: { TELEGRAM_CHAT_ID: String(GROUP.id) },
    });
    desk.fake.fail({
      ...{ kind: 'answer', method: 'sendMessage', chatId: GROUP.id, times: Infinity },
      ...{ status: 400, description: 'Bad Request: group chat was upgraded to a supergroup chat' },
      migrateTo: moved,
    });
    const first = await desk.raise({ severity: 'CRITICAL', message: 'where is everybody' });
    await desk.next(moved, 'where is everybody');
    await desk.raise({ severity: 'CRITICAL', message: 'here they are' });
    await desk.next(moved, 'here they are');
    const told = desk.fake.inChat(moved).map(({ text }) => text);
    expect(told[0]).toMatch(/^PAPER This group became a supergroup/);
    expect(told[0]).toContain(`TELEGRAM_CHAT_ID to ${moved}`);
    expect(told.filter((text) => text.includes('became a supergroup'))).toHaveLength(1);
    await eventually(
      async () => expect((await deliveriesOf(first))[0]).toMatchObject({ state: 'DELIVERED' }),
      { what: 'the record' },
    );
  });

  it('is shown as failed when Telegram refuses the chat for good, without the token', async () => {
    desk = await startDesk({ roles: DELIVERY, bot: false });
    desk.fake.fail({
      kind: 'answer',
      method: 'sendMessage',
      status: 403,
      description: 'Forbidden: bot was blocked by the user',
      times: Infinity,
    });
    const id = await desk.raise({ severity: 'WARNING', message: 'to nobody' });
    await eventually(
      async () =>
        expect((await deliveriesOf(id))[0]).toMatchObject({
          state: 'PENDING',
          lastError: 'Telegram answered 403: Forbidden: bot was blocked by the user',
        }),
      { what: 'the refusal' },
    );
    await desk.pipeline.sql(
      `update alert_deliveries set failures = 13, next_attempt_at = clock_timestamp() where alert_id = $1 and channel = 'telegram'`,
      [id],
    );
    await eventually(async () => expect((await deliveriesOf(id))[0]).toMatchObject({ state: 'FAILED' }), {
      what: 'the end',
    });
  });

  it('types are silent, off or muted as they are set; a CRITICAL one comes all the same', async () => {
    desk = await startDesk({
      roles: DELIVERY,
      chatGapMs: 0,
      telegram: { TELEGRAM_ALERTS: 'near_stop=off,order_stuck=silent' },
    });
    await desk.ask(ASHA, '/mute stale_price 60');
    expect((await desk.ask(ASHA, '/mute order_rejected 60')).text).toMatch(/Refused: .* can not be muted/);
    expect((await desk.ask(ASHA, '/mute order_rejekted 60')).text).toContain(
      'no type of alert order_rejekted',
    );
    const at = all().length;
    await desk.raise({ severity: 'WARNING', type: 'near_stop', message: 'is off' });
    await desk.raise({ severity: 'WARNING', type: 'stale_price', message: 'is muted' });
    await desk.raise({ severity: 'WARNING', type: 'order_stuck', message: 'is silent' });
    const silent = await desk.next(ASHA.id, 'is silent', at);
    expect(silent.silent).toBe(true);
    await desk.raise({ severity: 'CRITICAL', type: 'stale_price', message: 'critical and muted' });
    await desk.raise({ severity: 'CRITICAL', type: 'near_stop', message: 'critical and off' });
    expect((await desk.next(ASHA.id, 'critical and muted', at)).silent).toBe(false);
    await desk.next(ASHA.id, 'critical and off', at);
    expect(texts().slice(at).join('\n')).not.toMatch(/is off|is muted/);
  });

  it('killed between the message and its record comes twice, not never', async () => {
    desk = await startDesk({ roles: [], bot: false });
    const victim = startWorkerProcess('alerter', {
      ...desk.pipeline.environment,
      SAUDA_FAILPOINTS: 'alerts.sent:kill',
    });
    try {
      await victim.ready();
      const id = await desk.raise({ severity: 'CRITICAL', message: 'told and not recorded' });
      expect(await victim.ended()).toMatchObject({ signal: 'SIGKILL' });
      const told = () => texts().filter((text) => text.includes('told and not recorded'));
      expect(told()).toHaveLength(1);
      expect(await deliveriesOf(id)).toMatchObject([{ state: 'PENDING', messageId: null }]);
      desk.pipeline.startRole('alerter');
      desk.pipeline.startRole('dispatcher');
      await eventually(async () => expect(await deliveriesOf(id)).toMatchObject([{ state: 'DELIVERED' }]), {
        what: 'the record',
      });
      expect(told()).toHaveLength(2);
    } finally {
      await victim.kill();
    }
  });
});
