/** After the last fault: everything converges, with a person who decides what only a person may. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ledger, insist, statusOf } from './load.ts';
import { CANARY } from './options.ts';
import type { World } from './world.ts';

/** Pauses of the broker (429: 10 s), horizons and the budget's queue lie within it. */
const CONVERGE_MS = 45_000;
const LOOK_MS = 200;

interface LiveRow {
  readonly account_id: string;
  readonly id: string;
  readonly status: string;
  readonly told: boolean;
  readonly broker_order_id: string | null;
  readonly tag: string | null;
  readonly pending: number;
}

/** Lets everything come to rest and returns how long that took, milliseconds; what does not is a violation. */
export async function converge(world: World, ledger: Ledger): Promise<number> {
  const { proxies, workers, options } = world;
  await world.exchange('DELETE', '/faults');
  for (const proxy of [proxies.postgres, proxies.redis, proxies.broker]) await proxy?.setMode('pass');
  await workers.allReady('after the last fault', 60_000 * options.patience);
  const began = performance.now();
  const deadlineMs = CONVERGE_MS * options.patience;
  for (;;) {
    const live = await world.ask<LiveRow>(
      `select o.account_id, o.id, o.status, o.broker_order_id, o.attempt_tag as tag,
        exists (select from alerts a where a.account_id = o.account_id and a.order_id = o.id
          and a.severity = 'CRITICAL') as told,
        (select count(*)::int from order_commands c where c.account_id = o.account_id and c.order_id = o.id
          and c.state <> 'DONE') as pending
      from orders o where o.finished_at is null`,
    );
    // A cancel may still be without its answer when the book has shown that its order ended.
    const [going] = await world.ask<{ operations: number; commands: number }>(
      `select (select count(*)::int from operations where state = 'RUNNING') as operations,
        (select count(*)::int from order_commands where state <> 'DONE') as commands`,
    );
    if (live.length === 0 && going?.operations === 0 && going.commands === 0)
      return performance.now() - began;
    if (performance.now() - began > deadlineMs) {
      const left = live.slice(0, 8).map((row) => `${row.account_id}/${row.id} ${row.status}`);
      ledger.violations.push(
        `${live.length} orders, ${going?.operations ?? 0} operations and ${going?.commands ?? 0} commands did not end in ${deadlineMs} ms: ${left.join(', ')}`,
      );
      return performance.now() - began;
    }
    for (const row of live) await decide(world, row, ledger);
    await sleep(LOOK_MS);
  }
}

/** The person: looks into the broker's own app, resolves what is told to be in doubt, and cancels what rests. */
async function decide(world: World, row: LiveRow, ledger: Ledger): Promise<void> {
  const accountId = row.account_id;
  try {
    if (row.status === 'UNKNOWN' && row.told) {
      const found = (await world.book(accountId)).orders.find(({ tag }) => tag !== null && tag === row.tag);
      const reason = 'looked into the broker’s book';
      await insist('resolve', () =>
        found === undefined
          ? world.client.resolveOrder(row.id, { accountId, decision: 'neverPlaced', reason })
          : world.client.resolveOrder(row.id, {
              ...{ accountId, decision: 'adopt', reason },
              brokerOrderId: found.order_id,
            }),
      );
      ledger.count(`resolved by the person: ${found === undefined ? 'never placed' : 'adopted'}`);
      return;
    }
    const rests = row.status === 'OPEN' || row.status === 'PARTIALLY_FILLED' || row.status === 'SUBMITTED';
    if (rests && row.pending === 0 && accountId !== CANARY) {
      const idempotencyKey = `end-${row.id}`;
      await insist('cancel', () => world.client.cancelOrder(row.id, { accountId, idempotencyKey }));
    }
  } catch (error) {
    // Ended meanwhile, or found by a poll: looked at again.
    if (statusOf(error) === null) throw error;
  }
}
