import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { SchemaAheadError, migrate } from '../db/migrate.ts';
import { createLogger } from '../logging/logger.ts';
import { type RunningPaperExchange, startPaperExchange } from '../paper-exchange/index.ts';
import { LiveNotConfirmedError, requireLiveConfirmed } from './live-here.ts';
import { loadInstruments } from '../services/load-instruments.ts';
import { DEFAULT_ACCOUNT, openAccount } from '../services/open-account.ts';
import { startApiRole } from './api-role.ts';
import { brokerRootOf } from './broker-root.ts';
import { type Composition, compose } from './compose.ts';
import { DataDirLockedError, lockDataDir, openDataDir } from './data-dir.ts';
import { startDemo } from './demo.ts';
import { isUsage, paperOptions, type ReplayArguments, replayVariables } from './paper-process.ts';
import { endPrivatePostgres, startPrivatePostgres } from './private-postgres.ts';
import { EXIT, configOrExit, presenceOf, stopAll } from './process.ts';
import {
  type Running,
  startAlerter,
  startDispatcher,
  startFillPoller,
  startInstrumentLoader,
  startMarketData,
  startReconciler,
  startRiskMonitor,
  startSubmitter,
  startValidator,
} from './roles.ts';
import { stopOnSignal } from './shutdown.ts';
import { startTelegram } from './telegram-role.ts';
import { showOrders } from './terminal.ts';

/** How long the end waits for a start under way to notice. */
const START_ENDS_MS = 500;

/** Ends one started part. */
type Undo = () => Promise<unknown>;

/** What was started, ended in the reverse order; what comes up after the end began is ended at once. */
class Started {
  readonly #undo: Undo[] = [];
  readonly #servers: Undo[] = [];
  readonly #ending = new AbortController();

  /** Aborted when the end begins. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  add(undo: Undo): void {
    if (this.ending.aborted) void undo().catch(() => undefined);
    else this.#undo.push(undo);
  }

  /** A process of its own, which would outlive us. */
  addServer(undo: Undo): void {
    this.#servers.push(undo);
    this.add(undo);
  }

