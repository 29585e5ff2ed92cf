import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

let folder: string;
let pipeline: Pipeline;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sauda-transitions-'));
  pipeline = await startPipeline({ backend: 'postgres', logFile: join(folder, 'log') });
});
afterAll(async () => {
  await pipeline.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Line {
  readonly msg: string;
  readonly accountId: string;
  readonly orderId: string;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly reason: string | null;
}

const linesOf = async (id: string): Promise<Line[]> =>
  (await readFile(join(folder, 'log'), 'utf8'))
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ msg, orderId }) => msg === 'order' && orderId === id);

/** One line for each change of the order's status, none twice and none left out. */
const story = (id: string, last: string): Promise<Line[]> =>
  eventually(
    async () => {
      const lines = await linesOf(id);
      expect(lines.at(-1)?.to).toBe(last);
      expect(lines.map(({ from }) => from)).toEqual([null, ...lines.slice(0, -1).map(({ to }) => to)]);
      for (const { from, to } of lines) expect(from).not.toBe(to);
      return lines;
    },
    { what: `the log of order ${id}` },
  );

it('each transition of an order is one line, with what it came from and why', async () => {
  const filled = await pipeline.waitForStatus(await pipeline.place(), 'FILLED');
  const lines = await story(filled.id, 'FILLED');
  expect(lines.map(({ to }) => to).slice(0, 4)).toEqual(['PENDING', 'VALIDATED', 'SUBMITTING', 'SUBMITTED']);
  expect(lines.at(-1)).toMatchObject({ accountId: 'main', event: 'TradeRecorded' });

  const rejected = await pipeline.waitForStatus(await pipeline.place({ stopLoss: null }), 'REJECTED');
  const [accepted, end, ...more] = await story(rejected.id, 'REJECTED');
  expect(more).toEqual([]);
  expect(accepted).toMatchObject({ event: 'OrderAccepted', from: null, to: 'PENDING' });
  expect(end).toMatchObject({ event: 'OrderRejected', from: 'PENDING', reason: rejected.statusReason });
  expect(rejected.statusReason).toContain('stop');

  const resting = await pipeline.waitForStatus(await pipeline.place(RESTING), 'OPEN');
  const by = { actor: 'test', strategyId: null, idempotencyKey: 'k', reason: null };
  await cancelOrder(pipeline.parts.context, { accountId: 'main', orderId: resting.id, ...by });
  await pipeline.waitForStatus(resting, 'CANCELLED');
  await story(resting.id, 'CANCELLED');
});

it('work that fails, or is taken back, logs nothing', async () => {
  const order = await pipeline.waitForStatus(await pipeline.place(RESTING), 'OPEN');
  const before = await story(order.id, 'OPEN');
  const of = { accountId: 'main', actor: 'test' };
  // Work that came together shares a transaction, which is committed for the sake of the rest.
  const budgets = [1, 2].map((slot) =>
    pipeline.parts.context.withAccount({
      ...of,
      needs: {},
      run: (view) => view.setBudget({ slots: [slot] }),
    }),
  );
  const failing = pipeline.parts.context.withAccount({
    ...of,
    needs: { orders: [order.id] },
    run: (view) => {
      view.apply(view.order(order.id)!, { kind: 'OrderCancelled', by: 'BROKER', reason: 'of this test' });
      throw new Error('of this test');
    },
  });
  const last = pipeline.parts.context.withAccount({
    ...of,
    needs: {},
    run: (view) => view.setBudget({ slots: [3] }),
  });
  await expect(failing).rejects.toThrow('of this test');
  await Promise.all([...budgets, last]);
  await pipeline.waitForStatus(await pipeline.place(), 'FILLED');
  expect(await linesOf(order.id)).toEqual(before);
});
