import type { BrokerTrade } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { newId } from '../../../src/time/random.ts';
import { recordTrade } from '../../../src/services/record-trade.ts';
import { type ApiFixture, goodOrder } from './support.ts';

let fills = 0;

/** Places an order and takes it to the broker by events, as the workers would. */
export async function placeAtBroker(
  api: ApiFixture,
  changes: Readonly<Record<string, unknown>> = {},
  marginPerUnit = '490',
): Promise<string> {
  const placed = await api.send('POST', '/v1/orders', { body: goodOrder(changes) });
  const { id, accountId, quantity } = placed.json as { id: string; accountId: string; quantity: number };
  await api.context.withAccount({
    accountId,
    actor: 'validator:test',
    needs: { orders: [id] },
    run: (view) => {
      let order = view.order(id)!;
      view.putChecks(id, 1, [{ check: 'BALANCE', verdict: 'PASS', value: '1', limit: '2', message: 'fine' }]);
      order = view.apply(order, {
        kind: 'OrderValidated',
        openingQuantity: quantity,
        marginPerUnit,
        riskPerUnit: '10',
        referencePrice: '2450',
      });
      const at = view.now.toISOString();
      order = view.apply(order, {
        kind: 'SubmissionClaimed',
        attempt: 1,
        tag: `T${newId().replaceAll('-', '').slice(-15)}`,
        notBefore: at,
        sendBy: at,
        resolveAt: at,
      });
      view.apply(order, {
        kind: 'OrderSubmitted',
        attempt: 1,
        brokerOrderId: `B${String(++fills)}`,
        via: 'ANSWER',
      });
    },
  });
  return id;
}

/** One fill of an order at the broker, traded now. */
export async function fill(api: ApiFixture, orderId: string, quantity: number, price: string): Promise<void> {
  await api.context.withAccount({
    accountId: 'main',
    actor: 'poller:test',
    needs: { orders: [orderId], tradesOf: [orderId], baseline: true },
    run: (view) => {
      const order = view.order(orderId)!;
      const trade: BrokerTrade = {
        tradeId: String(++fills),
        orderId: order.brokerOrderId!,
        exchangeOrderId: null,
        exchange: order.exchange,
        tradingsymbol: order.symbol,
        instrumentToken: 1,
        transactionType: order.side,
        product: order.product,
        quantity,
        price: decimal(price),
        fillTimestamp: view.now,
        raw: {},
      };
      const instrument = api.context.instruments.cached(order.instrumentId)!;
      recordTrade(view, order, trade, instrument, newId);
    },
  });
}

/** Sets a last price through the API, `ageMs` old. */
export async function price(api: ApiFixture, symbol: string, value: string, ageMs = 0): Promise<void> {
  const at = new Date(Date.now() - ageMs).toISOString();
  const answer = await api.send('PUT', '/v1/prices', { body: { prices: { [`NSE:${symbol}`]: value }, at } });
  if (answer.status !== 204) throw new Error(answer.text);
}
