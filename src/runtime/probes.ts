import { databaseProbes } from '../api/database-probes.ts';
import type { Probe } from '../api/health.ts';
import type { BrokerPort } from '../broker/port.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { readRecentPolls } from '../db/stores/poll-store.ts';
import type { Queues } from '../queues/queues.ts';
import { findSilentRoles } from '../services/watch-workers.ts';
import type { Composition } from './compose.ts';

/** Readiness may be asked by anyone at any rate; the broker is asked this often at most. */
const BROKER_PROBE_KEEP_MS = 10_000;
/** A poll that ended this lately says how the broker is. */
const RECENT_POLL_MS = 10_000;

type Health = Awaited<ReturnType<Probe['probe']>>;

/** Everything that the system depends on. */
export function probesOf(parts: Composition, config: Config): Probe[] {
  return [
    ...databaseProbes(parts.database),
    queueProbe(parts.queues, config.queueBackend),
    brokerProbe(parts.database, parts.defaultBroker),
    {
      name: 'workers',
      required: false,
      probe: async () => {
        const silent = await findSilentRoles(parts.context);
        return silent.length === 0 ? { ok: true } : { ok: false, detail: `silent: ${silent.join(', ')}` };
      },
    },
  ];
}

/** Redis may be down: the dispatcher runs what is due itself. Queues on Postgres stand and fall with it. */
function queueProbe(queues: Queues, backend: 'redis' | 'postgres'): Probe {
  return {
    name: `queues (${backend})`,
    required: backend === 'postgres',
    probe: async () => {
      const health = await queues.ping();
      return health.ok ? { ok: true } : { ok: false, detail: 'does not answer' };
    },
  };
}

/** What the polls just met; where none ran lately, one call of our own at a time, and what it said for a while. */
export function brokerProbe(database: Database, broker: Pick<BrokerPort, 'getMargins'>): Probe {
  let known: { readonly health: Health; readonly untilMs: number } | null = null;
  let asking: Promise<Health> | null = null;
  const ask = async (): Promise<Health> => {
    const health = await broker.getMargins().then(
      () => ({ ok: true }),
      () => ({ ok: false, detail: 'not reachable, or logged out' }),
    );
    known = { health, untilMs: performance.now() + BROKER_PROBE_KEEP_MS };
    return health;
  };
  return {
    name: 'broker',
    required: false,
    probe: async () => {
      const { polls, failed } = await readRecentPolls(database, RECENT_POLL_MS);
      if (failed.length > 0) return { ok: false, detail: `the book can not be read: ${failed.join(', ')}` };
      if (polls > 0) return { ok: true };
      if (known !== null && performance.now() < known.untilMs) return known.health;
      asking ??= ask().finally(() => (asking = null));
      return asking;
    },
  };
}