  /** `starting`: what may still be starting more; it is told to stop, and waited for a moment. */
  async end(starting: Promise<unknown>): Promise<void> {
    this.#ending.abort();
    await Promise.race([starting.catch(() => undefined), sleep(START_ENDS_MS, undefined, { ref: false })]);
    for (const undo of this.#undo.splice(0).reverse()) await undo().catch(() => undefined);
  }

  /** The forced end: only what would outlive us. */
  async endServers(): Promise<void> {
    await Promise.allSettled(this.#servers.map((undo) => undo()));
  }
}

export interface AllOptions extends ReplayArguments {
  /** Whatever the configuration says. */
  readonly demo?: boolean;
}

/**
 * Everything in one process: private Postgres (unless DATABASE_URL is set), migrations, paper exchange (unless
 * another broker is named), queues, all workers, the API, the terminal and the demo strategy.
 */
export async function runAll(options: AllOptions): Promise<void> {
  const config = configOrExit({
    ...replayVariables(options),
    ...(options.demo === true ? { DEMO: 'on' } : {}),
  });
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const started = new Started();
  const starting = start(config, tell, started);
  stopOnSignal(
    async () => {
      tell('\nstopping: no new orders, finishing what is under way');
      await started.end(starting);
      tell('stopped. Every order is in the database; the next start goes on from there.');
    },
    { tell, lastResort: () => started.endServers() },
  );
  try {
    await starting;
  } catch (error) {
    // What is told to stop while it starts fails at starting, which is no news.
    if (started.ending.aborted) return;
    await started.end(starting);
    process.stderr.write(`${explain(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

async function start(config: Config, tell: (line: string) => void, started: Started): Promise<void> {
  const dataDir = await openDataDir(config.dataDir);
  const lock = await lockDataDir(dataDir, 'sauda');
  started.add(() => lock.release());
  const logFile = path.join(dataDir, 'logs', 'sauda.log');
  mkdirSync(path.dirname(logFile), { recursive: true, mode: 0o700 });
  const log = createLogger({ level: config.logLevel, processName: `all:${process.pid}`, file: logFile });

  const databaseUrl = config.databaseUrl ?? (await startDatabase(dataDir, tell, started));
  await migrate(databaseUrl);
  const paper = await startPaper(config, dataDir, tell, started);
  const brokerRoot = brokerRootOf(config, paper?.url ?? null);
  const parts = await compose({ config, databaseUrl, brokerRoot, processName: `all:${process.pid}`, log });
  started.add(() => parts.close());
  await requireLiveConfirmed(config, parts.database);
  await openAccount(parts.context, { id: DEFAULT_ACCOUNT, name: 'Main', actor: 'system' });

  // A replay lists its share with another tick, and the list of the day must not outlive it.
  if (paper !== null) await loadInstruments(parts.database, parts.defaultBroker, { afresh: true });

  const presence = presenceOf(parts, 'all');
  const running: Running[] = [...startRoles(parts), ...startTelegram(parts, config)];
  running.push({ role: 'presence', stop: () => presence.stop() });
  started.add(() => stopAll(running, () => parts.cutBroker()));
  const api = await startApiRole(parts, config, dataDir);
  running.push(api);
  announce(config, tell, {
    apiUrl: api.url,
    tokenFile: api.tokenFile,
    token: api.token,
    paper,
    brokerRoot,
    logFile,
  });
  running.push({ role: 'terminal', ...showOrders(parts.database, tell) });
  if (config.demo && paper !== null) {
    const demo = await startDemo({
      apiUrl: api.url,
      adminToken: api.token,
      marketUrl: paper.url,
      dataDir,
      replayed: replayedShare(paper),
      log,
    });
    running.push({ role: 'demo', ...demo });
  }
}

/** The share of NSE whose candles are replayed, where the demo trades. */
function replayedShare({ replayed }: RunningPaperExchange): string | null {
  const [exchange, symbol = null] = replayed?.split(':') ?? [];
  return exchange === 'NSE' ? symbol : null;
}

/** From the first moment on it is ended with us, also when it only just starts. */
async function startDatabase(
  dataDir: string,
  tell: (line: string) => void,
  started: Started,
): Promise<string> {
  started.addServer(() => endPrivatePostgres({ dataDir }));
  const postgres = await startPrivatePostgres({ dataDir, log: tell, signal: started.ending });
  started.add(() => postgres.stop());
  tell(`PostgreSQL ${postgres.how} on 127.0.0.1:${postgres.port} (${postgres.directory})`);
  return postgres.url;
}

async function startPaper(
  config: Config,
  dataDir: string,
  tell: (line: string) => void,
  started: Started,
): Promise<RunningPaperExchange | null> {
  if (config.broker !== 'paper' || config.kiteApiRoot !== null) return null;
  const paper = await startPaperExchange({
    ...paperOptions(config, dataDir),
    log: tell,
  });
  started.add(() => paper.close());
  return paper;
}

function startRoles(parts: Composition): Running[] {
  return [
    startInstrumentLoader(parts),
    startDispatcher(parts),
    startValidator(parts),
    startSubmitter(parts),
    startFillPoller(parts),
    startReconciler(parts),
    startMarketData(parts),
    startRiskMonitor(parts),
    startAlerter(parts),
  ];
}

interface Announced {
  readonly apiUrl: string;
  readonly token: string;
  readonly tokenFile: string | null;
  readonly paper: RunningPaperExchange | null;
  readonly brokerRoot: string;
  readonly logFile: string;
}

function announce(config: Config, tell: (line: string) => void, at: Announced): void {
  const mode = config.broker === 'kite' ? 'LIVE: real orders go to Zerodha' : 'PAPER: no real money';
  tell('');
  tell(`  Sauda is running.  ${mode}`);
  tell(`  API           ${at.apiUrl}   (try ${at.apiUrl}/readyz)`);
  tell(`  admin token   ${at.token}${at.tokenFile === null ? '' : `   (kept in ${at.tokenFile})`}`);
  if (at.paper !== null) tell(`  exchange      ${at.paper.url}   control ${at.paper.controlUrl}`);
  else tell(`  broker        ${at.brokerRoot}`);
  tell(`  logs          ${at.logFile}`);
  tell('  Ctrl-C stops; the next start goes on where this one ends.');
  tell('');
}

function exitCodeOf(error: unknown): number {
  const isRefused = [DataDirLockedError, SchemaAheadError, LiveNotConfirmedError].some(
    (kind) => error instanceof kind,
  );
  if (isRefused) return EXIT.refused;
  return isUsage(error) ? EXIT.usage : EXIT.notReachable;
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
