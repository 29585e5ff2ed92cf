import { runProcess } from '../src/runtime/process.ts';
import { startValidator } from '../src/runtime/roles.ts';

await runProcess('validator', (parts) => [startValidator(parts)]);
