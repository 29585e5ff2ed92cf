import { runProcess } from '../src/runtime/process.ts';
import { startFillPoller } from '../src/runtime/roles.ts';

await runProcess('fill-poller', (parts) => [startFillPoller(parts)]);
