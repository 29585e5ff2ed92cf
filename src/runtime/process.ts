import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { loadConfig, loadConfigForHalt } from '../config/load.ts';
import { DatabaseNotReachableError } from '../db/connection.ts';
import { SchemaAheadError, migrate, schemaVersion } from '../db/migrate.ts';
import { armFailpoints } from '../lib/failpoint.ts';
import { armMutant } from '../lib/mutant.ts';
import { createLogger, type Logger } from '../logging/logger.ts';
import { DEFAULT_ACCOUNT, openAccount } from '../services/open-account.ts';
import { startWorkerBeat } from '../services/watch-workers.ts';
import { type Presence, startPresence } from '../services/worker-presence.ts';
import { LiveNotConfirmedError, requireLiveConfirmed } from './live-here.ts';
import { packageVersion } from './package-version.ts';
import { brokerRootOf } from './broker-root.ts';
import { type Composition, compose } from './compose.ts';
import { serveProcessMetrics } from './process-metrics.ts';
import { findPrivatePostgres } from './private-postgres.ts';
import type { Running } from './roles.ts';
import { stopOnSignal } from './shutdown.ts';

/** Exit codes of every command (api.md). */
export const EXIT = { refused: 1, usage: 2, notReachable: 3 } as const;

/** The configuration, or the end of the process with its problems on standard error. */
export function configOrExit(overrides: Readonly<Record<string, string | undefined>> = {}): Config {
  const loaded = loadConfig(overrides);
  if (loaded.ok) {
    armFailpoints(loaded.value.failpoints);
    armMutant(loaded.value.mutant);
    return loaded.value;
  }
  process.stderr.write(`${loaded.error}\n`);
  process.exit(EXIT.usage);
}

/** As configOrExit, for a halt: only what it needs has to be right; the rest is told on standard error. */
export function configForHaltOrExit(): Config {
  const loaded = loadConfigForHalt((line) => process.stderr.write(`${line}\n`));
  if (loaded.ok) {
    armFailpoints(loaded.value.failpoints);
    return loaded.value;
  }
  process.stderr.write(`${loaded.error}\n`);
  process.exit(EXIT.usage);
}

/** DATABASE_URL, or the private Postgres that runs on DATA_DIR; null when there is neither. */
export async function findDatabaseUrl(config: Config): Promise<string | null> {
  return config.databaseUrl ?? (await findPrivatePostgres({ dataDir: config.dataDir }))?.url ?? null;
}

/**
 * Runs one role as a process of its own, attached to a running database: migrations, the composition, the role, and
 * a clean end at SIGINT or SIGTERM.
 */
export async function runProcess(
  role: string,
  start: (parts: Composition, config: Config, log: Logger) => Running[] | Promise<Running[]>,
): Promise<void> {
  const config = configOrExit();
  const processName = `${role}:${process.pid}`;
  const log = createLogger({ level: config.logLevel, processName, file: null });
  const databaseUrl = await findDatabaseUrl(config);
  if (databaseUrl === null) {
    process.stderr.write('No database: set DATABASE_URL, or start everything with "npm start" first.\n');
    process.exit(EXIT.notReachable);
  }
  await migrateOrExit(databaseUrl);
  const parts = await compose({
    config,
    databaseUrl,
    brokerRoot: brokerRootOf(config, null),
    processName,
    log,
  });
  await confirmedOrExit(config, parts);
  await openAccount(parts.context, { id: DEFAULT_ACCOUNT, name: 'Main', actor: processName });
  const running = await start(parts, config, log);
  if (config.metricsPort > 0 && role !== 'api') {
    const at = { host: config.host, port: config.metricsPort };
    running.push(await serveProcessMetrics(parts.metrics, at));
  }
  const heartbeat = startWorkerBeat(parts.context, role);
  const presence = presenceOf(parts, role);
  log.info({ role }, 'running');
  stopOnSignal(
    async (signal) => {
      log.info({ role, signal }, 'stopping');
      const beats = [heartbeat, presence].map((beat) => ({ role: 'beat', stop: () => beat.stop() }));
      await stopAll([...running, ...beats], () => parts.cutBroker());
      await parts.close();
    },
    { tell: (line) => log.warn({ role }, line) },
  );
}

/** This process among those that live. When the database is of a newer version by now, it stops as at a signal. */
export function presenceOf({ context }: Composition, role: string): Presence {
  const of = { role, version: packageVersion(), schemaVersion: schemaVersion() };
  return startPresence(context, of, () => {
    context.log.error({ role }, new SchemaAheadError(of.schemaVersion).message);
    process.exitCode = EXIT.refused;
    process.kill(process.pid, 'SIGTERM');
  });
}

async function confirmedOrExit(config: Config, { database }: Composition): Promise<void> {
  try {
    await requireLiveConfirmed(config, database);
  } catch (error) {
    if (!(error instanceof LiveNotConfirmedError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT.refused);
  }
}

/** A database that can not be reached is a sentence and an exit code, not a stack (api.md). */
async function migrateOrExit(databaseUrl: string): Promise<void> {
  try {
    await migrate(databaseUrl);
  } catch (error) {
    if (error instanceof SchemaAheadError) {
      process.stderr.write(`${error.message}\n`);
      process.exit(EXIT.refused);
    }
    if (!(error instanceof DatabaseNotReachableError)) throw error;
    process.stderr.write(`${error.message}\nStart it, or correct DATABASE_URL.\n`);
    process.exit(EXIT.notReachable);
  }
}

/** How long a broker may take to answer what is under way; afterwards its calls are cut, and asked about later. */
const CUT_BROKER_AFTER_MS = 1000;
const STOP_WITHIN_MS = 2000;

/**
 * Stops all parts at once, so that the slowest decides and not the sum; one that fails does not keep the others, and
 * one that does not end in two seconds is left behind.
 */
export async function stopAll(
  running: readonly Running[],
  cutBroker: () => void = () => undefined,
): Promise<void> {
  const over = new AbortController();
  const stopped = Promise.allSettled(running.map((part) => part.stop()));
  const cut = setTimeout(cutBroker, CUT_BROKER_AFTER_MS);
  await Promise.race([
    stopped,
    sleep(STOP_WITHIN_MS, undefined, { signal: over.signal }).catch(() => undefined),
  ]);
  over.abort();
  clearTimeout(cut);
}
