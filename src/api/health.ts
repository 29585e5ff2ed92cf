import type { OpenAPIHono } from '@hono/zod-openapi';
import { refuseOtherMethods } from './mount.ts';

/** A part the service depends on. Required: without it no order can be taken; otherwise it is only degraded. */
export interface Probe {
  readonly name: string;
  readonly required: boolean;
  readonly probe: () => Promise<{ readonly ok: boolean; readonly detail?: string }>;
}

/** A probe that takes longer has failed. */
const PROBE_TIMEOUT_MS = 1000;

interface PartState {
  readonly name: string;
  readonly status: 'ok' | 'degraded' | 'down';
  readonly required: boolean;
  readonly detail?: string;
}

interface Readiness {
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly parts: readonly PartState[];
}

/** Open to everyone, without a token: whether the process runs, what it can do, and which build it is. */
export function mountHealth(app: OpenAPIHono, probes: readonly Probe[], version: string): void {
  let running: Promise<Readiness> | null = null;
  const readiness = (): Promise<Readiness> => {
    // Anyone may ask at any rate; the parts are asked once at a time.
    running ??= checkAll(probes).finally(() => (running = null));
    return running;
  };
  app.get('/livez', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    const state = await readiness();
    return c.json(state, state.status === 'unavailable' ? 503 : 200);
  });
  app.get('/version', (c) => c.json({ name: 'sauda', version, node: process.version }));
  for (const path of ['/livez', '/readyz', '/version']) refuseOtherMethods(app, path, ['GET']);
}

/** Asks every part at once; one required part that is down makes the whole unavailable. */
export async function checkAll(probes: readonly Probe[]): Promise<Readiness> {
  const parts = await Promise.all(probes.map(checkPart));
  const isDown = parts.some(({ status }) => status === 'down');
  const isDegraded = parts.some(({ status }) => status === 'degraded');
  return { status: isDown ? 'unavailable' : isDegraded ? 'degraded' : 'ok', parts };
}

async function checkPart({ name, required, probe }: Probe): Promise<PartState> {
  const answer = await bounded(probe);
  const status = answer.ok ? 'ok' : required ? 'down' : 'degraded';
  return { name, status, required, ...(answer.detail === undefined ? {} : { detail: answer.detail }) };
}

async function bounded(probe: Probe['probe']): Promise<{ readonly ok: boolean; readonly detail?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<{ ok: boolean; detail: string }>((resolve) => {
    timer = setTimeout(() => {
      resolve({ ok: false, detail: `no answer in ${PROBE_TIMEOUT_MS} ms` });
    }, PROBE_TIMEOUT_MS);
  });
  try {
    // The words of a failure may hold addresses; they are for the log of the part, not for strangers.
    return await Promise.race([probe().catch(() => ({ ok: false, detail: 'does not answer' })), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
