import { afterEach, describe, expect, it } from 'vitest';
import { isPassing } from '../../../src/db/errors.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { callsOf } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { orderRequest } from '../../support/pipeline/requests.ts';
import { ALL_ROLES, type Pipeline, type RoleName, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { type TcpProxy, startTcpProxy } from '../../support/tcp-proxy.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;
let proxy: TcpProxy | null = null;
const processes: WorkerProcess[] = [];
afterEach(async () => {
  for (const one of processes.splice(0)) await one.kill();
  await pipeline.stop();
  await proxy?.close();
  proxy = null;
});

const request = { accountId: 'main', actor: 'test', byOperator: false } as const;
const placements = async () => (await callsOf(pipeline.exchange))['placeOrder'] ?? 0;
const filledOnce = async (orders: readonly { readonly id: string }[]): Promise<void> => {
  for (const order of orders) await pipeline.waitForStatus(order, 'FILLED');
  expect((await pipeline.book()).orders).toHaveLength(orders.length);
  await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), { what: 'the invariants' });
};

describe('Postgres that goes away', () => {
  it.each(['refuse', 'severed', 'dropReplies', 'blackhole'] as const)(
    'by %s stops what is sent, refuses what is asked, and orders go on from where they were',
    async (mode) => {
      pipeline = await startPipeline({ backend: 'postgres', roles: [] });
      proxy = await startTcpProxy({ port: Number(new URL(pipeline.database.url).port) });
      const parts = await pipeline.compose('away', { databaseUrl: proxy.through(pipeline.database.url) });
      await pipeline.readPrices(parts);
      const orders = [await pipeline.place(), await pipeline.place()];
      await proxy.setMode(mode);
      if (mode === 'refuse') proxy.resetAll();
      for (const role of ALL_ROLES) pipeline.startRole(role, parts);
      if (mode !== 'severed') {
        const asked = placeOrder(parts.context, { ...request, request: orderRequest() });
        expect(await asked.then(() => null, isPassing)).toBe(true);
        expect(await placements()).toBe(0);
      }
      await proxy.setMode('pass');
      await filledOnce(orders);
    },
  );
});

describe('a disk that is full', () => {
  it('takes no order, sends none, loses none, and trading goes on when there is room', async () => {
    pipeline = await startPipeline({ backend: 'postgres', roles: [] });
    const waiting = [await pipeline.place(), await pipeline.place()];
    await pipeline.sql(
      `create function no_room() returns trigger language plpgsql as $$ begin
         raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
       end $$`,
    );
    await pipeline.sql(
      'create trigger no_room before insert on journal for each row execute function no_room()',
    );
    const refused = placeOrder(pipeline.parts.context, { ...request, request: orderRequest() });
    expect(await refused.then(() => null, isPassing)).toBe(true);
    for (const role of ALL_ROLES) pipeline.startRole(role);
    await eventually(
      async () => expect((await pipeline.sql('select from job_failures')).length).toBeGreaterThan(0),
      { what: 'a step that failed' },
    );
    expect(await pipeline.sql('select from orders')).toHaveLength(waiting.length);
    expect(await placements()).toBe(0);
    // It is no fault of the orders: none is put off for long, or parked.
    expect(await pipeline.sql('select from orders where step_failures > 0')).toHaveLength(0);
    await pipeline.sql('drop trigger no_room on journal');
    await filledOnce(waiting);
  });
});

describe('a process whose clock is a minute off', () => {
  const ROLES: readonly (readonly [program: string, role: RoleName])[] = [
    ['validator', 'validator'],
    ['submitter', 'submitter'],
    ['fill-poller', 'fillPoller'],
  ];

  it.each(['-60000', '60000'])(
    'by %s ms checks, sends and follows orders by the clock of the database',
    async (shift) => {
      const theirs = ROLES.map(([, role]) => role);
      pipeline = await startPipeline({
        backend: 'postgres',
        roles: ALL_ROLES.filter((role) => !theirs.includes(role) && role !== 'dispatcher'),
        environment: { MAX_ORDER_AGE_MS: '45000', SEND_WINDOW_MS: '5000' },
      });
      const environment = {
        ...pipeline.environment,
        NODE_OPTIONS: '--import ./test/simulation/processes/shift-clock.mjs',
        SIM_CLOCK_SHIFT_MS: shift,
      };
      for (const [program] of ROLES) processes.push(startWorkerProcess(program, environment));
      for (const one of processes) await one.ready();
      const order = await pipeline.place();
      await filledOnce([order]);
      expect(await pipeline.order(order.id)).toMatchObject({ attempt: 1 });
    },
  );
});
