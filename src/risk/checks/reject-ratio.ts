import type { FinishedOrder } from '../../domain/live-order.ts';
import { type Check, type CheckInput, ONLY_REDUCES, fail, ordersOf, pass, percent, skip } from '../check.ts';
import { decimal } from '../../domain/money.ts';

/** Fewer orders than this say nothing of a strategy. */
const LEAST_ORDERS = 10;

/**
 * Control 14: a strategy most of whose orders are refused, by whomever, is broken: it is disabled until a person looks.
 * Orders that name none are judged together, until the window has passed: what this very check refused is not counted.
 */
export const rejectRatio: Check = {
  name: 'REJECT_RATIO',
  run: (input) => {
    const { order, effect, limits } = input;
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const limit = limits.rejectRatioPause;
    if (limit.isZero()) return skip('no limit is set');
    const { total, rejected } = countOrders(input);
    if (total < LEAST_ORDERS) return pass(`${rejected} of ${total} orders rejected, too few to judge`);
    const share = decimal(rejected).div(total);
    const window = `${limits.rejectRatioWindowMs / 1000} s`;
    const text = `${rejected} of ${total} ${ordersOf(order.strategyId)} in ${window} were rejected (${percent(share)})`;
    return share.lt(limit)
      ? pass(`${text}, under ${percent(limit)}`, share, limit)
      : fail(`${text}; at ${percent(limit)} a person must look`, share, limit);
  },
};

function countOrders({ order, at, limits, strategy, liveOrders, finishedOrders }: CheckInput): {
  readonly total: number;
  readonly rejected: number;
} {
  const since = Math.max(
    at.getTime() - limits.rejectRatioWindowMs,
    strategy?.armedAt?.getTime() ?? -Infinity,
  );
  const counts = (one: { readonly strategyId: string | null; readonly createdAt: Date }) =>
    one.strategyId === order.strategyId && one.createdAt.getTime() > since;
  const finished = finishedOrders.filter(
    (done) => counts(done) && !isOurPause(done) && done.cause !== 'EXTERNAL',
  );
  return {
    total: liveOrders.filter(counts).length + finished.length,
    rejected: finished.filter((done) => done.status === 'REJECTED').length,
  };
}

/** What was refused because trading stood still, or by this check, says nothing new of who placed it. */
function isOurPause({ rejectedBy, failedCheck }: FinishedOrder): boolean {
  return rejectedBy === 'OMS' && (failedCheck === 'CIRCUIT_BREAKER' || failedCheck === rejectRatio.name);
}
