import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { RESTING } from '../../support/pipeline/requests.ts';

/** What the hot path asks, as its stores write it, and the index that must answer. */
const HOT: readonly (readonly [what: string, index: string, sql: string])[] = [
  [
    'due orders',
    'orders_due',
    `select id from orders where next_step_at <= clock_timestamp() and parked_at is null
      order by (reduce_only or role <> 'ENTRY') desc, next_step_at limit 500`,
  ],
  [
    'due commands',
    'commands_due',
    `select id from order_commands where next_step_at <= clock_timestamp() and parked_at is null
      order by kind, next_step_at limit 500`,
  ],
  [
    'commands of orders that are not done',
    'commands_open',
    `select id from order_commands t where t.account_id = 'main'
      and t.order_id = any(array['00000000-0000-4000-8000-000000000000']::uuid[]) and t.state <> 'DONE'`,
  ],
  [
    'commands by key',
    'command_key_is_unique',
    `select id from order_commands t where t.account_id = 'main' and t.idempotency_key = any(array['k']::text[])`,
  ],
  [
    'live orders of an account',
    'orders_open',
    `select id from orders t where t.account_id = 'main' and t.finished_at is null and t.status <> 'PENDING'`,
  ],
  [
    'an order by its client id',
    'client_order_id_is_unique',
    `select id from orders t where t.account_id = 'main' and t.client_order_id = any(array['filler-77']::text[])`,
  ],
  [
    'the newest orders',
    'orders_newest',
    `select id from orders where account_id = 'main' order by created_at desc, id desc limit 100`,
  ],
  [
    'orders that finished in the last seconds',
    'orders_newest',
    `with c as materialized (select sauda.clock() as now)
      select t.id from orders t where t.account_id = 'main' and (t.finished_at is not null or t.cause = 'EXTERNAL')
        and t.created_at between (select c.now from c) - 3000::float8 * interval '1 millisecond'
          and (select c.now from c) + interval '1 day'`,
  ],
  [
    'the journal of an order',
    'journal_of_entity',
    `select * from journal where account_id = 'main' and entity = 'filler-77' order by seq limit 5000`,
  ],
  [
    'an order by its id',
    'orders_pk',
    `select id from orders where account_id = 'main' and id = any(array['00000000-0000-4000-8000-000000000000']::uuid[])`,
  ],
  [
    'entries for the event streams',
    'journal_pk',
    `select * from journal j where j.account_id = 'main' and j.seq > 5900 order by j.seq limit 500`,
  ],
  [
    'due deliveries of a channel',
    'alert_deliveries_due',
    `select * from alert_deliveries d where d.channel = 'log' and d.next_attempt_at <= clock_timestamp()`,
  ],
  [
    'alerts whose deliveries are not laid out',
    'alerts_not_routed',
    'select id from alerts where routed_at is null order by at limit 500 for update skip locked',
  ],
  [
    'an attempt by its tag',
    'attempt_tag_is_unique',
    `select * from order_attempts where account_id = 'main' and tag = any(array['ABC'])`,
  ],
];

describe('on a table of five thousand orders', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({ backend: 'postgres', roles: ['validator', 'submitter', 'fillPoller'] });
    const seed = await pipeline.waitForStatus(await pipeline.place(RESTING), 'OPEN');
    await pipeline.sql(
      `insert into orders select r.* from orders o, generate_series(1, 5000) n, lateral jsonb_populate_record(o,
          jsonb_build_object('id', gen_random_uuid(), 'client_order_id', 'filler-' || n,
            'broker_order_id', 'filler-' || n, 'status', 'CANCELLED',
            'finished_at', now(), 'created_at', now() - n * interval '1 second')) r
        where o.id = $1`,
      [seed.id],
    );
    await pipeline.sql(
      `insert into order_attempts select (jsonb_populate_record(t, jsonb_build_object('attempt', n, 'tag', 'F' || n))).*
        from order_attempts t, generate_series(2, 5000) n`,
    );
    await pipeline.sql(
      `insert into journal select (jsonb_populate_record(j, jsonb_build_object('seq', 1000 + n, 'entity', 'filler-' || n % 500))).*
        from journal j, generate_series(1, 5000) n where j.account_id = 'main' and j.seq = 1`,
    );
    await pipeline.sql(
      `insert into order_commands (account_id, id, order_id, kind, state, outcome, requested_by, requested_at, finished_at)
        select account_id, gen_random_uuid(), id, 'CANCEL', 'DONE', 'ACCEPTED', 'test', now(), now() from orders`,
    );
    await pipeline.sql(
      `insert into alerts (account_id, id, severity, type, message, details, condition, at, routed_at)
        select 'main', gen_random_uuid(), 'INFO', 'filler', 'm', '{}', 'filler-' || n, now(), now()
        from generate_series(1, 5000) n`,
    );
    await pipeline.sql('analyze alerts');
    await pipeline.sql(
      `insert into alert_deliveries (account_id, alert_id, channel, state, delivered_at, next_attempt_at)
        select account_id, id, 'log', 'DELIVERED', now(), null from alerts`,
    );
    await pipeline.sql('analyze alert_deliveries');
    await pipeline.sql('analyze orders');
    await pipeline.sql('analyze order_commands');
    await pipeline.sql('analyze order_attempts');
    await pipeline.sql('analyze journal');
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  it.each(HOT)('%s are found by the index %s', async (_what, index, sql) => {
    const [row] = await pipeline.sql<{ 'QUERY PLAN': unknown }>(`explain (format json) ${sql}`);
    const plan = JSON.stringify(row?.['QUERY PLAN']);
    expect(plan).toContain(`"Index Name":"${index}"`);
    expect(plan).not.toContain('"Node Type":"Seq Scan"');
  });
});
