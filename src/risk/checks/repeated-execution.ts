import type { FinishedOrder, LiveOrder } from '../../domain/live-order.ts';
import { type Check, type CheckInput, ONLY_REDUCES, fail, pass, skip } from '../check.ts';

/**
 * Control 10: so many entries of one strategy in a stretch of time, then a person looks (the strategy is disabled). Those
 * that name none are counted together: with nothing to disable, they wait until the stretch is over.
 */
export const repeatedExecution: Check = {
  name: 'REPEATED_EXECUTION',
  run: (input) => {
    const { order, effect, limits } = input;
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const limit = limits.repeatedExecutionMax;
    if (limit === 0) return skip('no limit is set');
    const used = entriesBefore(input) + 1;
    const window = `${limits.repeatedExecutionWindowMs / 1000} s`;
    return used <= limit
      ? pass(`entry ${used} of ${limit} in ${window}`, used, limit)
      : fail(
          `would be entry ${used} of ${order.strategyId ?? 'orders without a strategy'} in ${window}, over the limit of ${limit}: a person must look`,
          used,
          limit,
        );
  },
};

/** Entries of the strategy that were let through in the window and since a person last enabled it. */
function entriesBefore({ order, at, limits, strategy, liveOrders, finishedOrders }: CheckInput): number {
  const since = Math.max(
    at.getTime() - limits.repeatedExecutionWindowMs,
    strategy?.armedAt?.getTime() ?? -Infinity,
  );
  const counts = (one: LiveOrder | FinishedOrder) =>
    one.strategyId === order.strategyId &&
    !('cause' in one && one.cause === 'EXTERNAL') &&
    one.role === 'ENTRY' &&
    one.openingQuantity > 0 &&
    one.createdAt.getTime() > since;
  // An order that the OMS refused opened nothing: its opening quantity was never set.
  return liveOrders.filter(counts).length + finishedOrders.filter(counts).length;
}
