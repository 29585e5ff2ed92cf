import type { Decimal } from '../../domain/money.ts';
import { percent, rupees } from '../check.ts';
import {
  type Finding,
  type MonitorInput,
  type Severity,
  NEAR_SHARE,
  levelOf,
  oldestPriceAgeMs,
  severer,
} from './monitor.ts';

export interface LossLimit {
  readonly condition: string;
  readonly type: string;
  /** "the day's loss": what the sentence begins with. */
  readonly what: string;
  /** By the newest prices, and by those that can be trusted. */
  readonly loss: Decimal;
  readonly trustedLoss: Decimal;
  readonly share: Decimal;
  readonly baseline: 'riskCapital' | 'peakEquity';
  readonly baselineValue: Decimal;
}

/**
 * WARNING from 80% of a loss limit on, CRITICAL at it. By prices that can not be trusted it is WARNING at most: they
 * warn, they never halt. Such prices take nothing back either.
 */
export function judgeLoss(input: MonitorInput, of: LossLimit): readonly Finding[] {
  const limit = of.baselineValue.times(of.share);
  if (limit.lte(0)) return [];
  const standing = input.standing(of.condition);
  const level = levelOf(of.loss, { warning: limit.times(NEAR_SHARE), critical: limit }, standing);
  const trusted = levelOf(of.trustedLoss, { warning: null, critical: limit }, standing);
  const doubted = level === 'CRITICAL' && trusted !== 'CRITICAL';
  const severity: Severity | null = doubted ? 'WARNING' : level;
  const kept = input.money.allGood ? severity : severer(severity, standing);
  if (kept === null) return [];
  const reached = of.loss.gte(limit);
  return [
    {
      condition: of.condition,
      type: of.type,
      severity: kept,
      message:
        `${of.what} ${rupees(of.loss)} is ${reached ? 'at' : 'near'} the limit ${rupees(limit)} ` +
        `(${percent(of.share)} of ${of.baseline} ${rupees(of.baselineValue)})` +
        (doubted ? '; not all prices can be trusted, so it does not halt trading' : ''),
      details: {
        value: of.loss.toFixed(2),
        limit: limit.toFixed(2),
        baseline: of.baseline,
        baselineValue: of.baselineValue.toFixed(2),
        equity: input.money.equity.toFixed(2),
        priceAgeMs: oldestPriceAgeMs(input.positions),
      },
    },
  ];
}
