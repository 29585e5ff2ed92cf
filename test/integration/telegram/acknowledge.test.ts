import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { shortIdOf } from '../../../src/telegram/alert-lines.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { ASHA, type Desk, GROUP, privateOf, startDesk } from '../../support/telegram/desk.ts';
import { eventually } from '../../support/wait.ts';

let desk: Desk;
const { sql } = { sql: (text: string, values?: unknown[]) => desk.pipeline.sql(text, values) };

describe('what has no account', () => {
  afterEach(() => desk.stop());

  it('reaches the chat when a worker falls silent, is listed there, and is acknowledged from there', async () => {
    desk = await startDesk({ roles: ['alerter', 'dispatcher'], chatGapMs: 0 });
    await sql(
      `insert into heartbeats (account_id, duty, started_at)
        values ('system', 'process:submitter', clock_timestamp() - interval '5 minutes')`,
    );
    const told = await desk.next(ASHA.id, 'no process of submitter has been heard of');
    expect(told.text).toContain('[system]');
    const command = /\/ack_[0-9a-f]{8}/.exec(told.text)![0];
    const listed = await desk.ask(ASHA, '/alerts');
    expect(listed.text).toMatch(/CRITICAL \[system\] no process of submitter/);
    expect(listed.text).toContain(command);
    expect((await desk.ask(ASHA, '/ack')).text).toContain(command);
    expect((await desk.ask(ASHA, command)).text).toContain(`Acknowledged by telegram:${ASHA.id}`);
    expect(
      await sql(`select acknowledged_by from alerts where account_id = 'system' and type = 'worker_down'`),
    ).toEqual([{ acknowledged_by: `telegram:${ASHA.id}` }]);
    expect((await desk.ask(ASHA, '/ack')).text).toContain('CRITICAL and not acknowledged: 0');
  });
});

