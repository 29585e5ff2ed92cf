import { type GttCall, type GttNet, type GttTerms, sameGtt } from '../../domain/gtt.ts';
import { type Instrument, isOption } from '../../domain/instrument.ts';
import { Decimal, decimal } from '../../domain/money.ts';
import type { Side } from '../../domain/order.ts';
import type { PriceView } from '../check.ts';

/**
 * The GTT of a protection group, the second net behind the orders that rest. Pure and level-triggered, as the plan of
 * the orders is (plan.ts): from what is held and what the broker is known to have, to the one call that is missing.
 */

/**
 * How far beyond the resting stop and target its triggers are: those act first. Far enough that a fast market does not
 * reach both before one can be taken away, since at the broker nothing ties a GTT to the orders that rest.
 */
const OPTION_BEYOND = decimal('0.1');
const OTHER_BEYOND = decimal('0.01');
/** How far its limit is from the trigger, so that it trades: half of the exchange's limit price protection. */
const OPTION_ROOM = decimal('0.2');
const OTHER_ROOM = decimal('0.015');

export interface GttFacts {
  readonly held: number;
  /** Side of the orders that close. */
  readonly side: Side;
  readonly stop: Decimal | null;
  readonly target: Decimal | null;
}

/** One GTT of what is held; null: none is wanted. */
export function wantedGtt(
  { held, side, stop, target }: GttFacts,
  instrument: Instrument,
  price: PriceView | null,
): GttTerms | null {
  if (held === 0 || stop === null) return null;
  const { tickSize } = instrument;
  const sells = side === 'SELL';
  const isWide = isOption(instrument.instrumentType);
  const [beyond, room] = isWide ? [OPTION_BEYOND, OPTION_ROOM] : [OTHER_BEYOND, OTHER_ROOM];
  const away = (from: Decimal, share: Decimal, up: boolean): Decimal => {
    const ticks = Decimal.max(from.times(share).div(tickSize).floor(), 1);
    const onTick = from.div(tickSize).round().times(tickSize);
    return Decimal.max(onTick.plus(ticks.times(tickSize).times(up ? 1 : -1)), tickSize);
  };
  const trigger = away(stop, beyond, !sells);
  const loss = { trigger, price: inBand(away(trigger, room, !sells), price, tickSize) };
  const legs =
    target === null
      ? [loss]
      : [loss, { trigger: away(target, beyond, sells), price: inBand(target, price, tickSize) }];
  legs.sort((a, b) => a.trigger.cmp(b.trigger));
  return {
    quantity: held,
    legs: legs.map((leg) => ({ trigger: leg.trigger.toFixed(), price: leg.price.toFixed() })),
  };
}

/** The day's band, where it is known: its limits on the tick. */
function inBand(wanted: Decimal, price: PriceView | null, tick: Decimal): Decimal {
  const lower = price?.lowerCircuit?.div(tick).ceil().times(tick) ?? wanted;
  const upper = price?.upperCircuit?.div(tick).floor().times(tick) ?? wanted;
  return Decimal.min(Decimal.max(wanted, lower), upper);
}

/** The call that makes it so; null: it is so, or it has to wait. `last`: null without a price. */
export function nextGttCall(
  net: GttNet,
  wanted: GttTerms | null,
  side: Side,
  last: Decimal | null,
): Pick<GttCall, 'kind' | 'terms'> | null {
  if (net.call !== null || net.fired !== null) return null;
  if (wanted === null) return net.triggerId === null ? null : { kind: 'CANCEL', terms: null };
  if (sameGtt(net.terms, wanted)) return null;
  // The broker refuses a trigger that is met; the orders at the exchange are at work then.
  if (last === null || isMet(wanted, side, last)) return null;
  return { kind: net.triggerId === null ? 'PLACE' : 'MODIFY', terms: wanted };
}

function isMet({ legs }: GttTerms, side: Side, last: Decimal): boolean {
  const [low, high] = legs;
  const isLow = (trigger: string | undefined) => trigger !== undefined && last.lte(decimal(trigger));
  const isHigh = (trigger: string | undefined) => trigger !== undefined && last.gte(decimal(trigger));
  if (high !== undefined) return isLow(low?.trigger) || isHigh(high.trigger);
  return side === 'SELL' ? isLow(low?.trigger) : isHigh(low?.trigger);
}
