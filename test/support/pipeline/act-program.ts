/**
 * A process that does what the API does for a person: for tests that kill it on the way.
 * Arguments: an order's id, then cancel | modify PRICE | neverPlaced | adopt BROKER_ORDER_ID | adjust QUANTITY, the last
 * of which sets what is held of the order's share.
 */
import { decimal } from '../../../src/domain/money.ts';
import { configOrExit } from '../../../src/runtime/process.ts';
import { brokerRootOf } from '../../../src/runtime/broker-root.ts';
import { compose } from '../../../src/runtime/compose.ts';
import { createLogger } from '../../../src/logging/logger.ts';
import { adjustPosition } from '../../../src/services/adjust-position.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';
import { modifyOrder } from '../../../src/services/modify-order.ts';
import { resolveOrder } from '../../../src/services/resolve-order.ts';

const [orderId = '', what = '', detail = ''] = process.argv.slice(2);
const config = configOrExit();
const log = createLogger({ level: 'silent', processName: 'act', file: null });
const parts = await compose({
  config,
  databaseUrl: config.databaseUrl ?? '',
  brokerRoot: brokerRootOf(config, null),
  processName: 'act',
  log,
});
const of = { accountId: 'main', orderId, actor: 'a person' };
const command = { ...of, strategyId: null, idempotencyKey: null };
const { context } = parts;
const adjust = async () => {
  const instrument = await context.instruments.find('NSE', 'RELIANCE');
  if (instrument === null) throw new Error('there is no RELIANCE');
  return adjustPosition(context, {
    ...{ accountId: 'main', actor: 'a person', instrument, product: 'MIS', quantity: Number(detail) },
    ...{ price: null, reason: 'a test', evidence: {}, onlyFrom: null },
  });
};
const done =
  what === 'adjust'
    ? await adjust()
    : what === 'cancel'
      ? await cancelOrder(context, { ...command, reason: null })
      : what === 'modify'
        ? await modifyOrder(context, { ...command, terms: { price: decimal(detail) } })
        : await resolveOrder(context, {
            ...of,
            decision: what === 'adopt' ? 'adopt' : 'neverPlaced',
            brokerOrderId: what === 'adopt' ? detail : null,
            reason: 'a test',
          });
process.stdout.write(`${JSON.stringify(done.ok)}\n`);
await parts.close();
