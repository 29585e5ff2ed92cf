import { spawn } from 'node:child_process';

/** The user the database programs run as; null is our own. They refuse to run as root. */
export type RunAs = { readonly uid: number; readonly gid: number } | null;

/** A fixed environment: a missing LANG would make the cluster SQL_ASCII, and PG* variables would steer it. */
export const PROGRAM_ENV = { LC_ALL: 'C', PATH: '/usr/bin:/bin' } as const;

const KEPT_OUTPUT = 8_000;

export interface Finished {
  /** Null when the program could not be started or died of a signal. */
  readonly exitCode: number | null;
  readonly output: string;
}

/** Runs a program to its end, or until it is aborted; a program that cannot be started is a result too, not an error. */
export function run(
  program: string,
  args: readonly string[],
  runAs: RunAs,
  signal?: AbortSignal,
): Promise<Finished> {
  return new Promise((resolve) => {
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
    };
    const child = spawn(program, args, {
      ...runAs,
      ...(signal && { signal }),
      cwd: '/',
      env: PROGRAM_ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ exitCode: null, output: error.message }));
    child.once('close', (exitCode) => resolve({ exitCode, output }));
  });
}
