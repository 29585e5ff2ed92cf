import { afterEach, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;
let victim: WorkerProcess | null = null;
afterEach(async () => {
  await victim?.kill();
  await pipeline.stop();
});

const standing = () =>
  pipeline.sql<{ severity: string; message: string }>(
    `select severity, message from alerts where type = 'worker_down' and cleared_at is null`,
  );
const beats = () => pipeline.sql(`select duty from heartbeats where duty = 'process:risk-monitor'`);
/** As if the time had passed. */
const age = () =>
  pipeline.sql(
    `update heartbeats set started_at = started_at - interval '1 minute' where duty like 'process:%'`,
  );

it('a worker that was killed is told, until one of its kind is back; one that was stopped is not missed', async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: ['dispatcher'] });
  victim = startWorkerProcess('risk-monitor', pipeline.environment);
  await victim.ready();
  await eventually(async () => expect(await beats()).toHaveLength(1), { what: 'its heartbeat' });
  await victim.kill();
  await age();
  await eventually(async () => expect(await standing()).toHaveLength(1), { what: 'the alert' });
  const [alert] = await standing();
  expect(alert).toMatchObject({ severity: 'CRITICAL' });
  expect(alert!.message).toMatch(/no process of risk-monitor has been heard of for \d+ s \(limit 20 s\)/);

  victim = startWorkerProcess('risk-monitor', pipeline.environment);
  await eventually(async () => expect(await standing()).toEqual([]), { what: 'the end of the alert' });
  await victim.ready();
  victim.signal('SIGTERM');
  expect(await victim.ended()).toEqual({ code: 0, signal: null });
  expect(await beats()).toEqual([]);
});
