import { runPaperExchange } from '../src/runtime/paper-process.ts';

await runPaperExchange();
