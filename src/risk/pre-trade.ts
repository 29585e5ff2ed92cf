import type { Check, CheckInput, CheckResult } from './check.ts';
import { balance } from './checks/balance.ts';
import { circuitBreaker } from './checks/circuit-breaker.ts';
import { dailyLoss } from './checks/daily-loss.ts';
import { delivery } from './checks/delivery.ts';
import { duplicateOrder } from './checks/duplicate-order.ts';
import { instrumentRules } from './checks/instrument-rules.ts';
import { marketData } from './checks/market-data.ts';
import { openOrderValue } from './checks/open-order-value.ts';
import { orderToPositionRatio } from './checks/order-to-position-ratio.ts';
import { orderValue } from './checks/order-value.ts';
import { positionLeaving } from './checks/position-leaving.ts';
import { positionLimit } from './checks/position-limit.ts';
import { positionValue } from './checks/position-value.ts';
import { priceSanity } from './checks/price-sanity.ts';
import { quantityLimits } from './checks/quantity-limits.ts';
import { reduceOnly } from './checks/reduce-only.ts';
import { rejectRatio } from './checks/reject-ratio.ts';
import { repeatedExecution } from './checks/repeated-execution.ts';
import { restrictedInstrument } from './checks/restricted-instrument.ts';
import { riskPerTrade } from './checks/risk-per-trade.ts';
import { riskReward } from './checks/risk-reward.ts';
import { selfMatch } from './checks/self-match.ts';
import { session } from './checks/session.ts';
import { stopLossRequired } from './checks/stop-loss-required.ts';
import { strategyEnabled } from './checks/strategy-enabled.ts';
import { triggerSanity } from './checks/trigger-sanity.ts';
import { unconfirmedExecution } from './checks/unconfirmed-execution.ts';

/** The declared order (api.md): the brief's ten, REDUCE_ONLY, then by controls.md's numbers. A new check is a file and a row. */
export const CHECKS: readonly Check[] = [
  circuitBreaker,
  balance,
  positionLimit,
  riskPerTrade,
  dailyLoss,
  stopLossRequired,
  riskReward,
  priceSanity,
  quantityLimits,
  orderToPositionRatio,
  reduceOnly,
  orderValue,
  triggerSanity,
  instrumentRules,
  session,
  delivery,
  positionValue,
  openOrderValue,
  unconfirmedExecution,
  repeatedExecution,
  duplicateOrder,
  rejectRatio,
  selfMatch,
  restrictedInstrument,
  strategyEnabled,
  marketData,
  positionLeaving,
];

export interface PreTradeVerdict {
  readonly results: readonly CheckResult[];
  /** The first failure in declared order; warnings do not block. */
  readonly failed: CheckResult | null;
}

/** Runs every check, also after the first failure: a trader sees all that is wrong at once. */
export function runChecks(input: CheckInput): PreTradeVerdict {
  const results = CHECKS.map((check) => ({ check: check.name, ...check.run(input) }));
  return { results, failed: results.find((result) => result.verdict === 'FAIL') ?? null };
}
