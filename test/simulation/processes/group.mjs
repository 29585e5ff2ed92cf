/**
 * Some roles in one process, from the built tree, as `node dist/workers/NAME.js` runs one of them: a machine with two
 * cores starts six such processes again and again.
 *
 *   node test/simulation/processes/group.mjs validator,alerter
 */
import { runProcess } from '../../../dist/src/runtime/process.js';
import * as roles from '../../../dist/src/runtime/roles.js';

const START = {
  validator: roles.startValidator,
  submitter: roles.startSubmitter,
  'fill-poller': roles.startFillPoller,
  reconciler: roles.startReconciler,
  'risk-monitor': roles.startRiskMonitor,
  'market-data': roles.startMarketData,
  dispatcher: roles.startDispatcher,
  alerter: roles.startAlerter,
};

const names = (process.argv[2] ?? '').split(',');
await runProcess(names.join('+'), (parts) => names.map((name) => START[name](parts)));
