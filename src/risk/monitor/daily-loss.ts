import { judgeLoss } from './loss-limit.ts';
import type { MonitorRule } from './monitor.ts';

/** The day's net loss, open positions included, against MAX_DAILY_LOSS. */
export const dailyLoss: MonitorRule = {
  name: 'DAILY_LOSS',
  run: (input) =>
    judgeLoss(input, {
      condition: 'risk:daily_loss',
      type: 'daily_loss_limit',
      what: "the day's loss",
      loss: input.money.dayPnl.neg(),
      trustedLoss: input.money.trustedDayPnl.neg(),
      share: input.limits.maxDailyLoss,
      baseline: 'riskCapital',
      baselineValue: input.money.openingEquity,
    }),
};
