// Runs dependency-cruiser on the sources and refuses a run that saw too little: with a TypeScript it cannot load, it
// passes having cruised nothing.
import { spawnSync } from 'node:child_process';

const LEAST_MODULES = 150;

const run = spawnSync(
  process.execPath,
  [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    'src',
    'workers',
  ],
  { encoding: 'utf8' },
);
process.stdout.write(run.stdout);
process.stderr.write(run.stderr);
const modules = Number(/\((\d+) modules/.exec(run.stdout)?.[1] ?? /(\d+) modules/.exec(run.stdout)?.[1] ?? 0);
if (run.status === 0 && modules < LEAST_MODULES) {
  process.stderr.write(`only ${modules} modules were seen: the layering was not checked\n`);
  process.exit(1);
}
process.exit(run.status ?? 1);
