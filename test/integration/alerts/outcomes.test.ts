import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres' });
});
afterAll(() => pipeline.stop());

it('without any chat a rejection is an alert all the same, and a fill is none', async () => {
  const filled = await pipeline.place({ maxAgeMs: 0 });
  await pipeline.waitForStatus(filled, 'FILLED');
  const refused = await pipeline.place({ quantity: 1_000_000, maxAgeMs: 0 });
  await pipeline.waitForStatus(refused, 'REJECTED');
  await eventually(
    async () =>
      expect(
        await pipeline.sql(
          `select a.order_id, a.severity, d.channel, d.state from alerts a
            left join alert_deliveries d on d.account_id = a.account_id and d.alert_id = a.id
            where a.type like 'order!_%' escape '!'`,
        ),
      ).toEqual([{ order_id: refused.id, severity: 'WARNING', channel: 'log', state: 'DELIVERED' }]),
    { what: 'the alert' },
  );
});
