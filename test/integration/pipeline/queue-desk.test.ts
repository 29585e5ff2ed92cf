/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-return,
   @typescript-eslint/no-unsafe-argument -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../../src/api/create-api.ts';
import { schemaVersion } from '../../../src/db/migrate.ts';
import { presenceOf } from '../../../src/runtime/process.ts';
import { type Pipeline, onEachBackend, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';
import { ADMIN_TOKEN, feedOf } from '../api/support.ts';

onEachBackend((backend) => {
  describe('an operator at the queues', () => {
    let pipeline: Pipeline;
    let app: ReturnType<typeof createApi>;
    const stops: (() => Promise<void> | void)[] = [];

    beforeAll(async () => {
      pipeline = await startPipeline({ backend });
      const events = feedOf(pipeline.parts.context);
      stops.push(() => events.close());
      const presence = presenceOf(pipeline.parts, 'all');
      stops.push(() => presence.stop());
      app = createApi({
        context: pipeline.parts.context,
        adminToken: ADMIN_TOKEN,
        rateLimitPerMinute: 0,
        version: '0.0.0-test',
        probes: [],
        allowPricePush: true,
        events,
        queues: pipeline.parts.queues,
      });
    });
    afterAll(async () => {
      for (const stop of stops) await stop();
      await pipeline.stop();
    });

    const send = async (method: string, path: string, body?: unknown, token = ADMIN_TOKEN) => {
      const response = await app.request(path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();

      return { status: response.status, json: text === '' ? null : JSON.parse(text) };
    };
    const queue = async (name: string) =>
      (await send('GET', '/v1/queues')).json.items.find((one: { name: string }) => one.name === name);

    it('sees every queue with its jobs and pauses, and the processes with their versions', async () => {
      await eventually(
        async () => {
          const { json } = await send('GET', '/v1/queues');
          expect(json.items).toHaveLength(10);
          expect(json.workers).toMatchObject([
            { role: 'all', pid: process.pid, schemaVersion: schemaVersion(), alive: true },
          ]);
          const validate = json.items.find((one: { name: string }) => one.name === 'validate');
          expect(validate).toMatchObject({ paused: false, counts: { waiting: 0 }, oldestWaitingAgeMs: 0 });
          expect(validate.workers).toEqual([json.workers[0].id]);
        },
        { what: 'the queues' },
      );
    });

    it('pauses a queue: neither workers nor the dispatcher run its jobs, until it is resumed', async () => {
      const paused = await send('POST', '/v1/queues/validate/pause', { reason: 'looking at something' });
      expect(paused).toMatchObject({
        status: 200,
        json: { paused: true, pausedBy: 'api:admin', pauseReason: 'looking at something' },
      });
      const order = await pipeline.place();
      // The dispatcher takes a step itself once it was due for two seconds: so long nothing may happen.
      await eventually(
        async () => {
          const [row] = await pipeline.sql<{ overdue: boolean }>(
            `select next_step_at < clock_timestamp() - interval '5 seconds' as overdue from orders where id = $1`,
            [order.id],
          );
          expect(row?.overdue).toBe(true);
        },
        { what: 'the step to be overdue' },
      );
      expect((await pipeline.order(order.id)).status).toBe('PENDING');
      const waits = await queue('validate');
      expect(waits.counts.waiting).toBe(1);
      expect(waits.oldestWaitingAgeMs).toBeGreaterThan(1000);
      const jobs = await send('GET', '/v1/queues/validate/jobs?state=waiting');
      expect(jobs.json.items).toMatchObject([{ orderId: order.id, accountId: 'main', state: 'waiting' }]);

      expect(await send('POST', '/v1/queues/validate/resume', { reason: 'done' })).toMatchObject({
        status: 200,
        json: { paused: false },
      });
      await pipeline.waitForStatus(order, 'FILLED');
      const kinds = await pipeline.sql<{ kind: string; actor: string }>(
        `select kind, actor from journal where account_id = 'system' and entity = 'validate' order by seq`,
      );
      expect(kinds).toEqual([
        { kind: 'QueuePaused', actor: 'api:admin' },
        { kind: 'QueueResumed', actor: 'api:admin' },
      ]);
    });

    it('pauses orders on their way to the broker, also those that go straight from their checks', async () => {
      await send('POST', '/v1/queues/submit/pause', { reason: 'the broker is strange' });
      // The submitter looks every second.
      await eventually(() => expect(pipeline.parts.lane.hasRoom()).toBe(false), { what: 'a paused lane' });
      const order = await pipeline.place();
      await pipeline.waitForStatus(order, 'VALIDATED');
      await send('POST', '/v1/queues/submit/resume', { reason: 'it is not' });
      await pipeline.waitForStatus(order, 'FILLED');
    });

    it('finds a queue paused again after its store was wiped', async () => {
      await send('POST', '/v1/queues/mark/pause', { reason: 'no marks' });
      await pipeline.parts.queues.setPaused('mark', false);
      await eventually(async () => expect(await pipeline.parts.queues.isPaused('mark')).toBe(true), {
        what: 'the pause to be put back',
      });
      await send('POST', '/v1/queues/mark/resume', { reason: 'marks' });
      expect(await pipeline.parts.queues.isPaused('mark')).toBe(false);
    });

    it('sees how many jobs end in a minute', async () => {
      await eventually(
        async () => {
          const rows = await pipeline.sql<{ done: number }>(
            `select sum(done)::int as done from queue_minutes where queue = 'poll'`,
          );
          expect(rows[0]?.done).toBeGreaterThan(0);
        },
        { what: 'polls to be counted' },
      );
      await pipeline.sql(`insert into queue_minutes (queue, minute, done, failed)
        values ('alert', date_trunc('minute', clock_timestamp()) - interval '1 minute', 7, 2)
        on conflict (queue, minute) do update set done = 7, failed = 2`);
      const before = await pipeline.sql<{ at: Date }>(`select date_trunc('minute', clock_timestamp()) as at`);
      const alert = await queue('alert');
      const after = await pipeline.sql<{ at: Date }>(`select date_trunc('minute', clock_timestamp()) as at`);
      // Unless the minute turned meanwhile.
      if (before[0]?.at.getTime() === after[0]?.at.getTime()) {
        expect(alert).toMatchObject({ throughputPerMinute: 9, failedPerMinute: 2 });
      }
    });

    it('retries a failed job, which asks and places nothing a second time', async () => {
      await pipeline.addFault({ call: 'placeOrder', kind: 'serverErrorAfterAccept', count: 1 });
      const order = await pipeline.place();
      await eventually(async () => expect((await pipeline.order(order.id)).status).not.toBe('PENDING'), {
        what: 'the order on its way',
      });
      const failureId = pipeline.parts.context.newId();
      await pipeline.sql(
        `insert into job_failures (id, queue, job_id, account_id, order_id, error) values ($1, 'submit', $2::text, 'main', $2::uuid, 'planted')`,
        [failureId, order.id],
      );
      const failed = await send('GET', '/v1/queues/submit/jobs?state=failed');
      expect(failed.json.items).toMatchObject([{ id: failureId, orderId: order.id, error: 'planted' }]);
      const retried = await send('POST', `/v1/queues/submit/jobs/${failureId}/retry`);
      expect([202, 409]).toContain(retried.status);
      await pipeline.waitForStatus(order, 'FILLED');
      const { orders } = await pipeline.book();
      const [attempt] = await pipeline.sql<{ tag: string; attempts: number }>(
        'select tag, count(*) over ()::int as attempts from order_attempts where order_id = $1',
        [order.id],
      );
      expect(attempt?.attempts).toBe(1);
      expect(orders.filter(({ tag }) => tag === attempt?.tag)).toHaveLength(1);
      // Of an order that has ended nothing waits.
      expect(await send('POST', `/v1/queues/submit/jobs/${failureId}/retry`)).toMatchObject({
        status: 409,
        json: { code: 'NOTHING_WAITS' },
      });
    });

    it('lets a parked order go on', async () => {
      await send('POST', '/v1/queues/validate/pause', { reason: 'to park one' });
      const order = await pipeline.place();
      const failureId = pipeline.parts.context.newId();
      await pipeline.sql(
        `update orders set parked_at = clock_timestamp(), step_failures = 10 where id = $1`,
        [order.id],
      );
      await pipeline.sql(
        `insert into job_failures (id, queue, job_id, account_id, order_id, error) values ($1, 'validate', $2::text, 'main', $2::uuid, 'ten times')`,
        [failureId, order.id],
      );
      await send('POST', '/v1/queues/validate/resume', { reason: 'parked' });
      expect(await send('POST', `/v1/queues/validate/jobs/${failureId}/retry`)).toMatchObject({
        status: 202,
      });
      await pipeline.waitForStatus(order, 'FILLED');
    });

    it('keeps a job that failed as a row with its reason', async () => {
      const unreadable = { accountId: 'nobody' } as Parameters<
        typeof pipeline.parts.queues.enqueue<'operation'>
      >[2];
      await pipeline.parts.queues.enqueue('operation', 'broken-1', unreadable);
      await eventually(
        async () => {
          const { json } = await send('GET', '/v1/queues/operation/jobs?state=failed');
          expect(json.items).toMatchObject([{ accountId: 'nobody', jobId: 'broken-1', state: 'failed' }]);
          expect(json.items[0].error).toContain('carries no operationId');
        },
        { what: 'the failure' },
      );
    });

    it('is refused what only an admin may pause, and everything of the queues when bound to an account', async () => {
      const operator = (await send('POST', '/v1/tokens', { name: 'op', role: 'operator' })).json.token;
      const bound = (await send('POST', '/v1/tokens', { name: 'b', role: 'operator', accountId: 'main' }))
        .json.token;
      const trader = (await send('POST', '/v1/tokens', { name: 't', role: 'trader' })).json.token;
      const pause = (name: string, token: string) =>
        send('POST', `/v1/queues/${name}/pause`, { reason: 'no' }, token);
      for (const name of ['exit', 'command', 'operation', 'poll', 'risk']) {
        expect((await pause(name, operator)).status).toBe(403);
      }
      expect((await pause('mark', bound)).status).toBe(403);
      expect((await pause('mark', trader)).status).toBe(403);
      expect((await pause('nothing', operator)).status).toBe(404);
      expect((await send('GET', '/v1/queues/mark/jobs', undefined, bound)).status).toBe(403);
      expect(await pipeline.sql('select from queue_pauses')).toHaveLength(0);
    });
  });
});
