import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import { readServerFacts } from '../db/read-server.ts';
import { readRedisSettings } from '../queues/redis-settings.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { brokerRootOf } from './broker-root.ts';
import { findDatabaseUrl } from './process.ts';

/** One thing that was looked at: `mend` says what to do where it is not ok. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'bad';
  readonly says: string;
  readonly mend: string | null;
}

const ok = (name: string, says: string): Finding => ({ name, state: 'ok', says, mend: null });
const warning = (name: string, says: string, mend: string): Finding => ({
  ...{ name, state: 'warning', says, mend },
});
const bad = (name: string, says: string, mend: string): Finding => ({ name, state: 'bad', says, mend });

const CALL_MS = 5000;
const LEAST_NODE = [20, 19] as const;
const LEAST_POSTGRES = 150_000;
/** Bytes: the journal only grows, and a full disk stops Postgres. */
const LITTLE_DISK = 5_000_000_000;
const NO_DISK = 1_000_000_000;
/** Stale and deadline checks compare clocks of two machines; HTTP dates have whole seconds. */
const CLOCK_OFF_MS = 2000;
const SECRETS = ['admin.token', 'encryption.key', 'demo-strategy.token'];

/** Looks at everything that trading needs, and changes nothing; each look ends within seconds and none stops another. */
export async function examine(config: Config, clock: Clock = systemClock): Promise<Finding[]> {
  const looks: readonly (() => Promise<Finding[]>)[] = [
    () => Promise.resolve([lookAtNode(process.versions.node)]),
    () => lookAtDisk(config.dataDir),
    () => lookAtSecrets(config.dataDir),
    () => lookAtPostgres(config, clock),
    () => lookAtQueues(config),
    () => lookAtBroker(config, clock),
    () => lookAtTelegram(config),
  ];
  return (await Promise.all(looks.map((look) => look()))).flat();
}

export function lookAtNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]);
  return isOld
    ? bad('node', `Node ${version} is too old`, `install Node ${LEAST_NODE.join('.')} or newer`)
    : ok('node', `Node ${version}`);
}

async function lookAtDisk(dataDir: string): Promise<Finding[]> {
  const folder = path.resolve(dataDir);
  const at = (await exists(folder)) ? folder : path.dirname(folder);
  try {
    const { bavail, bsize } = await fs.statfs(at);
    return [judgeDisk(bavail * bsize, folder)];
  } catch (error) {
    return [bad('disk', `${folder} can not be looked at: ${reasonOf(error)}`, 'correct DATA_DIR')];
  }
}

export function judgeDisk(free: number, folder: string): Finding {
  const says = `${(free / 1e9).toFixed(1)} GB free at ${folder}`;
  const mend = 'make room, or move DATA_DIR: a full disk stops the database';
  if (free < NO_DISK) return bad('disk', says, mend);
  return free < LITTLE_DISK ? warning('disk', says, mend) : ok('disk', says);
}

/** Anybody who can read one of them can trade. */
async function lookAtSecrets(dataDir: string): Promise<Finding[]> {
  const files = ['.env', ...SECRETS.map((name) => path.join(dataDir, name))];
  const found = await Promise.all(
    [dataDir, ...files].map(async (file) => {
      const stat = await fs.stat(file).catch(() => null);
      return stat === null ? null : { file, mode: stat.mode & 0o777, isFolder: stat.isDirectory() };
    }),
  );
  const there = found.filter((one) => one !== null);
  // A private Postgres of another user passes through the folder, and reads nothing there.
  const open = there.filter(({ mode, isFolder }) => (mode & (isFolder ? 0o067 : 0o077)) !== 0);
  if (open.length === 0) return [ok('secrets', `${there.length} files and folders are closed to others`)];
  return open.map(({ file, mode, isFolder }) =>
    bad(
      'secrets',
      `others may look into ${file} (mode ${mode.toString(8)})`,
      `chmod ${isFolder ? '700' : '600'} ${file}`,
    ),
  );
}

async function lookAtPostgres(config: Config, clock: Clock): Promise<Finding[]> {
  const url = await findDatabaseUrl(config);
  if (url === null) {
    const mend = 'start it with "npm start", or set DATABASE_URL';
    return [warning('postgres', 'no private Postgres runs on DATA_DIR', mend)];
  }
  try {
    const facts = await readServerFacts(url);
    const isOld = facts.versionNumber < LEAST_POSTGRES;
    const offMs = Math.abs(facts.now.getTime() - clock.now().getTime());
    return [
      isOld
        ? bad('postgres', `PostgreSQL ${facts.version} is too old`, 'upgrade it to 15 or newer')
        : ok('postgres', `PostgreSQL ${facts.version}`),
      judgeMigrations(facts),
      judgeClock('clock (postgres)', offMs),
    ];
  } catch (error) {
    return [bad('postgres', reasonOf(error), 'start it, or correct DATABASE_URL')];
  }
}

