import { runProcess } from '../src/runtime/process.ts';
import { startReconciler } from '../src/runtime/roles.ts';

await runProcess('reconciler', (parts) => [startReconciler(parts)]);
