import { replayArgumentsOrExit, runPaperExchange } from '../src/runtime/paper-process.ts';

await runPaperExchange(replayArgumentsOrExit('node dist/workers/paper-exchange.js'));
