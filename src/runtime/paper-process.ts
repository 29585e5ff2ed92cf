import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { PaperOptionsError, ReplayError, startPaperExchange } from '../paper-exchange/index.ts';
import { systemClock } from '../time/clock.ts';
import { openDataDir } from './data-dir.ts';
import { EXIT, configOrExit } from './process.ts';
import { stopOnSignal } from './shutdown.ts';

/** What drives the market instead of the random walk; what is left out is as the configuration says. */
export interface ReplayArguments {
  /** Candles in Kite's historical format. */
  readonly replay?: string | undefined;
  /** Whose they are, EXCHANGE:SYMBOL, when the file's name does not say it. */
  readonly instrument?: string | undefined;
}

/** The arguments of a worker; what an unknown one gets is a sentence and exit code 2, not a stack. */
export function replayArgumentsOrExit(usage: string): ReplayArguments {
  try {
    return parseArgs({ options: { replay: { type: 'string' }, instrument: { type: 'string' } } }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${problem}\nusage: ${usage} [--replay FILE [--instrument EXCHANGE:SYMBOL]]\n`);
    process.exit(EXIT.usage);
  }
}

/** As variables over those of the environment. */
export function replayVariables({ replay, instrument }: ReplayArguments): Record<string, string> {
  return {
    ...(replay === undefined ? {} : { PAPER_REPLAY: replay }),
    ...(instrument === undefined ? {} : { PAPER_REPLAY_INSTRUMENT: instrument }),
  };
}

/** The paper exchange as a process of its own: needs no database, keeps its books in DATA_DIR. */
export async function runPaperExchange(given: ReplayArguments): Promise<void> {
  const config = configOrExit(replayVariables(given));
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const dataDir = await openDataDir(config.dataDir);
  try {
    const paper = await startPaperExchange({ ...paperOptions(config, dataDir), log: tell });
    stopOnSignal(() => paper.close(), { tell });
  } catch (error) {
    if (!isUsage(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT.usage);
  }
}

/** Candles or settings that make no sense: the start is refused before anything runs. */
export function isUsage(error: unknown): error is Error {
  return error instanceof ReplayError || error instanceof PaperOptionsError;
}

/** The exchange's own settings from the configuration; its books live in DATA_DIR. */
export function paperOptions(config: Config, dataDir: string): Parameters<typeof startPaperExchange>[0] {
  const { paper } = config;
  return {
    clock: systemClock,
    host: paper.host,
    port: paper.port,
    controlPort: paper.controlPort,
    file: path.join(dataDir, 'paper-exchange.journal'),
    openingFunds: config.accountBalance.toFixed(2),
    seed: paper.seed,
    fillDelayMs: paper.fillDelayMs,
    fillProbability: paper.fillProbability,
    slippagePct: paper.slippagePct,
    latencyMs: paper.latencyMs,
    transitMs: paper.transitMs,
    partialFillChance: paper.partialFillChance,
    volumeCap: paper.volumeCap,
    ...(paper.replay === null ? {} : { replay: replayOptions(paper.replay) }),
  };
}

function replayOptions(replay: NonNullable<Config['paper']['replay']>) {
  const { file, instrument, candleMs } = replay;
  return { path: path.resolve(file), candleMs, ...(instrument === null ? {} : { instrument }) };
}
