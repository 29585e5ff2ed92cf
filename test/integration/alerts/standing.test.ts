import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningApiRole, startApiRole } from '../../../src/runtime/api-role.ts';
import { control } from '../../support/pipeline/book.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { waitFor } from '../../support/wait.ts';

/**
 * Alerts of the monitor that no order brings about in the time of a test: a position whose stop is gone from the books,
 * which no check lets happen, and an order on which nothing happens for a minute. Each is raised by the whole system,
 * read from the API as a person reads it, and taken back once it is over.
 */
const TOKEN = 'an-admin-token-of-tests';

interface Alert {
  readonly type: string;
  readonly severity: string;
  readonly message: string;
  readonly clearedAt: string | null;
}

let pipeline: Pipeline;
let api: RunningApiRole;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'sauda-standing-'));
  pipeline = await startPipeline({
    backend: 'postgres',
    environment: { RISK_INTERVAL_MS: '200' },
  });
  api = await startApiRole(pipeline.parts, { ...pipeline.config, port: 0, adminToken: TOKEN }, folder);
});
afterAll(async () => {
  await api.stop();
  await pipeline.stop();
  await rm(folder, { recursive: true, force: true });
});

const alertsOf = async (type: string): Promise<Alert[]> => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${api.url}/v1/alerts?limit=200`, { headers });
  expect(answer.status).toBe(200);
  const { items } = (await answer.json()) as { items: Alert[] };
  return items.filter((alert) => alert.type === type);
};
const raised = (type: string) =>
  waitFor(async () => (await alertsOf(type)).length > 0, {
    ...{ what: `the alert ${type}`, timeoutMs: 20_000 },
  });
const takenBack = (type: string) =>
  waitFor(async () => (await alertsOf(type)).every(({ clearedAt }) => clearedAt !== null), {
    ...{ what: `the end of the alert ${type}`, timeoutMs: 20_000 },
  });

it('a position whose stop is gone from the books is told of, until it has one', async () => {
  await pipeline.waitForStatus(await pipeline.place(), 'FILLED');
  const [held] = await pipeline.sql<{ stop_loss: string }>(
    `select stop_loss from positions where symbol = 'RELIANCE'`,
  );
  const setStop = (stop: string | null) =>
    pipeline.sql(`update positions set stop_loss = $1 where symbol = 'RELIANCE'`, [stop]);
  await setStop(null);
  await raised('missing_stop');
  const [alert, ...more] = await alertsOf('missing_stop');
  expect(more).toEqual([]);
  expect(alert).toMatchObject({ severity: 'CRITICAL', clearedAt: null });
  expect(alert?.message).toBe('LONG 10 NSE:RELIANCE (MIS) is open without a stop');
  await setStop(held?.stop_loss ?? null);
  await takenBack('missing_stop');
});

it('an order that the broker took and its book does not show is told of after a minute, until it does', async () => {
  await pipeline.addFault({ call: 'placeOrder', kind: 'lateVisibility', delayMs: 600_000 });
  const order = await pipeline.waitForStatus(await pipeline.place(RESTING), 'SUBMITTED');
  expect(await alertsOf('order_stuck')).toEqual([]);
  await pipeline.sql(`insert into sauda.clock_offset (shift) values ('61 seconds')`);
  try {
    await raised('order_stuck');
    const [alert, ...more] = await alertsOf('order_stuck');
    expect(more).toEqual([]);
    expect(alert).toMatchObject({ severity: 'WARNING', clearedAt: null });
    expect(alert?.message).toMatch(/^BUY 10 RELIANCE \(.+\) has been SUBMITTED for 6\d s, over 60 s$/);
    expect(await pipeline.order(order.id)).toMatchObject({ status: 'SUBMITTED' });
    await control(pipeline.exchange, 'POST', '/orders/show');
    await pipeline.waitForStatus(order, 'OPEN');
    await takenBack('order_stuck');
  } finally {
    await pipeline.sql(`delete from sauda.clock_offset`);
  }
});
