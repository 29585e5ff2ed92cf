import { runAll } from '../src/runtime/all.ts';
import { replayArgumentsOrExit } from '../src/runtime/paper-process.ts';

await runAll(replayArgumentsOrExit('npm start --'));
