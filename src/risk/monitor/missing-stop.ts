import { type MonitorRule, named, positionId } from './monitor.ts';

/** A managed position that nothing bounds the loss of. */
export const missingStop: MonitorRule = {
  name: 'MISSING_STOP',
  run: ({ positions }) =>
    positions
      .filter(({ stopLoss }) => stopLoss === null)
      .map((position) => ({
        condition: `risk:missing_stop:${positionId(position)}`,
        type: 'missing_stop',
        severity: 'CRITICAL' as const,
        message: `${named(position)} is open without a stop`,
        details: {
          exchange: position.exchange,
          symbol: position.symbol,
          product: position.product,
          quantity: position.quantity,
        },
      })),
};
