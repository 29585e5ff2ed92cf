import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../wait.ts';

export interface WorkerProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process says that it runs; throws with its output when it ends first. */
  ready(): Promise<void>;
  running(): boolean;
  /** Everything it wrote to standard output and error. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** How it ended: a code, or the signal that killed it. */
  ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends it with SIGKILL if it still runs. */
  kill(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;

/** Runs workers/NAME.ts, or another TypeScript program of ours, as a process of its own with this environment alone. */
export function startWorkerProcess(
  program: string,
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): WorkerProcess {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const file = program.endsWith('.ts') ? program : `workers/${program}.ts`;
  const mutant = process.env['SAUDA_MUTANT'] ?? '';
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: root,
    env: {
      ...{ PATH: process.env['PATH'] ?? '', TZ: 'Asia/Kolkata', ...environment, LOG_LEVEL: 'info' },
      // A planted bug is in every process of a test.
      ...(mutant === '' ? {} : { SAUDA_MUTANT: mutant }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // What is kept of the output may be full of what came after it.
  let hasSaidSo = false;
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-50_000);
    hasSaidSo ||= output.includes('"msg":"running"');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = once(child, 'exit');
  const running = (): boolean => isRunning(child);
  return {
    name: program,
    pid: child.pid ?? 0,
    running,
    output: () => output,
    ready: async () => {
      await waitFor(
        () => {
          if (!running()) return true;
          return hasSaidSo;
        },
        { what: `${program} to run`, timeoutMs: START_TIMEOUT_MS },
      );
      if (!running()) throw new Error(`${program} ended before it ran: ${output}`);
    },
    signal: (signal) => void child.kill(signal),
    ended: async () => {
      await exited;
      return { code: child.exitCode, signal: child.signalCode };
    },
    kill: async () => {
      if (!running()) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
