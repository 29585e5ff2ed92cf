import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AlertChannel, AlertMessage } from '../../../src/alert-channels/port.ts';
import { createWebhookChannel } from '../../../src/alert-channels/webhook-channel.ts';
import type { AlertSeverity } from '../../../src/domain/alert-delivery.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { acknowledgeAlert } from '../../../src/services/acknowledge-alert.ts';
import type { Context } from '../../../src/services/context.ts';
import { createDispatcher } from '../../../src/services/dispatch.ts';
import { deliverAlerts } from '../../../src/services/deliver-alerts.ts';
import { tellChannelsOut } from '../../../src/services/watch-channels.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';
import { type Answer, type Receiver, endless, hang, hangUp, startReceiver, status } from './receiver.ts';

const SECRET = 'a-secret-that-must-never-be-shown';

let pipeline: Pipeline;
let receiver: Receiver;
/** What the fake log channel was told. */
let logged: AlertMessage[];

beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: [] });
});
afterAll(async () => {
  await pipeline.stop();
});
beforeEach(async () => {
  receiver = await startReceiver();
  logged = [];
  await pipeline.sql('delete from alert_deliveries');
  await pipeline.sql('delete from alerts');
});
afterEach(async () => {
  armFailpoints('');
  await receiver.close();
});

const log: AlertChannel = {
  name: 'log',
  minimumSeverity: 'INFO',
  deliver: async (alert) => void logged.push(alert),
};

function contextWith(channels: readonly AlertChannel[]): Context {
  return { ...pipeline.parts.context, alertChannels: channels };
}

/** Longer than a machine stops for: only a receiver that never answers meets it. */
const PATIENT_MS = 60_000;
const webhook = (timeoutMs = PATIENT_MS, path = '/hook'): AlertChannel =>
  createWebhookChannel({
    url: `${receiver.url}${path}`,
    secret: SECRET,
    minimumSeverity: 'WARNING',
    timeoutMs,
    mode: 'PAPER',
    now: () => new Date('2026-11-23T09:15:00.500Z'),
  });

async function raise(severity: AlertSeverity, condition = `test:${severity}`): Promise<string> {
  const { context } = pipeline.parts;
  const id = context.newId();
  await context.withAccount({
    accountId: 'main',
    actor: 'test',
    needs: { openAlerts: true },
    run: (view) =>
      view.raiseAlert({
        id,
        severity,
        type: 'daily_loss_limit',
        message: 'day loss 6,100.00 is over the limit 6,000.00',
        details: { loss: '6100.00' },
        orderId: null,
        condition,
      }),
  });
  return id;
}

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly told: number;
  readonly lastError: string | null;
  readonly isDue: boolean;
}

const rowsOf = (alertId: string) =>
  pipeline.sql<Row & { channel: string }>(
    `select channel, state, attempts, told, last_error as "lastError", next_attempt_at is not null as "isDue"
      from alert_deliveries where alert_id = $1 order by channel`,
    [alertId],
  );
const rowOf = async (alertId: string, channel: string) =>
  (await rowsOf(alertId)).find((row) => row.channel === channel)!;
/** As if the pause were over. */
const makeDue = () => pipeline.sql('update alert_deliveries set next_attempt_at = clock_timestamp()');

