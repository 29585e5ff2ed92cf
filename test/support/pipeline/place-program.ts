/** A process that accepts one order, as the API does: for tests that kill it on the way. Arguments: account, client order id. */
import { configOrExit } from '../../../src/runtime/process.ts';
import { brokerRootOf } from '../../../src/runtime/broker-root.ts';
import { compose } from '../../../src/runtime/compose.ts';
import { createLogger } from '../../../src/logging/logger.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { orderRequest } from './requests.ts';

const [account = 'main', clientOrderId = 'none'] = process.argv.slice(2);
const config = configOrExit();
const log = createLogger({ level: 'silent', processName: 'place', file: null });
const parts = await compose({
  config,
  databaseUrl: config.databaseUrl ?? '',
  brokerRoot: brokerRootOf(config, null),
  processName: 'place',
  log,
});
const placed = await placeOrder(parts.context, {
  accountId: account,
  actor: 'test',
  request: orderRequest({ clientOrderId }),
});
process.stdout.write(`${JSON.stringify(placed.ok)}\n`);
await parts.close();
