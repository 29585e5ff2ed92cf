import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: [] });
});
afterAll(() => pipeline.stop());

it.each(['+1 hour', '-1 hour'])(
  'the next step of an order is due by the real clock while the database’s is off by %s',
  async (shift) => {
    await pipeline.sql(`insert into sauda.clock_offset (shift) values ($1::interval)`, [shift]);
    try {
      const order = await pipeline.place({ maxAgeMs: 0 });
      const [row] = await pipeline.sql<{ inMs: number }>(
        `select (extract(epoch from next_step_at - clock_timestamp()) * 1000)::float8 as "inMs"
          from orders where id = $1`,
        [order.id],
      );
      expect(Math.abs(row?.inMs ?? Infinity)).toBeLessThan(60_000);
      expect(Math.abs(order.createdAt.getTime() - Date.now())).toBeGreaterThan(3_000_000);
    } finally {
      await pipeline.sql(`delete from sauda.clock_offset`);
    }
  },
);
