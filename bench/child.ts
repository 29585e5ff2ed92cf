import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process of the bench, called over its IPC channel. It ends by itself when the bench dies. */
export interface BenchChild {
  readonly pid: number;
  call(method: string, argument?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

interface Request {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export interface ChildOptions {
  /** Keeps a CPU profile of the child in this folder. */
  readonly profileDir?: string | null;
}

/** The settings of V8 that `npm start` uses: every process of the bench, the floor's too, runs with the same. */
export function startFlags(): string[] {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    scripts: { start: string };
  };
  return manifest.scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

/** Runs a TypeScript file of this folder in a process of its own. */
export async function startChild(
  file: string,
  { profileDir = null }: ChildOptions = {},
): Promise<BenchChild> {
  const profile = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    execArgv: [...startFlags(), '--import', 'tsx', ...profile],
    env: { PATH: process.env['PATH'], TZ: 'Asia/Kolkata', NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error === undefined) call?.resolve(reply.value);
    else call?.reject(new Error(`${file}: ${reply.error}`));
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended with code ${code}`));
  });
  await once(child, 'spawn');
  return {
    pid: child.pid ?? 0,
    call: (method, argument) =>
      new Promise((resolve, reject) => {
        calls += 1;
        waiting.set(calls, { resolve, reject });
        child.send({ id: calls, method, argument } satisfies Request);
      }),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** Answers the bench's calls in a child, one at a time or not as the handlers like. */
export function serveCalls(handlers: Handlers): void {
  process.on('message', (request: Request) => {
    const reply = (rest: Omit<Reply, 'id'>): unknown => process.send?.({ id: request.id, ...rest });
    const run = async (): Promise<void> => {
      const handler = handlers[request.method];
      if (handler === undefined) throw new Error(`there is no ${request.method}`);
      reply({ value: await handler(request.argument as never) });
    };
    run().catch((error: unknown) => reply({ error: error instanceof Error ? error.stack : String(error) }));
  });
  // Everything these processes hold is on loopback and thrown away after them.
  process.once('disconnect', () => process.exit(0));
}

/** Milliseconds on a clock that all processes of this machine share. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
