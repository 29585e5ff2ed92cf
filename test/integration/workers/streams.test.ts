import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { findFreePort } from '../../support/servers/port.ts';
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
