import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

describe('a broker whose books can not be read, while nothing is sent', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({ backend: 'postgres', exchange: { fillProbability: 0 } });
    await pipeline.waitForStatus(await pipeline.place(), 'OPEN');
  });
  afterAll(() => pipeline.stop());

  const standing = async (type: string) =>
    pipeline.sql<{ severity: string; message: string }>(
      `select severity, message from alerts where type = $1 and cleared_at is null`,
      [type],
    );

  it('is told at once when the session is dead, with the way to log in, until a read succeeds', async () => {
    await pipeline.addFault({ call: 'orders', kind: 'forbidden', count: -1 });
    const [alert] = await eventually(
      async () => {
        const alerts = await standing('broker_session_expired');
        expect(alerts).toHaveLength(1);
        return alerts;
      },
      { what: 'the alert' },
    );
    expect(alert).toMatchObject({ severity: 'CRITICAL' });
    expect(alert?.message).toContain('/login');
    await pipeline.clearFaults();
    await eventually(async () => expect(await standing('broker_session_expired')).toEqual([]), {
      what: 'the end of the alert',
    });
  });

  it('is told after half a minute whatever the reason, once, until a read succeeds', async () => {
    await pipeline.addFault({ call: 'orders', kind: 'serverError', count: -1 });
    await eventually(
      async () => {
        const failed = await pipeline.sql(`select from heartbeats where duty = 'poll' and failed`);
        expect(failed).toHaveLength(1);
      },
      { what: 'a poll that fails' },
    );
    // As if it had lasted.
    await pipeline.sql(
      `update heartbeats set succeeded_at = succeeded_at - interval '1 minute' where duty = 'poll'`,
    );
    await eventually(async () => expect(await standing('broker_unreadable')).toHaveLength(1), {
      what: 'the alert',
    });
    const [alert] = await standing('broker_unreadable');
    expect(alert).toMatchObject({ severity: 'CRITICAL' });
    expect(alert?.message).toMatch(/last read \d+ s ago \(limit 30 s\)/);
    await pipeline.clearFaults();
    await eventually(async () => expect(await standing('broker_unreadable')).toEqual([]), {
      what: 'the end of the alert',
    });
  });
});
