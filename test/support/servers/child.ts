import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ChildProgram {
  readonly pid: number;
  /** The next line of its output; an error with its stderr when it ends first. */
  nextLine(): Promise<string>;
  write(text: string): void;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** To the whole process group, as a terminal does on Ctrl-C. */
  killGroup(signal: NodeJS.Signals): Promise<void>;
}

/** Runs a TypeScript program of the tests in a process, and a process group, of its own. */
export function startChild(
  url: URL,
  args: readonly string[],
  options: { readonly uid?: number; readonly gid?: number } = {},
): ChildProgram {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(url), ...args], {
    ...options,
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
    env: { PATH: process.env['PATH'] ?? '', TZ: 'Asia/Kolkata' },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    nextLine: async () => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`the child ended without a line: ${errors}`);
      return next.value;
    },
    write: (text) => void child.stdin.write(text),
    kill: (signal) => end(child, () => child.kill(signal)),
    killGroup: (signal) => end(child, () => process.kill(-(child.pid ?? 0), signal)),
  };
}

async function end(child: ChildProcess, kill: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  kill();
  await exited;
}
