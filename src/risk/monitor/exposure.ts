import type { Decimal } from '../../domain/money.ts';
import { rupees } from '../check.ts';
import { type Finding, type MonitorInput, type MonitorRule, levelOf, oldestPriceAgeMs } from './monitor.ts';

/** Value held, long and short added up (gross) and set off (net), against multiples of riskCapital; off until set. */
export const exposure: MonitorRule = {
  name: 'EXPOSURE',
  run: (input) => [
    ...judge(input, 'gross', input.grossExposure, input.limits.maxGrossExposure),
    ...judge(input, 'net', input.netExposure.abs(), input.limits.maxNetExposure),
  ],
};

function judge(input: MonitorInput, kind: 'gross' | 'net', value: Decimal, times: Decimal): Finding[] {
  const riskCapital = input.money.openingEquity;
  const limit = riskCapital.times(times);
  const condition = `risk:exposure:${kind}`;
  const severity = levelOf(value, { warning: limit, critical: null }, input.standing(condition));
  if (severity === null) return [];
  return [
    {
      condition,
      type: `${kind}_exposure`,
      severity,
      message: `${kind} exposure ${rupees(value)} is over ${rupees(limit)} (${times.toFixed()} x riskCapital ${rupees(riskCapital)})`,
      details: {
        value: value.toFixed(2),
        limit: limit.toFixed(2),
        riskCapital: riskCapital.toFixed(2),
        priceAgeMs: oldestPriceAgeMs(input.positions),
      },
    },
  ];
}
