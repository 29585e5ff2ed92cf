import { expect, it } from 'vitest';
import { onEachBackend, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually, waitFor } from '../../support/wait.ts';
import { startReceiver, status } from './receiver.ts';

const SECRET = 'a-secret-of-the-webhook';

onEachBackend((backend) => {
  it('an alert whose teller was killed after telling it is told again, and the log never waits for the webhook', async () => {
    const receiver = await startReceiver();
    receiver.answer = status(500);
    const pipeline = await startPipeline({
      backend,
      roles: [],
      environment: { ALERT_WEBHOOK_URL: `${receiver.url}/hook`, ALERT_WEBHOOK_SECRET: SECRET },
    });
    const victim = startWorkerProcess('alerter', {
      ...pipeline.environment,
      SAUDA_FAILPOINTS: 'alert.delivered:kill',
    });
    try {
      await victim.ready();
      const { context } = pipeline.parts;
      const id = context.newId();
      await context.withAccount({
        accountId: 'main',
        actor: 'test',
        needs: { openAlerts: true },
        run: (view) =>
          view.raiseAlert({
            ...{ id, severity: 'CRITICAL', type: 'kill_switch_triggered', message: 'halted', details: {} },
            ...{ orderId: null, condition: 'test' },
          }),
      });
      expect(await victim.ended()).toMatchObject({ signal: 'SIGKILL' });
      expect(victim.output()).not.toContain(SECRET);
      const states = () =>
        pipeline.sql<{ channel: string; state: string }>(
          `select channel, state from alert_deliveries where alert_id = $1 order by channel`,
          [id],
        );
      // Which of the two was handed over first is open; nothing was recorded of it.
      expect(await states()).toEqual([
        { channel: 'log', state: 'PENDING' },
        { channel: 'webhook', state: 'PENDING' },
      ]);

      // What the dead process held is free again once its lease is over.
      pipeline.startRole('alerter');
      await eventually(
        async () => expect(await states()).toContainEqual({ channel: 'log', state: 'DELIVERED' }),
        {
          what: 'the log',
        },
      );
      receiver.answer = status(200);
      await waitFor(async () => (await states()).every(({ state }) => state === 'DELIVERED'), {
        what: 'the webhook',
      });
      expect(receiver.calls.map(({ headers }) => headers['x-sauda-delivery'])).toContain(`${id}.0`);
    } finally {
      await victim.kill();
      await pipeline.stop();
      await receiver.close();
    }
  });
});
