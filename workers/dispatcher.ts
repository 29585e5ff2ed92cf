import { runProcess } from '../src/runtime/process.ts';
import { startDispatcher, startInstrumentLoader } from '../src/runtime/roles.ts';

await runProcess('dispatcher', (parts) => [startInstrumentLoader(parts), startDispatcher(parts)]);
