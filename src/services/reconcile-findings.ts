import type { FoundOrder, FoundTrade, StoredDifference } from '../db/stores/reconciliation-store.ts';
import { keyName } from '../reconciliation/positions.ts';

/** What a reconciliation tells of what the broker's ids have settled already: orders followed, and trades recorded. */

/** Trades that are named in a difference's evidence; what they moved counts all of them. */
const TRADES_SHOWN = 100;
const BY_OMS = { state: 'REPAIRED', settledBy: 'oms' } as const;

/**
 * One repaired difference for each key and cause whose books moved by trades that only the broker's book brought:
 * `ours` is what we would hold without them, `brokers` what we hold with them.
 */
export function repairsOf(
  trades: readonly FoundTrade[],
  held: ReadonlyMap<string, number>,
): StoredDifference[] {
  const groups = new Map<string, [FoundTrade, ...FoundTrade[]]>();
  for (const trade of trades) {
    const name = `${keyName(trade)} ${causeOfTrade(trade)}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [trade]);
    else group.push(trade);
  }
  const left = new Map(held);
  // Backwards from what is held now: each cause's trades are taken as if they had come after those before it.
  const repaired = [...groups.values()].reverse().map((group): StoredDifference => {
    const [first] = group;
    const moved = group.reduce((sum, { side, quantity }) => sum + (side === 'BUY' ? quantity : -quantity), 0);
    const after = left.get(keyName(first)) ?? 0;
    left.set(keyName(first), after - moved);
    const { exchange, symbol, product } = first;
    return {
      ...{ kind: 'TRADE', exchange, symbol, product, ours: after - moved, brokers: after },
      ...BY_OMS,
      cause: causeOfTrade(first),
      evidence: {
        ...{ before: after - moved, after, moved, tradeCount: group.length },
        trades: group.slice(0, TRADES_SHOWN).map((trade) => ({
          ...{ trade: `${trade.brokerOrderId}/${trade.tradeId}`, side: trade.side, quantity: trade.quantity },
          tradedAt: trade.tradedAt.toISOString(),
        })),
      },
      settledReason: 'trades with the broker’s ids',
    };
  });
  return repaired.reverse();
}

function causeOfTrade({ cause, byBroker }: FoundTrade): StoredDifference['cause'] {
  if (cause !== 'EXTERNAL') return 'MISSED_FILL';
  return byBroker ? 'RMS_SQUARE_OFF' : 'MANUAL_TRADE';
}

/** Orders that the book brought or ended: `ours` is what we took to be live of them, `brokers` what is. */
export function orderFindings(orders: readonly FoundOrder[]): StoredDifference[] {
  return orders.map((order) => {
    const { exchange, symbol, product, orderId, brokerOrderId, by, reason, quantity } = order;
    const left = quantity - order.filledQuantity;
    const ended = order.kind === 'OrderCancelled';
    return {
      ...{ kind: 'ORDER', exchange, symbol, product },
      ...(ended ? { ours: left, brokers: 0 } : { ours: 0, brokers: quantity }),
      ...BY_OMS,
      cause: causeOfOrder(order),
      evidence: { orderId, brokerOrderId, seq: order.seq, ...(ended ? { endedBy: by, reason } : {}) },
      settledReason: ended ? 'the broker’s book ended it' : 'found in the broker’s book by its tag',
    };
  });
}

function causeOfOrder({ kind, cause, by }: FoundOrder): StoredDifference['cause'] {
  if (kind === 'OrderCancelled') return by === 'SELF_TRADE' ? 'SELF_TRADE_CANCEL' : 'RMS_SQUARE_OFF';
  return cause === 'TWIN' ? 'TWIN' : 'ORPHAN';
}
