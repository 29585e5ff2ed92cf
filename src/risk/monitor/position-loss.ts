import { percent, rupees } from '../check.ts';
import {
  type Finding,
  type MonitorInput,
  type MonitorRule,
  type MonitoredPosition,
  levelOf,
  named,
  positionId,
} from './monitor.ts';

export const lossCondition = (position: MonitoredPosition) => `risk:position_loss:${positionId(position)}`;
/** Stands from the exit of a position until the position is gone. */
export const exitCondition = (position: MonitoredPosition) => `risk:position_exit:${positionId(position)}`;

/** A position's unrealized loss as a share of what it cost, against MAX_POSITION_LOSS_PCT: one CRITICAL each. */
export const positionLoss: MonitorRule = {
  name: 'POSITION_LOSS',
  run: (input) =>
    input.positions.flatMap((position) => [
      { condition: exitCondition(position), severity: null },
      ...judge(input, position),
    ]),
};

function judge(input: MonitorInput, position: MonitoredPosition): Finding[] {
  const limit = position.openValue.times(input.limits.maxPositionLossPct);
  if (limit.lte(0)) return [];
  const condition = lossCondition(position);
  // An old or odd price neither raises this nor takes it back.
  if (position.quality !== 'GOOD' || position.unrealizedPnl === null) return [{ condition, severity: null }];
  const loss = position.unrealizedPnl.neg();
  const severity = levelOf(loss, { warning: null, critical: limit }, input.standing(condition));
  if (severity === null) return [];
  return [
    {
      condition,
      type: 'position_loss_limit',
      severity,
      message: `${named(position)} loses ${rupees(loss)} (${percent(loss.div(position.openValue))} of its cost ${rupees(position.openValue)}); the limit is ${percent(input.limits.maxPositionLossPct)}`,
      details: {
        exchange: position.exchange,
        symbol: position.symbol,
        product: position.product,
        quantity: position.quantity,
        loss: loss.toFixed(2),
        limit: limit.toFixed(2),
        lastPrice: position.lastPrice?.toFixed() ?? null,
        priceAgeMs: position.priceAgeMs,
      },
    },
  ];
}

/** Positions over the limit whose alert stands since an earlier look: what POSITION_LOSS_EXIT=yes closes. */
export function positionsToExit(input: MonitorInput): readonly MonitoredPosition[] {
  return input.positions.filter((position) => {
    const limit = position.openValue.times(input.limits.maxPositionLossPct);
    return (
      position.quality === 'GOOD' &&
      limit.gt(0) &&
      position.unrealizedPnl?.neg().gte(limit) === true &&
      input.standing(lossCondition(position)) === 'CRITICAL'
    );
  });
}
