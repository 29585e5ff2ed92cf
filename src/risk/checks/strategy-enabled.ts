import { type Check, ONLY_REDUCES, fail, pass, skip } from '../check.ts';

/** Control 17: an order that opens names a strategy that is enabled, or none. */
export const strategyEnabled: Check = {
  name: 'STRATEGY_ENABLED',
  run: ({ order, effect, strategy }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    if (order.strategyId === null) return skip('the order names no strategy');
    if (strategy === null) return pass(`strategy ${order.strategyId} is new`);
    if (strategy.enabled) return pass(`strategy ${strategy.id} is enabled`);
    const because = strategy.disabledReason === null ? '' : ` (${strategy.disabledReason})`;
    return fail(
      `strategy ${strategy.id} is disabled${because}: entries are refused until a person enables it`,
    );
  },
};
