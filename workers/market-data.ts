import { runProcess } from '../src/runtime/process.ts';
import { startMarketData } from '../src/runtime/roles.ts';

await runProcess('market-data', (parts) => [startMarketData(parts)]);
