import { type Order, remaining, type Side, takesMarket } from './order.ts';
import type { Paise } from './paise.ts';
import type { Random } from './prng.ts';
import type { Settings } from './settings.ts';

/** What matching needs to know of an instrument now. Prices in paise. */
export interface MarketView {
  readonly last: Paise;
  readonly tick: Paise;
  readonly lower: Paise;
  readonly upper: Paise;
  readonly lotSize: number;
}

/** Automatic market protection, percent: one user measured about 1% (kite.md 3.12). */
const AUTOMATIC_PROTECTION_PCT = 1;

type FillSettings = Pick<Settings, 'fillProbability' | 'slippagePct' | 'volumeCap' | 'partialFillChance'>;

/** The outcome of one try: nothing, the market is not at the order's price, or a fill. */
type Attempt =
  | { readonly kind: 'missed' }
  | { readonly kind: 'away' }
  | { readonly kind: 'fill'; readonly quantity: number; readonly price: Paise };

const MISSED: Attempt = { kind: 'missed' };
const AWAY: Attempt = { kind: 'away' };

/**
 * Tries to fill an OPEN order against the market.
 *
 * A limit is never passed. An order that rests fills at its own price, one that meets the market at the market's.
 * Slippage touches MARKET and SL-M only; an SL-M fills no better than the price that triggered it, so that a
 * replayed candle's next price does not turn a stop into a gain. At a locked circuit there is nobody to trade with.
 */
export function attemptFill(
  order: Order,
  market: MarketView,
  settings: FillSettings,
  random: Random,
): Attempt {
  const { last } = market;
  const buying = order.side === 'BUY';
  if (buying ? last > order.price : last < order.price) return AWAY;
  if (buying ? last >= market.upper : last <= market.lower) return MISSED;
  if (random() >= settings.fillProbability) return MISSED;
  const quantity = fillQuantity(remaining(order), market.lotSize, settings, random);
  if (order.passive) return { kind: 'fill', quantity, price: order.price };
  const price = takesMarket(order) ? slipped(order, market, settings.slippagePct) : last;
  return {
    kind: 'fill',
    quantity,
    price: buying ? Math.min(price, order.price) : Math.max(price, order.price),
  };
}

function slipped(order: Order, market: MarketView, slippagePct: number): Paise {
  const buying = order.side === 'BUY';
  const from = order.triggeredAt ?? market.last;
  const worse = buying ? Math.max(from, market.last) : Math.min(from, market.last);
  // A fraction such as 0.0001 is not exact: what it misses by must not cost a tick.
  const slip = Math.round(worse * slippagePct * 1e6) / 1e6;
  return buying ? ceilToTick(worse + slip, market.tick) : floorToTick(worse - slip, market.tick);
}

/** How much of `open` shares fills at one tick: whole lots, at most the cap, now and then a part. */
function fillQuantity(open: number, lotSize: number, settings: FillSettings, random: Random): number {
  const lots = Math.ceil(open / lotSize);
  const capLots = settings.volumeCap === 0 ? lots : Math.max(1, Math.floor(settings.volumeCap / lotSize));
  if (lots > capLots) return capLots * lotSize;
  if (lots > 1 && random() < settings.partialFillChance) {
    return (1 + Math.floor(random() * (lots - 1))) * lotSize;
  }
  return open;
}

/** True when the last price reaches the trigger of a TRIGGER PENDING order. */
export function isTriggered(side: Side, trigger: Paise, last: Paise): boolean {
  return side === 'BUY' ? last >= trigger : last <= trigger;
}

/** The limit of a protected market order: `protection` percent beyond the last price (-1 automatic), inside the circuit. */
export function protect(
  side: Side,
  protection: number,
  market: MarketView,
): { readonly price: Paise; readonly percent: number } {
  const percent = protection === -1 ? AUTOMATIC_PROTECTION_PCT : protection;
  const distance = (market.last * percent) / 100;
  const price =
    side === 'BUY'
      ? Math.min(market.upper, floorToTick(market.last + distance, market.tick))
      : Math.max(market.lower, ceilToTick(market.last - distance, market.tick));
  return { price, percent };
}

/** True when `active` would trade with `resting` of the same user: prices cross and the resting one is at the market. */
export function wouldSelfTrade(active: Order, resting: Order, market: MarketView): boolean {
  if (active.side === resting.side || resting.status !== 'OPEN' || active.status !== 'OPEN') return false;
  return active.side === 'BUY'
    ? active.price >= resting.price && resting.price <= market.last + market.tick
    : active.price <= resting.price && resting.price >= market.last - market.tick;
}

export function floorToTick(price: number, tick: Paise): Paise {
  return Math.floor((price + 1e-6) / tick) * tick;
}

export function ceilToTick(price: number, tick: Paise): Paise {
  return Math.ceil((price - 1e-6) / tick) * tick;
}
