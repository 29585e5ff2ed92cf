/** Tries for the lock on argv[2], says on one line whether it won, and then lives until it is killed. */
import { DataDirLockedError, lockDataDir } from '../../../../src/runtime/data-dir.ts';

const [, , directory = '', purpose = 'a test'] = process.argv;
process.stdin.once('data', () => {
  lockDataDir(directory, purpose).then(
    () => console.log(JSON.stringify({ won: true, pid: process.pid })),
    (error: unknown) => {
      if (!(error instanceof DataDirLockedError)) throw error;
      console.log(JSON.stringify({ won: false, holder: error.holder.pid }));
    },
  );
});
console.log('ready');
setInterval(() => undefined, 1_000);