describe('a webhook', () => {
  it('gets the alert as JSON, with a signature that the shared secret verifies', async () => {
    const context = contextWith([log, webhook()]);
    const id = await raise('CRITICAL');
    expect(await deliverAlerts(context, 'webhook')).toBe(1);
    const [call] = receiver.calls;
    expect(JSON.parse(call!.body)).toMatchObject({
      mode: 'PAPER',
      deliveryId: `${id}.0`,
      id,
      accountId: 'main',
      severity: 'CRITICAL',
      type: 'daily_loss_limit',
      message: 'day loss 6,100.00 is over the limit 6,000.00',
      details: { loss: '6100.00' },
      orderId: null,
      reminder: 0,
    });
    const timestamp = call!.headers['x-sauda-timestamp'] as string;
    const signature = createHmac('sha256', SECRET).update(`${timestamp}.${call!.body}`).digest('hex');
    expect(timestamp).toBe('1795425300');
    expect(call!.headers['x-sauda-signature']).toBe(`v1=${signature}`);
    expect(call!.headers['x-sauda-delivery']).toBe(`${id}.0`);
    expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'DELIVERED', attempts: 1, lastError: null });
  });

  const FAILURES: readonly (readonly [string, Answer, string])[] = [
    ['answers 500', status(500), 'the receiver answered 500'],
    ['sends elsewhere', status(302, { location: '/other' }), 'the receiver answered 302'],
    ['does not answer', hang, 'no answer within 800 ms'],
    ['hangs up', hangUp, 'not reachable: UND_ERR_SOCKET'],
  ];
  it.each(FAILURES)(
    'that %s is shown as such, tried again, and gets the same delivery then',
    async (_, answer, error) => {
      const context = contextWith([log, webhook(answer === hang ? 800 : PATIENT_MS)]);
      const id = await raise('WARNING');
      receiver.answer = answer;
      expect(await deliverAlerts(context, 'webhook')).toBe(0);
      expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'PENDING', attempts: 1, lastError: error });
      expect(await deliverAlerts(context, 'webhook')).toBe(0); // the pause is not over
      expect(receiver.calls.map(({ path }) => path)).toEqual(['/hook']);

      receiver.answer = status(204);
      await makeDue();
      expect(await deliverAlerts(context, 'webhook')).toBe(1);
      expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'DELIVERED', attempts: 2, lastError: null });
      expect(receiver.calls.map(({ headers }) => headers['x-sauda-delivery'])).toEqual([
        `${id}.0`,
        `${id}.0`,
      ]);
    },
  );

  it('whose answer has no end is a receipt all the same: nothing of it is read', async () => {
    receiver.answer = endless;
    const id = await raise('WARNING');
    expect(await deliverAlerts(contextWith([webhook()]), 'webhook')).toBe(1);
    expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'DELIVERED' });
  });

  it('is not told of what is below its minimum', async () => {
    const context = contextWith([log, webhook()]);
    const id = await raise('INFO');
    await deliverAlerts(context, 'webhook');
    await deliverAlerts(context, 'log');
    expect(receiver.calls).toEqual([]);
    expect((await rowsOf(id)).map(({ channel, state }) => [channel, state])).toEqual([['log', 'DELIVERED']]);
  });

  it('that can not be reached never has its address or secret shown', async () => {
    const port = new URL(receiver.url).port;
    await receiver.close();
    const id = await raise('WARNING');
    await deliverAlerts(contextWith([webhook(PATIENT_MS, '/path-is-a-secret')]), 'webhook');
    receiver = await startReceiver();
    const { lastError } = await rowOf(id, 'webhook');
    expect(lastError).toBe('not reachable: ECONNREFUSED');
    expect(lastError).not.toContain(port);
  });

  it('is configured late and hears of what is raised from then on', async () => {
    const before = await raise('WARNING', 'test:before');
    await deliverAlerts(contextWith([log]), 'log');
    const after = await raise('WARNING', 'test:after');
    await deliverAlerts(contextWith([log, webhook()]), 'webhook');
    expect(receiver.calls.map(({ body }) => (JSON.parse(body) as { id: string }).id)).toEqual([after]);
    expect((await rowsOf(before)).map(({ channel }) => channel)).toEqual(['log']);
  });
});

