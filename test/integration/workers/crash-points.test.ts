import { describe, expect, it } from 'vitest';
import {
  ALL_ROLES,
  type Backend,
  onEachBackend,
  type RoleName,
  startPipeline,
} from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { takingTurns } from '../../support/pipeline/turns.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

interface Crash {
  readonly failpoint: string;
  readonly program: string;
  /** The role this process leaves to the victim until it is dead. */
  readonly role: RoleName | null;
  /** UNKNOWN with an alert: the claim was made, and nobody can know whether the call was. */
  readonly ending: 'FILLED' | 'UNKNOWN' | 'NONE';
}

const PLACE = 'test/support/pipeline/place-program.ts';
/** Every failpoint of accepting, checking, sending and following an order. */
const CRASHES: readonly Crash[] = [
  { failpoint: 'accept.beforeCommit', program: PLACE, role: null, ending: 'NONE' },
  { failpoint: 'accept.afterCommit', program: PLACE, role: null, ending: 'FILLED' },
  { failpoint: 'validate.begin', program: 'validator', role: 'validator', ending: 'FILLED' },
  { failpoint: 'validate.afterCommit', program: 'validator', role: 'validator', ending: 'FILLED' },
  { failpoint: 'submit.begin', program: 'submitter', role: 'submitter', ending: 'FILLED' },
  { failpoint: 'submit.afterClaim', program: 'submitter', role: 'submitter', ending: 'UNKNOWN' },
  { failpoint: 'submit.beforeCall', program: 'submitter', role: 'submitter', ending: 'UNKNOWN' },
  { failpoint: 'submit.afterCall', program: 'submitter', role: 'submitter', ending: 'FILLED' },
  { failpoint: 'submit.afterRecord', program: 'submitter', role: 'submitter', ending: 'FILLED' },
  { failpoint: 'poll.read', program: 'fill-poller', role: 'fillPoller', ending: 'FILLED' },
  { failpoint: 'poll.beforeCommit', program: 'fill-poller', role: 'fillPoller', ending: 'FILLED' },
  { failpoint: 'poll.afterCommit', program: 'fill-poller', role: 'fillPoller', ending: 'FILLED' },
];
/** A poll that died holds its account's lease for two time-outs of the broker and six seconds. */
const RECOVERY_MS = 120_000;

const turns = takingTurns();

onEachBackend((backend) => {
  describe.concurrent('a process killed with -9', () => {
    it.each(CRASHES.map((crash) => [crash.failpoint, crash.ending, crash] as const))(
      'at %s leaves an order that ends as %s, and every invariant',
      async (_, __, crash) => turns.take(() => killAt(backend, crash)),
      900_000,
    );
  });
});

async function killAt(backend: Backend, { failpoint, program, role, ending }: Crash): Promise<void> {
  // The victim alone has its role, and nobody steps in for it before it is dead.
  const others = ALL_ROLES.filter(
    (one) => role === null || ![role, 'dispatcher', 'reconciler'].includes(one),
  );
  const pipeline = await startPipeline({
    backend,
    roles: others,
    environment: { BROKER_TIMEOUT_MS: '2000' },
  });
  const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${failpoint}:kill` };
  const victim = startWorkerProcess(program, environment, program === PLACE ? ['main', failpoint] : []);
  try {
    if (program !== PLACE) await pipeline.place({ clientOrderId: failpoint, maxAgeMs: 0 });
    expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
    if (role !== null) for (const one of [role, 'dispatcher', 'reconciler'] as const) pipeline.startRole(one);

    const find = async () =>
      (
        await pipeline.sql<{ id: string }>('select id from orders where client_order_id = $1', [failpoint])
      )[0];
    if (ending === 'NONE') {
      expect(await find()).toBeUndefined();
      // The caller heard nothing, so it asks again with the same id.
      await pipeline.place({ clientOrderId: failpoint, maxAgeMs: 0 });
    }
    await pipeline.waitForStatus((await find())!, ending === 'NONE' ? 'FILLED' : ending, RECOVERY_MS);
    expect((await pipeline.book()).orders).toHaveLength(ending === 'UNKNOWN' ? 0 : 1);
    await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), {
      what: 'every invariant',
      timeoutMs: RECOVERY_MS,
    });
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  } finally {
    await victim.kill();
    await pipeline.stop();
  }
}