describe('/ack', () => {
  beforeAll(async () => {
    // No alerter: what was told, and when, is set by the tests.
    desk = await startDesk({ roles: [], chatGapMs: 0, telegram: { TELEGRAM_CHAT_ID: String(GROUP.id) } });
    const { context } = desk.pipeline.parts;
    await openAccount(context, { id: 'second', name: 'Second', actor: 'test' });
  });
  afterAll(() => desk.stop());
  afterEach(() =>
    sql(
      `update alerts set acknowledged_at = now(), acknowledged_by = 'cleanup' where acknowledged_at is null`,
    ),
  );

  const told = (id: string, at: string) =>
    sql(
      `insert into alert_deliveries (account_id, alert_id, channel, state, delivered_at, next_attempt_at)
        select account_id, id, 'telegram', 'DELIVERED', ${at}, null from alerts where id = $1`,
      [id],
    );
  const acknowledgedBy = async (id: string) =>
    (
      await desk.pipeline.sql<{ by: string | null }>(
        'select acknowledged_by as by from alerts where id = $1',
        [id],
      )
    )[0]!.by;
  const BY_ASHA = `telegram:${ASHA.id}`;

  it('finds a CRITICAL alert behind any number of others, by its code and in the list', async () => {
    const grave = await desk.raise({ severity: 'CRITICAL', message: 'grave and old' });
    await sql(
      `insert into alerts (account_id, id, severity, type, message, details, condition, at, cleared_at, routed_at)
        select 'main', gen_random_uuid(), 'INFO', 'order_filled', 'filled', '{}', 'event:order:fill-' || n,
          now() + n * interval '1 second', now(), now() from generate_series(1, 250) n`,
    );
    expect((await desk.ask(ASHA, '/ack')).text).toContain(`/ack_${shortIdOf(grave)} grave and old`);
    expect((await desk.ask(ASHA, '/alerts')).text).toContain(`/ack_${shortIdOf(grave)}`);
    const answer = await desk.ask(ASHA, `/ack_${shortIdOf(grave)}`);
    expect(answer.text).toContain(`Acknowledged by ${BY_ASHA}`);
    expect(await acknowledgedBy(grave)).toBe(BY_ASHA);
    // Who was first stays, and a code that comes again says so.
    expect((await desk.ask(ASHA, `/ack_${shortIdOf(grave)}`)).text).toContain(`Acknowledged by ${BY_ASHA}`);
    expect((await desk.ask(ASHA, '/ack_00000000')).text).toContain('No alert waits under this code');
  });

  it('all means what had been told when it was written, of every account', async () => {
    const seen = await desk.raise({ severity: 'CRITICAL', message: 'seen' });
    const elsewhere = await desk.raise({ severity: 'CRITICAL', message: 'too', accountId: 'second' });
    const system = await desk.raise({ severity: 'CRITICAL', message: 'and this', accountId: 'system' });
    const untold = await desk.raise({ severity: 'CRITICAL', message: 'waits for its message' });
    const later = await desk.raise({ severity: 'CRITICAL', message: 'told while it was on its way' });
    for (const id of [seen, elsewhere, system]) await told(id, `clock_timestamp() - interval '40 seconds'`);
    await told(later, `clock_timestamp() - interval '10 seconds'`);
    const before = desk.fake.inChat(ASHA.id).length;
    desk.fake.say(ASHA, privateOf(ASHA), '/ack all', { agoSeconds: 30 });
    const answer = await desk.next(ASHA.id, 'Acknowledged', before);
    expect(answer.text).toContain('[second] too');
    expect(answer.text).toContain('2 more had not been told when you wrote');
    for (const id of [seen, elsewhere, system]) expect(await acknowledgedBy(id)).toBe(BY_ASHA);
    for (const id of [untold, later]) expect(await acknowledgedBy(id)).toBeNull();
  });

  it('and /mute are refused when they were said too long ago', async () => {
    const grave = await desk.raise({ severity: 'CRITICAL', message: 'not seen by this' });
    await told(grave, `clock_timestamp() - interval '1 hour'`);
    for (const text of ['/ack all', `/ack_${shortIdOf(grave)}`, '/mute stale_price 60']) {
      const before = desk.fake.inChat(ASHA.id).length;
      desk.fake.say(ASHA, privateOf(ASHA), text, { agoSeconds: 75 });
      await desk.next(ASHA.id, /Refused: \/(ack|mute) was sent at .* 1 min \d+ s ago/, before);
    }
    expect(await acknowledgedBy(grave)).toBeNull();
    expect(await sql('select from chat_mutes')).toEqual([]);
  });
});

describe('/mute', () => {
  afterEach(() => desk.stop());

  it('is in the journal, once, and mutes alerts of every account and of none', async () => {
    desk = await startDesk({ roles: ['alerter', 'dispatcher'], chatGapMs: 0 });
    expect((await desk.ask(ASHA, '/mute stale_price 60')).text).toContain('stale_price is muted until');
    expect(
      await sql(`select actor, entity, data from journal where kind = 'AlertsMuted' and account_id = 'main'`),
    ).toEqual([
      { actor: `telegram:${ASHA.id}`, entity: 'telegram', data: '{"minutes":60,"type":"stale_price"}' },
    ]);
    await desk.raise({ severity: 'WARNING', type: 'stale_price', message: 'is muted', accountId: 'system' });
    const last = await desk.raise({ severity: 'WARNING', type: 'near_stop', message: 'comes' });
    await desk.next(ASHA.id, 'comes');
    await eventually(
      async () => expect(await sql('select from alerts where routed_at is null')).toEqual([]),
      { what: 'all to be routed' },
    );
    expect(last).toBeTruthy();
    expect(
      desk.fake
        .inChat(ASHA.id)
        .map(({ text }) => text)
        .join(),
    ).not.toContain('is muted\n');
    expect(
      await sql(
        `select from alert_deliveries d join alerts a on a.id = d.alert_id
          where a.type = 'stale_price' and d.channel = 'telegram'`,
      ),
    ).toEqual([]);
  });
});
