/** A kill -9 of whoever looks at protection, in the middle of everything that can happen to a position: docs/protection.md. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Running } from '../../../src/runtime/roles.ts';
import { type Desk, useDesks } from '../../support/pipeline/desk.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { ALL_ROLES } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** Before the look is prepared, before its transaction, and with its work committed and told to nobody. */
const PLACES = ['protect.begin', 'protect.beforeCommit', 'protect.afterCommit'] as const;

/** What the dispatcher dies in. */
interface Scene {
  /** Before it: the position as it stands, with everything at rest. */
  begins(desk: Desk): Promise<void>;
  /** What makes its next look do something. */
  strikes(desk: Desk): Promise<void>;
  /** Looks are due all the time: the strike comes before the victim, whose first look is the one. */
  readonly isBusy?: true;
  /** What has to be so once another one runs. */
  ends(desk: Desk): Promise<void>;
}

const desks = useDesks({ backend: 'postgres', roles: ALL_ROLES.filter((role) => role !== 'dispatcher') });
let dispatcher: Running | null = null;
let victim: WorkerProcess | null = null;

afterEach(async () => {
  await victim?.kill();
});

const bought = async ({ bought: buy, guarded }: Desk): Promise<void> => {
  await buy({ quantity: 20 });
  await guarded.protects(20);
};
/** The position was never on the other side. */
const neverReversed = async ({ account, guarded }: Desk): Promise<void> => {
  await guarded.isFlat();
  expect(
    await desks.pipeline.sql('select max(cycle) as n from positions where account_id = $1', [account]),
  ).toEqual([{ n: 1 }]);
};

const SCENES: Readonly<Record<string, Scene>> = {
  'a reversal': {
    begins: bought,
    strikes: async ({ account }) => {
      const sale = { side: 'SELL', quantity: 50, stopLoss: '2470.00', takeProfit: null } as const;
      await desks.pipeline.place({ account, ...sale });
    },
    ends: async ({ guarded }) => {
      await guarded.protects(30);
      expect((await guarded.stops()).map(({ transaction_type: side }) => side)).toEqual(['BUY']);
    },
  },
  'a position that is closed by hand in the app': {
    begins: bought,
    strikes: async ({ outside }) => {
      await outside.place({ side: 'SELL', quantity: 20, price: '2440.00' });
    },
    ends: neverReversed,
  },
  'an entry that is cancelled when a part of it has filled': {
    begins: async ({ resting, fills, guarded }) => {
      await fills(await resting({ quantity: 50 }), 10);
      await guarded.protects(10);
    },
    strikes: async ({ account, commands, fills }) => {
      const [entry] = await desks.pipeline.sql<{ id: string; brokerOrderId: string }>(
        `select id, broker_order_id as "brokerOrderId" from orders where account_id = $1 and role = 'ENTRY'`,
        [account],
      );
      if (entry === undefined) throw new Error('there is no entry');
      await fills(entry, 10);
      expect((await commands.cancel(entry)).ok).toBe(true);
    },
    ends: async ({ guarded }) => {
      await eventually(async () => expect(await guarded.others('BUY')).toEqual([]), { what: 'its cancel' });
      await guarded.protects(20);
    },
  },
  'an exit that is chased': {
    begins: async (desk) => {
      await bought(desk);
      // Nothing trades: the exit rests where it is.
      await desks.pipeline.changeSettings({ fillProbability: 0 });
      await desk.outside.end((await desk.stop()).order_id, 'REJECTED', '17070 : out of the LPP range');
      await eventually(async () => expect(await desk.guarded.others('SELL')).toHaveLength(1), {
        what: 'an exit that rests',
      });
    },
    strikes: () => desks.setPrice('2400.00'),
    isBusy: true,
    ends: async (desk) => {
      await eventually(
        async () => {
          const [exit] = await desk.guarded.others('SELL');
          expect(exit?.price).toBeLessThan(2400);
        },
        { what: 'the exit to follow the price' },
      );
      await desks.pipeline.changeSettings({ fillProbability: 1 });
      await desks.setPrice('2400.00');
      await neverReversed(desk);
    },
  },
  'a trailing move': {
    begins: async ({ bought: buy, guarded }) => {
      await buy({ quantity: 20, trailing: { distance: '20', step: '5' } });
      await guarded.protects(20);
    },
    strikes: () => desks.setPrice('2461.00'),
    isBusy: true,
    ends: async (desk) => {
      await desk.stopAt('2441.0000');
      await desk.guarded.protects(20);
      // It would be looked at for ever, and the next victim would die in that.
      await desk.outside.place({ side: 'SELL', quantity: 20 });
      await neverReversed(desk);
    },
  },
};

/** No look is due: what dies, dies in what comes next. */
async function isQuiet({ account }: Desk): Promise<void> {
  const due = `select id from protection_groups where account_id = $1 and ended_at is null and next_look_at is not null`;
  await eventually(async () => expect(await desks.pipeline.sql(due, [account])).toEqual([]), {
    what: 'every look',
  });
}

/**
 * Of its failpoint, in a look at this account, which is due all the time: otherwise the poll's looks may be enough. A
 * poll may end the group before the process looks for the first time: then it is killed, and what comes next must hold
 * all the same.
 */
async function dies(process: WorkerProcess, { account }: Desk): Promise<void> {
  await eventually(
    async () => {
      const [live] = await desks.pipeline.sql(
        `select 1 from protection_groups where account_id = $1 and ended_at is null`,
        [account],
      );
      if (live === undefined) await process.kill();
      await desks.pipeline.sql(
        `update protection_groups set next_look_at = clock_timestamp() where account_id = $1 and ended_at is null`,
        [account],
      );
      expect(process.running(), process.output()).toBe(false);
    },
    { what: 'the dispatcher to die', timeoutMs: 120_000 },
  );
  expect(await process.ended(), process.output()).toEqual({ code: null, signal: 'SIGKILL' });
}

describe.each(Object.keys(SCENES))('a dispatcher that dies in %s', (name) => {
  it.each(PLACES)('at %s: the next one ends it right', async (place) => {
    const scene = SCENES[name];
    if (scene === undefined) throw new Error(`there is no scene ${name}`);
    const { pipeline } = desks;
    const desk = await desks.open('kill');
    dispatcher ??= pipeline.startRole('dispatcher');
    await scene.begins(desk);
    if (scene.isBusy !== true) await isQuiet(desk);
    await dispatcher.stop();
    dispatcher = null;
    if (scene.isBusy === true) await scene.strikes(desk);
    const environment = { ...pipeline.environment, SAUDA_FAILPOINTS: `${place}:kill` };
    victim = startWorkerProcess('dispatcher', environment);
    const strikes = async (process: WorkerProcess): Promise<void> => {
      await process.ready();
      await scene.strikes(desk);
    };
    await Promise.all([scene.isBusy === true ? null : strikes(victim), dies(victim, desk)]);
    dispatcher = pipeline.startRole('dispatcher');
    await scene.ends(desk);
  });
});
