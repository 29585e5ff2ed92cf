import path from 'node:path';
import type { Config } from '../config/config.ts';
import { startPaperExchange } from '../paper-exchange/index.ts';
import { systemClock } from '../time/clock.ts';
import { openDataDir } from './data-dir.ts';
import { configOrExit } from './process.ts';
import { stopOnSignal } from './shutdown.ts';

/** The paper exchange as a process of its own: needs no database, keeps its books in DATA_DIR. */
export async function runPaperExchange(): Promise<void> {
  const config = configOrExit();
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const dataDir = await openDataDir(config.dataDir);
  const paper = await startPaperExchange({ ...paperOptions(config, dataDir), log: tell });
  tell(`paper exchange on ${paper.url}, control on ${paper.controlUrl}`);
  stopOnSignal(() => paper.close(), tell);
}

/** The exchange's own settings from the configuration; its books live in DATA_DIR. */
export function paperOptions(config: Config, dataDir: string): Parameters<typeof startPaperExchange>[0] {
  const { paper } = config;
  return {
    clock: systemClock,
    port: paper.port,
    controlPort: paper.controlPort,
    file: path.join(dataDir, 'paper-exchange.journal'),
    openingFunds: config.accountBalance.toFixed(2),
    seed: paper.seed,
    fillDelayMs: paper.fillDelayMs,
    fillProbability: paper.fillProbability,
    slippagePct: paper.slippagePct * 100,
    latencyMs: paper.latencyMs,
    ...(paper.replay === null ? {} : { replay: { path: path.resolve(paper.replay) } }),
  };
}
