import { startApiRole } from '../src/runtime/api-role.ts';
import { runProcess } from '../src/runtime/process.ts';
import { startInstrumentLoader } from '../src/runtime/roles.ts';

await runProcess('api', async (parts, config) => [
  startInstrumentLoader(parts),
  await startApiRole(parts, config, config.dataDir),
]);
