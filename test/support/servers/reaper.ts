import { spawn } from 'node:child_process';

/**
 * Watches over a server that outlives kill -9 of the test run: a shell that waits for the end of our pipe, which
 * comes with our death in any form, then stops the process named in the pid file and removes the folder.
 */
export interface Reaper {
  /** The servers were stopped in order; the shell ends, and removes what is left of the folder. */
  dismiss(): Promise<void>;
}

/** A server may be paused when its run dies, its children too: it goes on first, and what can not stop is killed. */
const SCRIPT = `
  cat > /dev/null
  pid=$(head -n 1 "$1" 2>/dev/null)
  # A number that another process has by now is not ours: the server lives in the folder.
  if [ -d /proc/self ]; then
    case "$(readlink "/proc/$pid/cwd" 2>/dev/null)" in "$2"*) ;; *) pid= ;; esac
  fi
  everyone() { ps -A -o pid=,ppid= | while read -r p of; do [ "$of" = "$pid" ] && echo "$p"; done; echo "$pid"; }
  if [ -n "$pid" ]; then
    kill -s "$3" "$pid" 2>/dev/null
    kill -s CONT $(everyone) 2>/dev/null
  fi
  tries=0
  while [ -n "$pid" ] && [ -e "$1" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  if [ -n "$pid" ] && [ -e "$1" ]; then kill -s KILL $(everyone) 2>/dev/null; fi
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
