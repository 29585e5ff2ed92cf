import type { Decimal } from '../../domain/money.ts';
import {
  type Finding,
  type MonitorRule,
  type MonitoredPosition,
  type Severity,
  named,
  positionId,
} from './monitor.ts';

/** Of the way from the average price to the stop, what is left when a person is told. */
const NEAR_STOP_SHARE = 0.2;
/** What must be left again before that is taken back; and before a price past the stop is. */
const CLEAR_OF_STOP_SHARE = 0.25;
const BACK_FROM_PAST_SHARE = 0.1;

/** WARNING when the price is near the stop; CRITICAL when it is past it and the position is still there. */
export const nearStop: MonitorRule = {
  name: 'NEAR_STOP',
  run: ({ positions, standing }) =>
    positions.flatMap((position): Finding[] => {
      const { stopLoss, lastPrice, quality } = position;
      if (stopLoss === null) return [];
      const condition = `risk:near_stop:${positionId(position)}`;
      if (lastPrice === null || quality !== 'GOOD') return [{ condition, severity: null }];
      const left = distance(position, lastPrice, stopLoss);
      const severity = judge(position, left, stopLoss, standing(condition));
      if (severity === null) return [];
      return [
        {
          condition,
          type: 'near_stop',
          severity,
          message: left.lte(0)
            ? `${named(position)}: the price ${lastPrice.toFixed(2)} is past the stop ${stopLoss.toFixed(2)} and the position is open`
            : `${named(position)}: the price ${lastPrice.toFixed(2)} is ${left.toFixed(2)} from the stop ${stopLoss.toFixed(2)}`,
          details: {
            exchange: position.exchange,
            symbol: position.symbol,
            product: position.product,
            lastPrice: lastPrice.toFixed(),
            stopLoss: stopLoss.toFixed(),
            averagePrice: position.averagePrice.toFixed(),
            priceAgeMs: position.priceAgeMs,
          },
        },
      ];
    }),
};

/** Rupees a unit from `price` to the stop; zero or less is at or past it. */
function distance({ quantity }: MonitoredPosition, price: Decimal, stop: Decimal): Decimal {
  return quantity > 0 ? price.minus(stop) : stop.minus(price);
}

function judge(
  position: MonitoredPosition,
  left: Decimal,
  stop: Decimal,
  standing: Severity | null,
): Severity | null {
  const way = distance(position, position.averagePrice, stop);
  if (left.lte(0)) return 'CRITICAL';
  // A stop moved past the average price locks in a gain: there is no way to measure nearness by.
  if (way.lte(0)) return null;
  if (standing === 'CRITICAL' && left.lte(way.times(BACK_FROM_PAST_SHARE))) return 'CRITICAL';
  return left.lte(way.times(standing === null ? NEAR_STOP_SHARE : CLEAR_OF_STOP_SHARE)) ? 'WARNING' : null;
}
