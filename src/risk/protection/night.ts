import { instantOfIst, istDateOf } from '../../domain/calendar.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type { ProtectionPolicy } from '../../domain/protection-policy.ts';
import type { ProtectionMode } from '../../domain/protection.ts';
import { type SessionRules, segmentOf, sessionAt, stopsEnd } from '../../domain/session.ts';

/** How long before its stops end with the day a position that is still held is told, minutes. */
export const PROTECT_CLOSE_WARNING = 15;

/** Where the day of an exchange's stops is. ENDING: they end within PROTECT_CLOSE_WARNING, or have in an auction. */
export type StopDay = 'OPEN' | 'ENDING' | 'CLOSED';

export interface StopDayNow {
  readonly phase: StopDay;
  /** Milliseconds until OPEN becomes ENDING, or ENDING becomes CLOSED; null: by no clock that is known. */
  readonly turnsInMs: number | null;
}

export function stopDayOf(
  { hours, holidays }: Pick<SessionRules, 'hours' | 'holidays'>,
  exchange: Exchange,
  at: Date,
): StopDayNow {
  if (hours === 'always') return { phase: 'OPEN', turnsInMs: null };
  const segment = segmentOf(exchange);
  const session = sessionAt(segment, at, holidays);
  if (!session.isOpen || session.hours === null) return { phase: 'CLOSED', turnsInMs: null };
  const day = istDateOf(at);
  const untilEndMs = instantOfIst(day, stopsEnd(segment, day)).getTime() - at.getTime();
  const untilWarningMs = untilEndMs - PROTECT_CLOSE_WARNING * 60_000;
  if (untilWarningMs > 0) return { phase: 'OPEN', turnsInMs: untilWarningMs };
  return { phase: 'ENDING', turnsInMs: instantOfIst(day, session.hours.closes).getTime() - at.getTime() };
}

export interface NightFacts {
  readonly phase: StopDay;
  readonly policy: ProtectionPolicy;
  readonly mode: ProtectionMode;
  readonly product: Product;
  readonly held: number;
  /** Units whose stop of this trading day rests. */
  readonly protected: number;
  /** A GTT of it is at the broker, which outlives the day. */
  readonly hasGtt: boolean;
}

/** END: nothing stands any more. KEEP: what stands goes on standing, nothing new is told. */
type NightVerdict = 'CRITICAL' | 'WARNING' | 'KEEP' | 'END';

/**
 * What to tell of a position that outlives its stops, which are orders of the day. An MIS position is squared off by
 * the broker before the end, so it is a WARNING until it turns out that it was not (trading.md section 5). One that is
 * leaving by exits is told when the exchange closes with it. With a GTT at the broker it is a WARNING at most. It ends
 * with the position, or with the next day's stops.
 */
export function judgeNight(facts: NightFacts): NightVerdict {
  if (facts.held === 0 || facts.policy !== 'exchange') return 'END';
  switch (facts.phase) {
    case 'CLOSED':
      return facts.hasGtt ? 'WARNING' : 'CRITICAL';
    case 'ENDING':
      if (facts.mode === 'EXIT') return 'KEEP';
      return facts.product === 'MIS' || facts.hasGtt ? 'WARNING' : 'CRITICAL';
    case 'OPEN':
      return facts.protected >= facts.held ? 'END' : 'KEEP';
  }
}
