/* eslint-disable @typescript-eslint/no-unsafe-member-access -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Queues } from '../../../src/queues/queues.ts';
import { eventually } from '../../support/wait.ts';
import { BACKENDS, type TestBackend } from '../queues/backends.ts';
import { ADMIN_TOKEN, type ApiFixture, startApiFixture } from './support.ts';

const ORDER = { accountId: 'main', orderId: '0189dcd5-5311-7d40-8db0-9496a2eef37b' };

describe.each(Object.keys(BACKENDS) as (keyof typeof BACKENDS)[])('Bull Board on %s', (kind) => {
  let backend: TestBackend | null;
  let queues: Queues;
  let api: ApiFixture;
  let app: OpenAPIHono;

  beforeAll(async () => {
    backend = await BACKENDS[kind]();
    if (backend === null) return;
    queues = await backend.connect({ callTimeoutMs: 30_000 });
    await eventually(async () => expect(await queues.ping()).toMatchObject({ ok: true }), { what: 'a ping' });
    expect(await queues.enqueue('submit', `${ORDER.orderId}-1`, ORDER)).toBe(true);
    api = await startApiFixture();
    app = api.appWith({ queues, board: () => queues.boardQueues() });
  });
  afterAll(async () => {
    if (backend === null) return;
    await queues.close({ timeoutMs: 2000 });
    await backend.dispose();
    await api.close();
  });

  const tokenOf = async (role: string, bound: Readonly<Record<string, string>> = {}) =>
    (await api.send('POST', '/v1/tokens', { body: { name: `board-${role}`, role, ...bound } })).json
      .token as string;
  const get = (path: string, token: string | null = ADMIN_TOKEN, headers = {}) =>
    api.send('GET', path, { app, token, headers });

  test('shows every queue with its jobs to operators, under both addresses', async (context) => {
    context.skip(backend === null);
    const operator = await tokenOf('operator');
    for (const path of ['/queues', '/queues/']) {
      const page = await get(path, operator);
      expect([path, page.status, page.headers.get('content-type')]).toEqual([
        ...[path, 200, 'text/html; charset=utf-8'],
      ]);
    }
    const listed = await get('/queues/api/queues?activeQueue=submit&status=waiting', operator);
    expect(listed.status, listed.text).toBe(200);
    const found = listed.json.queues as { name: string; readOnlyMode: boolean; jobs: { id: string }[] }[];
    expect(found.map(({ name }) => name)).toContain('exit');
    expect(found.every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
    expect(found.find(({ name }) => name === 'submit')?.jobs.map(({ id }) => id)).toEqual([
      `${ORDER.orderId}-1`,
    ]);
  });

  test('is served from here alone, under a policy that lets no script in and nobody frame it', async (context) => {
    context.skip(backend === null);
    const page = await get('/queues');
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    expect(page.text).not.toMatch(/(src|href)="https?:/);
    const files = [...page.text.matchAll(/<(?:script|link)[^>]*(?:src|href)="(static\/[^"]+)"/g)].map(
      ([, f]) => f!,
    );
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect([file, (await get(`/queues/${file}`)).status]).toEqual([file, 200]);
    expect((await get('/queues/static/../../package.json')).status).toBe(404);
    expect((await get('/queues/static/nothing.js')).headers.get('content-type')).toBe(
      'application/problem+json',
    );
  });

  test('is for operators who are bound to nothing; a browser that nobody knows is shown the login', async (context) => {
    context.skip(backend === null);
    for (const token of [
      await tokenOf('viewer'),
      await tokenOf('trader'),
      await tokenOf('operator', { accountId: 'main' }),
    ]) {
      for (const path of ['/queues', '/queues/api/queues', '/queues/static/images/logo.svg']) {
        expect([path, (await get(path, token)).json.code]).toEqual([path, 'FORBIDDEN']);
      }
    }
    expect((await get('/queues/api/queues', null)).json.code).toBe('UNAUTHENTICATED');
    const browser = await get('/queues', null, { accept: 'text/html,*/*' });
    expect([browser.status, browser.headers.get('location')]).toEqual([302, '/login?next=/queues']);
  });

  test('changes nothing: no retry, no removal, no job, whoever asks; pausing is for admins and journaled', async (context) => {
    context.skip(backend === null);
    const operator = await tokenOf('operator');
    const job = `/queues/api/queues/submit/${ORDER.orderId}-1`;
    const calls: [string, string][] = [
      ['PUT', `${job}/retry`],
      ['PUT', `${job}/clean`],
      ['PUT', `${job}/promote`],
      ['PATCH', `${job}/update-data`],
      ['PUT', '/queues/api/queues/submit/empty'],
      ['PUT', '/queues/api/queues/submit/obliterate'],
      ['PUT', '/queues/api/queues/submit/clean/waiting'],
      ['POST', '/queues/api/queues/submit/add'],
      ['PUT', '/queues/api/queues/pause'],
      ['DELETE', '/queues'],
    ];
    for (const token of [operator, ADMIN_TOKEN]) {
      for (const [method, path] of calls) {
        const refused = await api.send(method, path, { app, token });
        expect([method, path, refused.status]).toEqual([method, path, 405]);
      }
    }
    expect(await queues.counts('submit')).toMatchObject({ waiting: 1 });

    const pause = (token: string, verb: string) =>
      api.send('PUT', `/queues/api/queues/submit/${verb}`, { app, token });
    expect((await pause(operator, 'pause')).json.code).toBe('FORBIDDEN');
    expect(await queues.isPaused('submit')).toBe(false);
    expect((await pause(ADMIN_TOKEN, 'pause')).status).toBe(200);
    expect(await queues.isPaused('submit')).toBe(true);
    expect(await api.sql('select queue, paused_by from queue_pauses')).toEqual([
      { queue: 'submit', paused_by: 'api:admin' },
    ]);
    expect((await pause(ADMIN_TOKEN, 'resume')).status).toBe(200);
    expect(await queues.isPaused('submit')).toBe(false);
    const entries = await api.sql<{ kind: string }>(
      `select kind from journal where account_id = 'system' and kind like 'Queue%' order by seq`,
    );
    expect(entries.map(({ kind }) => kind)).toEqual(['QueuePaused', 'QueueResumed']);
  });

  test('answers a problem without a stack when the queues are away', async (context) => {
    context.skip(backend === null);
    await backend!.stopServer();
    try {
      const answer = await get('/queues/api/queues?activeQueue=submit&status=waiting');
      expect(answer.json.code).toBe('UNAVAILABLE');
      expect(answer.text).not.toMatch(/ECONN|node_modules| at /);
    } finally {
      await backend!.startServer();
    }
  });
});
