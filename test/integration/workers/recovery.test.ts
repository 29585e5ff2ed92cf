import { afterEach, describe, expect, inject, it } from 'vitest';
import type { BrokerPort } from '../../../src/broker/port.ts';
import type { Order } from '../../../src/domain/order.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { reconcileAccount } from '../../../src/services/reconcile-account.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { ALL_ROLES, type Pipeline, type PipelineOptions, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;
let victim: WorkerProcess | null = null;
const begin = async (options: Omit<PipelineOptions, 'backend'>): Promise<void> => {
  pipeline = await startPipeline({ backend: 'postgres', ...options });
};
afterEach(async () => {
  await victim?.kill();
  victim = null;
  await pipeline.stop();
});

const without = (...roles: readonly string[]) => ALL_ROLES.filter((role) => !roles.includes(role));
const runs = () => pipeline.sql<{ status: string }>('select status from reconciliation_log');

describe('a poller', () => {
  it('killed in its read holds up its account for seconds, whatever the broker’s time-out', async () => {
    await begin({
      roles: without('fillPoller', 'dispatcher', 'reconciler'),
      environment: { BROKER_TIMEOUT_MS: '7000', POLL_INTERVAL_MS: '1000', RECONCILE_INTERVAL_MS: '3600000' },
    });
    const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: 'poll.read:kill' };
    victim = startWorkerProcess('fill-poller', environment);
    const order = await pipeline.place();
    expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
    const [lease] = await pipeline.sql<{ ms: number }>(
      `select (extract(epoch from until - clock_timestamp()) * 1000)::float8 as ms from leases where name = 'poll:main'`,
    );
    expect(lease?.ms).toBeLessThanOrEqual(4000);
    const diedMs = performance.now();
    pipeline.startRole('dispatcher');
    await pipeline.waitForStatus(order, 'FILLED');
    console.log(`filled ${Math.round(performance.now() - diedMs)} ms after its poller was killed`);
  });

  it('that succeeds after it failed makes the full comparison due, and the dispatcher makes it', async () => {
    await begin({
      roles: without('fillPoller', 'reconciler', 'dispatcher'),
      environment: { RECONCILE_INTERVAL_MS: '3600000' },
    });
    const { context } = pipeline.parts;
    await reconcileAccount(context, 'main', { startedBy: 'test' });
    expect(await runs()).toHaveLength(1);
    await pipeline.addFault({ call: 'orders', kind: 'serverError' });
    await expect(pollAccount(context, 'main', { always: true })).rejects.toThrow();
    await pollAccount(context, 'main', { always: true });
    pipeline.startRole('dispatcher');
    await eventually(async () => expect(await runs()).toEqual([{ status: 'CLEAN' }, { status: 'CLEAN' }]), {
      what: 'the comparison after the reconnect',
    });
  });
});

describe('a read of the book', () => {
  it('that began before an order was claimed, and holds it, is no order that was sent before its claim', async () => {
    await begin({ roles: ['validator', 'submitter', 'dispatcher'] });
    const { context } = pipeline.parts;
    const real = context.broker('main');
    let order: Order | null = null;
    const broker: BrokerPort = Object.assign(Object.create(real) as BrokerPort, {
      getOrders: async () => {
        order = await pipeline.place();
        await pipeline.waitForStatus(order, 'SUBMITTED');
        return real.getOrders();
      },
    });
    await pollAccount({ ...context, broker: () => broker }, 'main', { always: true });
    expect((await pipeline.order(order!.id)).brokerStatus).not.toBeNull();
    await expectInvariants(pipeline.sql);
  });
});

describe('reconciliation', () => {
  it('is made at once by a reconciler that starts', async () => {
    await begin({ roles: [], environment: { RECONCILE_INTERVAL_MS: '3600000' } });
    // Schedules alone would run it within their first second; nobody works on the queue here.
    await pipeline.parts.queues.removeSchedule('reconcile', 'main');
    pipeline.startRole('reconciler');
    await eventually(async () => expect(await runs()).toEqual([{ status: 'CLEAN' }]), {
      what: 'the run at the start',
    });
  });

  it('that no worker makes is made by the dispatcher', async () => {
    await begin({ roles: ['dispatcher'], environment: { RECONCILE_INTERVAL_MS: '500' } });
    await eventually(async () => expect((await runs()).length).toBeGreaterThan(1), { what: 'two runs' });
  });
});

describe('a session that died', () => {
  it('costs no more than the time until it is back: orders it put off go on, and the alert ends', async () => {
    await begin({ roles: without('fillPoller') });
    await pipeline.addFault({ call: 'placeOrder', kind: 'forbidden' });
    const order = await pipeline.place();
    const alerts = () =>
      pipeline.sql(`select from alerts where type = 'broker_session_expired' and cleared_at is null`);
    await eventually(async () => expect(await alerts()).toHaveLength(1), { what: 'the alert' });
    const [put] = await pipeline.sql<{ ms: number }>(
      `select (extract(epoch from next_step_at - clock_timestamp()) * 1000)::float8 as ms from orders`,
    );
    expect(put?.ms).toBeGreaterThan(10_000);
    await pollAccount(pipeline.parts.context, 'main', { always: true });
    expect(await alerts()).toHaveLength(0);
    const [due] = await pipeline.sql<{ due: boolean }>(
      `select status <> 'VALIDATED' or next_step_at <= clock_timestamp() as due from orders`,
    );
    expect(due).toEqual({ due: true });
    pipeline.startRole('fillPoller');
    await pipeline.waitForStatus(order, 'FILLED');
  });
});

describe.skipIf(inject('redisUrl') === null)('a burst while Redis is down', () => {
  it('passes by the dispatcher before it is stale', async () => {
    pipeline = await startPipeline({ backend: 'redis', environment: { MAX_ORDER_AGE_MS: '30000' } });
    await pipeline.redis?.kill('SIGKILL');
    const orders = await Promise.all(Array.from({ length: 60 }, () => pipeline.place({ quantity: 1 })));
    for (const order of orders) await pipeline.waitForStatus(order, 'FILLED');
    await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), { what: 'the invariants' });
  });
});
