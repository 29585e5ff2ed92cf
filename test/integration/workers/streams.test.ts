import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { findFreePort } from '../../support/servers/port.ts';
import WebSocket from 'ws';
import { eventually } from '../../support/wait.ts';
import { openSse } from '../api/sse.ts';

const ADMIN_TOKEN = 'an-admin-token-of-tests';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: [] });
});
afterAll(async () => {
  await pipeline.stop();
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'an api process with open streams ends by itself on %s, and says so to each',
  async (signal) => {
    const port = await findFreePort();
    const api = startWorkerProcess('api', { ...pipeline.environment, ADMIN_TOKEN, PORT: String(port) });
    try {
      await api.ready();
      const address = `http://127.0.0.1:${port}/v1/events`;
      const authorization = `Bearer ${ADMIN_TOKEN}`;
      const streams = await Promise.all([1, 2, 3].map(() => openSse(address, { authorization })));
      for (const stream of streams) await stream.next();
      api.signal(signal);
      for (const stream of streams) {
        const last = await stream.next();
        expect(last?.data).toContain('SHUTTING_DOWN');
        expect(await stream.next()).toBeNull();
      }
      expect(await api.ended()).toEqual({ code: 0, signal: null });
    } finally {
      await api.kill();
    }
  },
);

/** One browser's stream: comes back with the last number that it saw, as browsers do. */
interface Browser {
  readonly seen: number[];
  open(): Promise<void>;
  close(): Promise<void>;
}

function sseBrowser(address: () => string): Browser {
  const seen: number[] = [];
  let stream: Awaited<ReturnType<typeof openSse>> | null = null;
  return {
    seen,
    open: async () => {
      const headers: Record<string, string> = { authorization: `Bearer ${ADMIN_TOKEN}` };
      if (seen.length > 0) headers['last-event-id'] = String(seen.at(-1));
      const opened = await openSse(`${address()}/v1/events${seen.length > 0 ? '' : '?since=0'}`, headers);
      stream = opened;
      void (async () => {
        for (;;) {
          const frame = await opened.next();
          if (frame === null) return;
          if (frame.event === null && frame.data !== null) seen.push(Number(frame.id));
        }
      })().catch(() => undefined);
    },
    close: async () => {
      await stream?.cancel();
    },
  };
}

function socketBrowser(address: () => string): Browser {
  const seen: number[] = [];
  let socket: WebSocket | null = null;
  return {
    seen,
    open: async () => {
      const url = `${address().replace('http', 'ws')}/v1/ws?since=${seen.at(-1) ?? 0}`;
      const opened = new WebSocket(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
      socket = opened;
      opened.on('error', () => undefined);
      opened.on('message', (data) => {
        seen.push((JSON.parse((data as Buffer).toString()) as { seq: number }).seq);
      });
      await new Promise((resolve) => opened.once('open', resolve));
    },
    close: async () => {
      socket?.terminate();
    },
  };
}

it('two browsers see every entry once, in order, while workers and the api are killed and started again', async () => {
  const port = await findFreePort();
  const base = `http://127.0.0.1:${port}`;
  const environment = { ...pipeline.environment, ADMIN_TOKEN, PORT: String(port) };
  const browsers = [sseBrowser(() => base), socketBrowser(() => base)];
  let api = startWorkerProcess('api', environment);
  let validator = startWorkerProcess('validator', environment);
  const dispatcher = startWorkerProcess('dispatcher', environment);
  const place = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const answer = await fetch(`${base}/v1/orders`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ clientOrderId: `stream-${crypto.randomUUID()}`, exchange: 'NSE', symbol: 'RELIANCE' },
          ...{ side: 'BUY', quantity: 1, orderType: 'LIMIT', product: 'MIS', price: '2450.00' },
          stopLoss: '2430.00',
        }),
      });
      expect(answer.status).toBe(202);
    }
  };
  const checked = (count: number): Promise<void> =>
    eventually(
      async () => {
        const rows = await pipeline.sql(`select distinct entity from journal where kind = 'ChecksRun'`);
        expect(rows.length).toBeGreaterThanOrEqual(count);
      },
      { what: `${count} orders to be checked`, timeoutMs: 180_000 },
    );
  try {
    await Promise.all([api.ready(), validator.ready(), dispatcher.ready()]);
    await Promise.all(browsers.map((browser) => browser.open()));
    await place(5);
    await checked(3);
    await validator.kill();
    await place(5);
    validator = startWorkerProcess('validator', environment);
    await checked(8);
    await api.kill();
    await Promise.all(browsers.map((browser) => browser.close()));
    api = startWorkerProcess('api', environment);
    await api.ready();
    await Promise.all(browsers.map((browser) => browser.open()));
    await place(5);
    await checked(15);
    const [row] = await pipeline.sql<{ seq: string }>(`select seq from accounts where id = 'main'`);
    const head = Number(row!.seq);
    for (const { seen } of browsers) {
      await eventually(() => expect(seen.at(-1)).toBeGreaterThanOrEqual(head), { what: `entry ${head}` });
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => n + 1));
    }
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
    await Promise.all([api.kill(), validator.kill(), dispatcher.kill()]);
  }
});