export function judgeMigrations({
  pending,
  isAhead,
}: {
  readonly pending: readonly string[];
  readonly isAhead: boolean;
}): Finding {
  if (isAhead) {
    return bad(
      'migrations',
      'the database is of a newer version of Sauda',
      'start that version, or restore a backup that this one took',
    );
  }
  return pending.length === 0
    ? ok('migrations', 'all are applied')
    : bad('migrations', `${pending.length} wait: ${pending.join(', ')}`, 'sauda migrate');
}

export function judgeClock(name: string, offMs: number): Finding {
  const says = `this clock differs by ${(offMs / 1000).toFixed(1)} s`;
  const mend = 'keep both machines on NTP (timedatectl set-ntp true): deadlines and stale orders go by it';
  return offMs > CLOCK_OFF_MS ? bad(name, says, mend) : ok(name, says);
}

async function lookAtQueues({ queueBackend, redisUrl }: Config): Promise<Finding[]> {
  if (queueBackend === 'postgres') return [ok('queues', 'they are in Postgres, and as durable as it')];
  try {
    return judgeRedis(await readRedisSettings(redisUrl ?? 'redis://127.0.0.1:6379', CALL_MS));
  } catch (error) {
    const mend = 'start Redis, or correct REDIS_URL; until then the dispatcher runs what is due, more slowly';
    return [bad('queues', `Redis does not answer: ${reasonOf(error)}`, mend)];
  }
}

export function judgeRedis(redis: Awaited<ReturnType<typeof readRedisSettings>>): Finding[] {
  const { version, maxmemoryPolicy: policy, appendOnly } = redis;
  const findings = [
    ...(policy === 'noeviction'
      ? []
      : [
          bad(
            'queues',
            `Redis may evict jobs and locks (maxmemory-policy ${policy})`,
            'redis-cli config set maxmemory-policy noeviction, and in redis.conf',
          ),
        ]),
    ...(appendOnly
      ? []
      : [
          warning(
            'queues',
            'Redis keeps no append-only file: a restart loses its jobs, which costs seconds',
            'redis-cli config set appendonly yes, and in redis.conf',
          ),
        ]),
  ];
  return findings.length > 0 ? findings : [ok('queues', `Redis ${version}, noeviction, append-only file`)];
}

/** Any answer will do: who is logged in is what /readyz says. */
async function lookAtBroker(config: Config, clock: Clock): Promise<Finding[]> {
  const isBuiltIn = config.broker === 'paper' && config.kiteApiRoot === null;
  const root = brokerRootOf(config, isBuiltIn ? `http://127.0.0.1:${config.paper.port}` : null);
  try {
    const response = await fetch(root, { signal: AbortSignal.timeout(CALL_MS), redirect: 'manual' });
    const now = clock.now().getTime();
    await response.body?.cancel();
    const date = Date.parse(response.headers.get('date') ?? '');
    return [
      ok('broker', `${root} answers`),
      // A date is cut to its second.
      ...(Number.isNaN(date) ? [] : [judgeClock('clock (broker)', Math.abs(now - date - 500))]),
    ];
  } catch (error) {
    const says = `${root} does not answer: ${reasonOf(error)}`;
    return isBuiltIn
      ? [warning('broker', says, 'start Sauda, or the exchange alone: sauda paper')]
      : [bad('broker', says, 'look at the network, and at KITE_API_ROOT')];
  }
}

async function lookAtTelegram({ telegram }: Config): Promise<Finding[]> {
  if (telegram === null) {
    return [warning('telegram', 'nobody is told on a phone', 'set TELEGRAM_BOT_TOKEN (docs/telegram.md)')];
  }
  try {
    const response = await fetch(`${telegram.apiRoot}/bot${telegram.token}/getMe`, {
      signal: AbortSignal.timeout(CALL_MS),
    });
    const { result } = (await response.json()) as { result?: { username?: string } };
    if (response.ok) return [ok('telegram', `the bot is @${result?.username ?? '?'}`)];
    const mend = 'take the token again from @BotFather and set TELEGRAM_BOT_TOKEN';
    return [bad('telegram', `Telegram refuses the bot's token (${response.status})`, mend)];
  } catch (error) {
    // The address holds the token: nothing of it is told.
    const why =
      error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : 'no connection';
    return [
      bad('telegram', `Telegram is not reachable: ${why}`, 'look at the network, and at TELEGRAM_API_ROOT'),
    ];
  }
}

async function exists(file: string): Promise<boolean> {
  return fs.stat(file).then(
    () => true,
    () => false,
  );
}

/** What fetch says itself is only that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
