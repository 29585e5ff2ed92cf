import { spawn } from 'node:child_process';

/**
 * Watches over a server that outlives kill -9 of the test run: a shell that waits for the end of our pipe, which
 * comes with our death in any form, then stops the process named in the pid file and removes the folder.
 */
export interface Reaper {
  /** The servers were stopped in order; the shell ends, and removes what is left of the folder. */
  dismiss(): Promise<void>;
}

const SCRIPT = `
  cat > /dev/null
  pid=$(head -n 1 "$1" 2>/dev/null)
  if [ -n "$pid" ]; then kill -s "$3" "$pid" 2>/dev/null; fi
  tries=0
  while [ -n "$pid" ] && [ -e "$1" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  rm -rf "$2"
`;

export function startReaper(pidFile: string, folder: string, signal: 'INT' | 'TERM'): Reaper {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'reaper', pidFile, folder, signal], {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return {
    dismiss: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.stdin.end();
        if (child.exitCode !== null || child.signalCode !== null) resolve();
      }),
  };
}