describe('deliveries', () => {
  it('to one channel are not delayed by another that hangs', async () => {
    receiver.answer = hang;
    const context = contextWith([log, webhook()]);
    for (let n = 0; n < 12; n++) await raise('CRITICAL', `test:${n}`);
    const hanging = deliverAlerts(context, 'webhook');
    await eventually(() => expect(receiver.calls).toHaveLength(4), { what: 'four deliveries that hang' });
    expect(await deliverAlerts(context, 'log')).toBe(12);
    expect(logged).toHaveLength(12);
    expect(receiver.calls).toHaveLength(4);
    await receiver.close();
    await hanging;
    receiver = await startReceiver();
  });

  it('of a channel run one at a time everywhere: a second look while one is under way does nothing', async () => {
    receiver.answer = hang;
    const context = contextWith([webhook()]);
    await raise('CRITICAL');
    const first = deliverAlerts(context, 'webhook');
    await eventually(() => expect(receiver.calls).toHaveLength(1), { what: 'the first call' });
    expect(await deliverAlerts({ ...context, processName: 'another' }, 'webhook')).toBe(0);
    expect(receiver.calls).toHaveLength(1);
    await receiver.close();
    await first;
    receiver = await startReceiver();
  });

  it('are laid out once by any number of processes at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => raise('WARNING', `test:${n}`)));
    const context = contextWith([log]);
    await Promise.all(Array.from({ length: 8 }, () => deliverAlerts(context, 'log')));
    await deliverAlerts(context, 'log');
    expect(logged.map(({ alertId }) => alertId).sort()).toEqual([...ids].sort());
  });

  it('need no account: they go on while somebody holds the lock', async () => {
    const id = await raise('WARNING');
    const client = await pipeline.parts.database.accounts.connect();
    try {
      await client.query('begin');
      await client.query(`select from accounts where id = 'main' for no key update`);
      expect(await deliverAlerts(contextWith([log]), 'log')).toBe(1);
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect(await rowOf(id, 'log')).toMatchObject({ state: 'DELIVERED' });
  });

  it('that broke between telling and recording tell again', async () => {
    const context = contextWith([log]);
    const id = await raise('CRITICAL');
    armFailpoints('alert.delivered:throw');
    await expect(deliverAlerts(context, 'log')).rejects.toThrow('failpoint');
    expect(await rowOf(id, 'log')).toMatchObject({ state: 'PENDING', attempts: 0 });
    expect(await deliverAlerts(context, 'log')).toBe(1);
    expect(logged.map(({ deliveryId }) => deliveryId)).toEqual([`${id}.0`, `${id}.0`]);
  });

  it('of a channel that breaks in an unforeseen way show the kind of failure and not its words', async () => {
    const broken: AlertChannel = {
      ...log,
      deliver: () => Promise.reject(new TypeError(`no idea what to do with ${SECRET}`)),
    };
    const id = await raise('WARNING');
    await deliverAlerts(contextWith([broken]), 'log');
    expect(await rowOf(id, 'log')).toMatchObject({ lastError: 'the channel failed (TypeError)' });
  });

  it('that are given up are shown as FAILED, which is told through the other channels, until it works again', async () => {
    const context = contextWith([log, webhook()]);
    receiver.answer = status(500);
    const id = await raise('WARNING');
    for (let n = 0; n < 14; n++) {
      await deliverAlerts(context, 'webhook');
      await makeDue();
    }
    expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'FAILED', attempts: 14 });
    await deliverAlerts(context, 'log');
    const told = logged.find(({ type }) => type === 'alert_undelivered');
    expect(told?.message).toContain('the channel webhook did not take WARNING "daily_loss_limit"');
    expect(await standing('alerts:webhook:undelivered')).toBe(true);

    receiver.answer = status(200);
    await raise('WARNING', 'test:next');
    await deliverAlerts(context, 'webhook');
    expect(await standing('alerts:webhook:undelivered')).toBe(false);
  });

  it('that wait for minutes are told through the other channels, until the channel is back', async () => {
    const context = contextWith([log, webhook()]);
    receiver.answer = status(500);
    const id = await raise('WARNING');
    await deliverAlerts(context, 'webhook');
    await deliverAlerts(context, 'log');
    await tellChannelsOut(context);
    expect(await standing('channel:webhook:unreachable')).toBe(false);
    await pipeline.sql(`update alerts set at = at - interval '6 minutes' where id = $1`, [id]);
    // The dispatcher looks again and again.
    await tellChannelsOut(context);
    await tellChannelsOut(context);
    await deliverAlerts(context, 'log');
    const told = logged.filter(({ type }) => type === 'channel_unreachable');
    expect(told.map(({ message }) => message)).toEqual([
      'the channel webhook has taken nothing for 6 min (limit 5 min) and 1 alert waits: they are told when it is back, trading goes on without it',
    ]);

    receiver.answer = status(200);
    await makeDue();
    await deliverAlerts(context, 'webhook');
    await tellChannelsOut(context);
    expect(await standing('channel:webhook:unreachable')).toBe(false);
  });

  it('are made by the dispatcher itself when the queue leaves them lying', async () => {
    const context = contextWith([log]);
    const id = await raise('CRITICAL');
    await pipeline.sql(`update alerts set at = at - interval '1 minute'`);
    const dispatcher = createDispatcher(context, {
      ping: async () => ({ ok: false, error: 'deaf' }),
      ensureSchedules: async () => null,
      enqueueMany: async () => false,
      isPaused: async () => null,
      setPaused: async () => false,
    });
    await dispatcher.beat();
    await eventually(() => expect(logged.map(({ alertId }) => alertId)).toEqual([id]), {
      what: 'the alert to be told',
    });
  });
});

