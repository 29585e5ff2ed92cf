import { runAllWithArguments } from '../src/runtime/all.ts';

await runAllWithArguments();
