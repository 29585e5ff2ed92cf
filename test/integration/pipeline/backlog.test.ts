/** Hundreds of entries stand in the queue: what ends or lowers risk does not wait behind them (design.md section 7). */
import { expect, it } from 'vitest';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { EXIT, MARKET, type OrderFields, RESTING, shareEntry } from '../../support/pipeline/requests.ts';
import { onEachBackend, startPipeline } from '../../support/pipeline.ts';

const QUEUED = 200;
/** Entries take half a minute at this budget: many times what a busy machine needs to begin. */
const BUDGET = {
  ...{ ORDER_CALLS_PER_SECOND: '8', ENTRY_CALLS_PER_SECOND: '6', ORDER_CALLS_PER_MINUTE: '380' },
  SEND_WINDOW_MS: '1000',
};
const ITC = shareEntry('ITC', '412.00');

onEachBackend((backend) => {
  it(`a cancel and an exit overtake ${QUEUED} entries that were queued before them`, async () => {
    // Nobody sends until all of it is there.
    const pipeline = await startPipeline({
      ...{ backend, disturbed: true, environment: BUDGET },
      roles: ['validator', 'fillPoller'],
    });
    try {
      const { context } = pipeline.parts;
      const sent = async (fields: OrderFields) => {
        const order = await pipeline.place({ maxAgeMs: 0, ...fields });
        const step = { accountId: 'main', orderId: order.id };
        await validateOrder(context, step);
        await submitOrder(context, step);
        return order;
      };
      const [held, resting] = [await sent({ ...ITC, ...MARKET, quantity: 5 }), await sent(RESTING)];
      await pipeline.waitForStatus(held, 'FILLED');
      await pipeline.waitForStatus(resting, 'OPEN');
      const entries = await Promise.all(
        Array.from({ length: QUEUED }, () => pipeline.place({ ...RESTING, quantity: 1, maxAgeMs: 0 })),
      );
      for (const entry of entries) await pipeline.waitForStatus(entry, 'VALIDATED');

      const exit = await pipeline.place({ ...ITC, ...EXIT, ...MARKET, quantity: 2 });
      await commandsOf(pipeline).cancel(resting);
      const queued = await pipeline.parts.queues.counts('submit');
      expect(queued?.waiting).toBeGreaterThanOrEqual(QUEUED);
      for (const role of ['submitter', 'dispatcher'] as const) pipeline.startRole(role);
      await pipeline.waitForStatus(exit, 'FILLED');
      expect(await commandsOf(pipeline).outcomes(resting, 1)).toEqual(['ACCEPTED']);

      const [before] = await pipeline.sql<{ exit: number; cancel: number }>(
        `select count(*) filter (where t.not_before < x.not_before)::int as exit,
          count(*) filter (where t.not_before < c.not_before)::int as cancel
        from order_attempts t
        join orders o on o.account_id = t.account_id and o.id = t.order_id and o.role = 'ENTRY' and o.quantity = 1
        cross join order_attempts x cross join order_commands c where x.order_id = $1`,
        [exit.id],
      );
      expect(before?.exit).toBeLessThan(QUEUED / 2);
      expect(before?.cancel).toBeLessThan(QUEUED / 2);
      await expectInvariants(pipeline.sql);
    } finally {
      await pipeline.stop();
    }
  });
});