describe('a CRITICAL alert', () => {
  const remindMe = (channels: readonly AlertChannel[]): Context => {
    const context = contextWith(channels);
    return { ...context, settings: { ...context.settings, alertRepeatMs: 60_000 } };
  };

  it('is told again until a person acknowledges it', async () => {
    const context = remindMe([log]);
    const id = await raise('CRITICAL');
    await deliverAlerts(context, 'log');
    await deliverAlerts(context, 'log');
    expect(logged.map(({ reminder }) => reminder)).toEqual([0]);
    await makeDue();
    await deliverAlerts(context, 'log');
    expect(logged.map(({ deliveryId }) => deliveryId)).toEqual([`${id}.0`, `${id}.1`]);

    await acknowledgeAlert(context, { accountId: 'main', actor: 'op', alertId: id, strategyId: null });
    await makeDue();
    await deliverAlerts(context, 'log');
    expect(logged).toHaveLength(2);
    expect(await rowOf(id, 'log')).toMatchObject({ state: 'DELIVERED', told: 2, isDue: false });
  });

  it('is told no more once its condition has ended', async () => {
    const context = remindMe([log]);
    const id = await raise('CRITICAL');
    await deliverAlerts(context, 'log');
    await clear('test:CRITICAL');
    await makeDue();
    await deliverAlerts(context, 'log');
    expect(logged).toHaveLength(1);
    expect(await rowOf(id, 'log')).toMatchObject({ isDue: false });
  });

  it('that ended or was acknowledged before anybody was told is told all the same', async () => {
    const context = remindMe([log]);
    const id = await raise('CRITICAL');
    await clear('test:CRITICAL');
    await acknowledgeAlert(context, { accountId: 'main', actor: 'op', alertId: id, strategyId: null });
    expect(await deliverAlerts(context, 'log')).toBe(1);
    expect(await rowOf(id, 'log')).toMatchObject({ state: 'DELIVERED' });
  });

  it('whose delivery was given up is shown as delivered once a later try works', async () => {
    const context = remindMe([log, webhook()]);
    receiver.answer = status(503);
    const id = await raise('CRITICAL');
    for (let n = 0; n < 14; n++) {
      await deliverAlerts(context, 'webhook');
      await makeDue();
    }
    expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'FAILED', isDue: true });
    receiver.answer = status(200);
    await deliverAlerts(context, 'webhook');
    expect(await rowOf(id, 'webhook')).toMatchObject({ state: 'DELIVERED', told: 1, attempts: 15 });
  });
});

async function clear(condition: string): Promise<void> {
  await pipeline.parts.context.withAccount({
    accountId: 'main',
    actor: 'test',
    needs: { openAlerts: true },
    run: (view) => view.clearAlert(condition),
  });
}

async function standing(condition: string): Promise<boolean> {
  const rows = await pipeline.sql('select from alerts where condition = $1 and cleared_at is null', [
    condition,
  ]);
  return rows.length === 1;
}
