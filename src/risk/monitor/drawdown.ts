import { judgeLoss } from './loss-limit.ts';
import type { MonitorRule } from './monitor.ts';

/** How far equity is under its highest since the last rebase, against MAX_DRAWDOWN. */
export const drawdown: MonitorRule = {
  name: 'DRAWDOWN',
  run: (input) =>
    judgeLoss(input, {
      condition: 'risk:drawdown',
      type: 'drawdown_limit',
      what: 'the drawdown',
      loss: input.money.drawdown,
      trustedLoss: input.money.trustedDrawdown,
      share: input.limits.maxDrawdown,
      baseline: 'peakEquity',
      baselineValue: input.money.peakEquity,
    }),
};
