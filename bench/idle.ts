/** What `npm start` costs with nothing to do: the compiled process and the private Postgres with its sessions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endPrivatePostgres, findPrivatePostgres } from '../src/runtime/private-postgres.ts';
import { startFlags } from './child.ts';
import { readTree } from './process-tree.ts';

/** Of our process and of the private Postgres with its sessions, which outweigh it. */
export interface IdleCost {
  readonly processes: number;
  /** Share of one core. */
  readonly cpuShare: number;
  readonly residentBytes: number;
}

const MAIN = fileURLToPath(new URL('../dist/workers/all.js', import.meta.url));
const STARTED_WITHIN_MS = 60_000;

/** Needs a fresh build. Waits until the process says that it runs, then for `settleMs`, and measures for `forMs`. */
export async function measureIdle(of: {
  readonly dataDir: string;
  readonly settleMs: number;
  readonly forMs: number;
}): Promise<IdleCost> {
  const { dataDir, settleMs, forMs } = of;
  const ports = { PORT: '0', PAPER_PORT: '0', PAPER_CONTROL_PORT: '0' };
  const child = spawn(process.execPath, [...startFlags(), MAIN], {
    env: {
      ...{ PATH: process.env['PATH'], TZ: 'Asia/Kolkata', NODE_ENV: 'production' },
      ...{ ...ports, DATA_DIR: dataDir, DEMO: 'off' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await saysThatItRuns(child.stdout, ended);
    await sleep(settleMs);
    const postgres = await findPrivatePostgres({ dataDir });
    const roots = [child.pid, postgres?.pid].filter((pid) => pid !== undefined);
    const before = await readTree(roots);
    const began = performance.now();
    await sleep(forMs);
    const after = await readTree(roots);
    return {
      processes: after.processes,
      residentBytes: after.residentBytes,
      cpuShare: (after.cpuMs - before.cpuMs) / (performance.now() - began),
    };
  } finally {
    child.kill('SIGINT');
    await ended;
    await endPrivatePostgres({ dataDir });
  }
}

async function saysThatItRuns(output: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<void> {
  const runs = new Promise<void>((resolve) => {
    let text = '';
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('Sauda is running')) resolve();
    });
  });
  const late = sleep(STARTED_WITHIN_MS, 'late', { ref: false });
  const first = await Promise.race([runs, late, ended.then(() => 'ended')]);
  if (first !== undefined)
    throw new Error(`the idle process ${first === 'late' ? 'did not start' : 'ended'}`);
}
