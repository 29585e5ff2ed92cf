import { runProcess } from '../src/runtime/process.ts';
import { startAlerter } from '../src/runtime/roles.ts';

await runProcess('alerter', (parts) => [startAlerter(parts)]);
