import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { SchemaAheadError, migrate } from '../db/migrate.ts';
import { createLogger } from '../logging/logger.ts';
import {
  PaperOptionsError,
  ReplayError,
  type RunningPaperExchange,
  startPaperExchange,
} from '../paper-exchange/index.ts';
import { DEFAULT_ACCOUNT, openAccount } from '../services/open-account.ts';
import { startApiRole } from './api-role.ts';
import { type Composition, brokerRootOf, compose } from './compose.ts';
import { DataDirLockedError, lockDataDir, openDataDir } from './data-dir.ts';
import { startDemo } from './demo.ts';
import { paperOptions } from './paper-process.ts';
import { startPrivatePostgres } from './private-postgres.ts';
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

/** Ends one started part; kept in the order of starting, run in the reverse order. */
type Undo = () => Promise<unknown>;

export interface AllOptions {
  /** A file of candles that drives the market instead of the random walk. */
  readonly replay: string | null;
  /** Whatever the configuration says. */
  readonly demo?: boolean;
}

/** `npm start -- --replay FILE`: what an unknown argument gets is a sentence, not a stack. */
export async function runAllWithArguments(): Promise<void> {
  let replay: string | undefined;
  try {
    ({ replay } = parseArgs({ options: { replay: { type: 'string' } } }).values);
  } catch (error) {
    process.stderr.write(`${explain(error)}\nusage: npm start [-- --replay FILE]\n`);
    process.exit(EXIT.usage);
  }
  await runAll({ replay: replay ?? null });
}

/**
 * Everything in one process: private Postgres (unless DATABASE_URL is set), migrations, paper exchange (unless
 * another broker is named), queues, all workers, the API, the terminal and the demo strategy.
 */
export async function runAll(options: AllOptions): Promise<void> {
  const config = configOrExit({
    ...(options.replay === null ? {} : { PAPER_REPLAY: options.replay }),
    ...(options.demo === true ? { DEMO: 'on' } : {}),
  });
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const undo: Undo[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step().catch(() => undefined);
  };
  stopOnSignal(async () => {
    tell('\nstopping: no new orders, finishing what is under way');
    await stop();
    tell('stopped. Every order is in the database; the next start goes on from there.');
  }, tell);
  try {
    await start(config, tell, undo);
  } catch (error) {
    await stop();
    process.stderr.write(`${explain(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

async function start(config: Config, tell: (line: string) => void, undo: Undo[]): Promise<void> {
  const dataDir = await openDataDir(config.dataDir);
  const lock = await lockDataDir(dataDir, 'sauda');
  undo.push(() => lock.release());
  const logFile = path.join(dataDir, 'logs', 'sauda.log');
  mkdirSync(path.dirname(logFile), { recursive: true, mode: 0o700 });
  const log = createLogger({ level: config.logLevel, processName: `all:${process.pid}`, file: logFile });

  const databaseUrl = config.databaseUrl ?? (await startDatabase(dataDir, tell, undo));
  await migrate(databaseUrl);
  const paper = await startPaper(config, dataDir, tell, undo);
  const brokerRoot = brokerRootOf(config, paper?.url ?? null);
  const parts = await compose({ config, databaseUrl, brokerRoot, processName: `all:${process.pid}`, log });
  undo.push(() => parts.close());
  await openAccount(parts.context, { id: DEFAULT_ACCOUNT, name: 'Main', actor: 'system' });

  const presence = presenceOf(parts, 'all');
  undo.push(() => presence.stop());
  const running = [...startRoles(parts), ...startTelegram(parts, config)];
  undo.push(() => stopAll(running));
  const api = await startApiRole(parts, config, dataDir);
  undo.push(() => api.stop());
  announce(config, tell, {
    apiUrl: api.url,
    tokenFile: api.tokenFile,
    token: api.token,
    paper,
    brokerRoot,
    logFile,
  });
  const terminal = showOrders(parts.database, tell);
  undo.push(() => terminal.stop());
  if (config.demo && paper !== null) {
    const demo = await startDemo({
      apiUrl: api.url,
      adminToken: api.token,
      marketUrl: paper.url,
      dataDir,
      replayed: paper.replayed?.split(':')[1] ?? null,
      log,
    });
    undo.push(() => demo.stop());
  }
}

async function startDatabase(dataDir: string, tell: (line: string) => void, undo: Undo[]): Promise<string> {
  const postgres = await startPrivatePostgres({ dataDir, log: tell });
  undo.push(() => postgres.stop());
  tell(`PostgreSQL ${postgres.how} on 127.0.0.1:${postgres.port} (${postgres.directory})`);
  return postgres.url;
}

async function startPaper(
  config: Config,
  dataDir: string,
  tell: (line: string) => void,
  undo: Undo[],
): Promise<RunningPaperExchange | null> {
  if (config.broker !== 'paper' || config.kiteApiRoot !== null) return null;
  const paper = await startPaperExchange({
    ...paperOptions(config, dataDir),
    log: tell,
  });
  undo.push(() => paper.close());
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
  if (error instanceof DataDirLockedError || error instanceof SchemaAheadError) return EXIT.refused;
  return error instanceof ReplayError || error instanceof PaperOptionsError ? EXIT.usage : EXIT.notReachable;
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
