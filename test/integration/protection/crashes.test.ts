import { describe, expect, it } from 'vitest';
import type { Running } from '../../../src/runtime/roles.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { onEachBackend, type RoleName, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** Who dies at each part of the fill, and where. */
const KILLS: readonly (readonly [program: string, role: RoleName, failpoint: string])[] = [
  ['fill-poller', 'fillPoller', 'poll.beforeCommit'],
  ['fill-poller', 'fillPoller', 'poll.afterCommit'],
  ['submitter', 'submitter', 'command.afterClaim'],
  ['submitter', 'submitter', 'command.afterCall'],
  ['submitter', 'submitter', 'command.afterRecord'],
];
const ROLES: readonly RoleName[] = [
  'validator',
  'submitter',
  'fillPoller',
  'reconciler',
  'marketData',
  'dispatcher',
];
const RECOVERY_MS = 120_000;

onEachBackend((backend) => {
  describe('an entry that fills in five parts, with a kill -9 at each', () => {
    it('has stops of exactly what is filled after every part', async () => {
      const pipeline = await startPipeline({
        backend,
        roles: [],
        environment: { PROTECTION: 'exchange', BROKER_TIMEOUT_MS: '2000' },
        exchange: { tickIntervalMs: 3_600_000 },
      });
      const running = new Map<RoleName, Running>(ROLES.map((one) => [one, pipeline.startRole(one)]));
      const guarded = guardedOf(pipeline);
      let victim: WorkerProcess | null = null;
      try {
        const entry = await pipeline.place({ ...RESTING, takeProfit: null, quantity: 60 });
        const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
        await outsideOf(pipeline).execute(brokerOrderId ?? '', 10, '2300.00');
        await guarded.protects(10);
        for (const [part, [program, role, failpoint]] of KILLS.entries()) {
          // The victim alone has its role, and nobody steps in for it before it is dead.
          const absent: RoleName[] = [role, 'dispatcher', 'reconciler'];
          await Promise.all(absent.map(async (one) => running.get(one)?.stop()));
          const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${failpoint}:kill` };
          victim = startWorkerProcess(program, environment);
          await victim.ready();
          await outsideOf(pipeline).execute(brokerOrderId ?? '', 10, '2300.00');
          expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
          for (const one of absent) running.set(one, pipeline.startRole(one));
          await guarded.protects(20 + part * 10, RECOVERY_MS);
          // A stop with a command in doubt would get another beside it, and nothing would be sent for the next victim.
          await eventually(
            async () =>
              expect(await pipeline.sql(`select id from order_commands where state <> 'DONE'`)).toEqual([]),
            { what: 'every command to be done' },
          );
        }
        await outsideOf(pipeline).place({ side: 'SELL', quantity: 60, price: '2440.00' });
        await guarded.isFlat();
        await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), {
          what: 'every invariant',
          timeoutMs: RECOVERY_MS,
        });
        expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
      } finally {
        await victim?.kill();
        await pipeline.stop();
      }
    }, 600_000);

    it('has another stop in time when nobody can know what became of the first', async () => {
      const pipeline = await startPipeline({
        backend,
        // Nobody steps in for the victim before it is dead.
        roles: ROLES.filter((role) => role !== 'submitter' && role !== 'dispatcher'),
        environment: { PROTECTION: 'exchange', BROKER_TIMEOUT_MS: '2000' },
        exchange: { tickIntervalMs: 3_600_000 },
      });
      const guarded = guardedOf(pipeline);
      const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: 'submit.afterClaim@2:kill' };
      const victim = startWorkerProcess('submitter', environment);
      try {
        await victim.ready();
        await pipeline.place({ takeProfit: null, quantity: 10 });
        // The first claim is the entry's, the second its stop's.
        expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
        pipeline.startRole('submitter');
        pipeline.startRole('dispatcher');
        await guarded.protects(10, RECOVERY_MS);
        const [lost] = await pipeline.sql<{ status: string }>(
          `select status from orders where role = 'STOP' order by created_at`,
        );
        expect(lost).toEqual({ status: 'UNKNOWN' });
        expect((await guarded.alerts()).map(({ type }) => type)).toContain('unprotected_position');
      } finally {
        await victim.kill();
        await pipeline.stop();
      }
    }, 300_000);
  });
});
