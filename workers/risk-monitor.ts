import { runProcess } from '../src/runtime/process.ts';
import { startRiskMonitor } from '../src/runtime/roles.ts';

await runProcess('risk-monitor', (parts) => [startRiskMonitor(parts)]);
