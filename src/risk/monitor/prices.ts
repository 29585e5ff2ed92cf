import {
  type MonitorInput,
  type MonitorRule,
  type MonitoredPosition,
  type Told,
  named,
  positionId,
  seconds,
} from './monitor.ts';

/** Prices of held positions that can not be trusted: they warn and block entries, and never halt trading. */
export const prices: MonitorRule = {
  name: 'PRICES',
  run: (input) => input.positions.flatMap((position) => judge(input, position) ?? []),
};

function judge(input: MonitorInput, position: MonitoredPosition): Told | null {
  const told = (type: string, message: string): Told => ({
    // A price that goes from old to unknown is one trouble, a doubtful one is another.
    condition: `risk:${type}:${positionId(position)}`,
    type,
    severity: 'WARNING',
    message,
    details: {
      exchange: position.exchange,
      symbol: position.symbol,
      product: position.product,
      lastPrice: position.lastPrice?.toFixed() ?? null,
      priceAgeMs: position.priceAgeMs,
    },
  });
  switch (position.quality) {
    case 'GOOD':
      return null;
    case 'STALE':
      return told(
        'stale_price',
        `${named(position)}: the last price ${position.lastPrice?.toFixed(2) ?? ''} is ${seconds(position.priceAgeMs ?? 0)} old, over ${seconds(input.limits.priceMaxAgeMs)}`,
      );
    case 'UNKNOWN':
      return told('stale_price', `${named(position)}: its price is not known`);
    case 'IMPLAUSIBLE':
      return told(
        'implausible_price',
        `${named(position)}: the last price ${position.lastPrice?.toFixed(2) ?? ''} can not be believed (outside the circuit limits, or a slip of units)`,
      );
    case 'REBASED':
      return told(
        'corporate_action_suspected',
        `${named(position)}: the broker's previous close is more than 10% off ours; the position is kept out of halts until a person has looked. No stop of its old price is placed and nothing is sold by it meanwhile: approve the split or bonus that reconciliation proposes, or move the stop, and acknowledge this`,
      );
  }
}
