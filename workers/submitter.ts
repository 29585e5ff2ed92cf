import { runProcess } from '../src/runtime/process.ts';
import { startSubmitter } from '../src/runtime/roles.ts';

await runProcess('submitter', (parts) => [startSubmitter(parts)]);
