import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProcessMetrics, serveProcessMetrics } from '../../../src/runtime/process-metrics.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

const DEPLOY = path.join(import.meta.dirname, '../../../deploy');

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

/** Every series' name that a scrape can hold: histograms have three. */
function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    names.add(name);
    if (type === 'histogram') for (const suffix of ['bucket', 'sum', 'count']) names.add(`${name}_${suffix}`);
  }
  return names;
}

const scrape = async (): Promise<string> => {
  const metrics = createProcessMetrics();
  metrics.watchPools(api.db);
  const app = api.appWith({ processMetrics: () => metrics.registry.metrics() });
  return (await api.send('GET', '/metrics', { app, token: null })).text;
};

describe('the dashboard and the alert rules', () => {
  test.each(['grafana/sauda.json', 'prometheus/alerts.yml'])(
    '%s names only metrics that there are',
    async (file) => {
      const text = await readFile(path.join(DEPLOY, file), 'utf8');
      const named = new Set([...text.matchAll(/\bsauda_\w+/g)].map(([name]) => name));
      expect(named.size).toBeGreaterThan(10);
      const known = namesIn(await scrape());
      expect([...named].filter((name) => !known.has(name))).toEqual([]);
    },
  );

  test('the dashboard is JSON that Grafana imports, each panel with a question', async () => {
    const { title, panels } = JSON.parse(await readFile(path.join(DEPLOY, 'grafana/sauda.json'), 'utf8')) as {
      title: string;
      panels: { title: string; targets: { expr: string }[] }[];
    };
    expect(title).toBe('Sauda');
    expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
    expect(new Set(panels.map((panel) => panel.title)).size).toBe(panels.length);
  });
});

describe('a scrape', () => {
  test('tells the state of trading, money, limits, budget and what was rejected, without a secret', async () => {
    await api.sql(`insert into alerts (account_id, id, severity, type, message, details, condition, at)
      values ('main', gen_random_uuid(), 'CRITICAL', 'TEST', 'x', '{}', 'test', clock_timestamp())`);
    const text = await scrape();
    expect(text).toContain('sauda_trading_state{account="main",state="ACTIVE"} 1');
    expect(text).toContain('sauda_trading_state{account="main",state="HALTED"} 0');
    expect(text).toContain('sauda_money_rupees{account="main",figure="equity"} 100000');
    expect(text).toContain('sauda_limit{account="main",limit="MAX_POSITIONS"}');
    expect(text).toMatch(/sauda_broker_budget_left\{account="main",window="day",priority="\w+"\} \d+/);
    expect(text).toContain('sauda_alerts_open{severity="CRITICAL",type="TEST"} 1');
    expect(text).toMatch(/sauda_pool_connections\{pool="reads",state="waiting"\} 0/);
    expect(text).toMatch(/sauda_nodejs_eventloop_lag_p99_seconds/);
  });

  test('measures the hops of orders by the journal, whichever process made them', async () => {
    const app = api.appWith({});
    const metrics = () => api.send('GET', '/metrics', { app, token: null });
    await metrics();
    const placed = await api.send('POST', '/v1/orders', { app, body: goodOrder() });
    expect(placed.status).toBe(202);
    const { id } = placed.json as { id: string };
    const [head] = await api.sql<{ seq: string }>(`select seq from accounts where id = 'main'`);
    const steps = [
      ['OrderValidated', '{}'],
      ['SubmissionClaimed', '{}'],
      ['OrderSubmitted', '{}'],
      ['TradeRecorded', '{"tradedAt":"2020-01-01T00:00:00.000+05:30"}'],
    ] as const;
    let seq = Number(head!.seq);
    for (const [kind, data] of steps) {
      seq += 1;
      await api.sql(
        `insert into journal (account_id, seq, version, at, actor, kind, entity, data, hash)
          values ('main', $1, 1, '2020-01-01T00:00:01.000+05:30', 'test', $2, $3, $4, 'of a test')`,
        [seq, kind, id, data],
      );
    }
    await api.sql(`update accounts set seq = $1 where id = 'main'`, [seq]);
    const { text } = await metrics();
    for (const hop of ['accept', 'check', 'claim', 'broker', 'fill']) {
      expect(text).toContain(`sauda_hop_duration_seconds_count{hop="${hop}"} 1`);
    }
    expect(text).toContain('sauda_hop_duration_seconds_sum{hop="fill"} 1');
    expect((await metrics()).text).toContain('sauda_hop_duration_seconds_count{hop="check"} 1');
  });
});

describe('the metrics of a worker process', () => {
  test('are served on a port of their own: calls of the broker by outcome, jobs, connections', async () => {
    const metrics = createProcessMetrics();
    metrics.brokerCall({ call: 'placeOrder', fault: null, httpStatus: 200, durationMs: 20 });
    metrics.brokerCall({ call: 'placeOrder', fault: 'TIMEOUT', httpStatus: null, durationMs: 7000 });
    metrics.jobEnded('submit', true);
    metrics.jobEnded('submit', false);
    const server = await serveProcessMetrics(metrics, { host: '127.0.0.1', port: 0 });
    try {
      const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      expect(text).toContain('sauda_broker_call_duration_seconds_count{call="placeOrder",outcome="ok"} 1');
      expect(text).toContain(
        'sauda_broker_call_duration_seconds_count{call="placeOrder",outcome="TIMEOUT"} 1',
      );
      expect(text).toContain('sauda_jobs_total{queue="submit",outcome="failed"} 1');
      expect(text).toContain('sauda_nodejs_eventloop_lag_seconds');
      expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(404);
    } finally {
      await server.stop();
    }
  });
});
