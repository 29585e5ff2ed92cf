import { describe, expect, it } from 'vitest';
import { instantOfIst } from '../../../../src/domain/calendar.ts';
import type { Exchange } from '../../../../src/domain/instrument.ts';
import {
  type NightFacts,
  PROTECT_CLOSE_WARNING,
  judgeNight,
  stopDayOf,
} from '../../../../src/risk/protection/night.ts';

const MINUTE_MS = 60_000;
const HOLIDAYS = ['2026-11-25'];
const at = (
  time: string,
  exchange: Exchange = 'NSE',
  day = '2026-11-24',
  hours: 'always' | 'exchange' = 'exchange',
) => stopDayOf({ hours, holidays: HOLIDAYS }, exchange, instantOfIst(day, time));

describe('the day of stops', () => {
  it('warns a quarter of an hour before they end', () => {
    expect(PROTECT_CLOSE_WARNING).toBe(15);
  });

  it.each<[string, ReturnType<typeof at>, string, number | null]>([
    ['is closed before the open', at('08:59:59.999'), 'CLOSED', null],
    ['is open from it', at('09:00'), 'OPEN', 360 * MINUTE_MS],
    ['is open until 15 minutes before the auction of shares', at('14:59:59.999'), 'OPEN', 1],
    ['is ending from there', at('15:00'), 'ENDING', 30 * MINUTE_MS],
    ['is ending in the auction', at('15:29:59.999'), 'ENDING', 1],
    ['is closed at the close', at('15:30'), 'CLOSED', null],
    ['ended at 15:30 before there was an auction', at('15:14:59', 'NSE', '2026-07-31'), 'OPEN', 1000],
    ['ends ten minutes later for derivatives', at('15:24:59', 'NFO'), 'OPEN', 1000],
    ['is ending for them from 15:25', at('15:25', 'NFO'), 'ENDING', 15 * MINUTE_MS],
    ['ends in the night for commodities', at('23:39', 'MCX'), 'OPEN', MINUTE_MS],
    ['is closed on a Saturday', at('12:00', 'NSE', '2026-11-28'), 'CLOSED', null],
    ['is closed on a holiday', at('12:00', 'NSE', '2026-11-25'), 'CLOSED', null],
    ['never ends with MARKET_HOURS=always', at('15:10', 'NSE', '2026-11-28', 'always'), 'OPEN', null],
  ])('%s', (_, now, phase, turnsInMs) => {
    expect(now).toEqual({ phase, turnsInMs });
  });
});

describe('the judgement of a position for the night', () => {
  const facts = (changes: Partial<NightFacts>): NightFacts => ({
    ...{ phase: 'OPEN', policy: 'exchange', mode: 'STOP', product: 'CNC', held: 20, protected: 20 },
    hasGtt: false,
    ...changes,
  });

  it.each<[string, Partial<NightFacts>, string]>([
    ['says nothing while its stop rests', {}, 'END'],
    ['lets what stands stand until all of it has a stop', { protected: 19 }, 'KEEP'],
    ['is CRITICAL before the end, though its stop rests', { phase: 'ENDING' }, 'CRITICAL'],
    ['is the same for NRML', { phase: 'ENDING', product: 'NRML' }, 'CRITICAL'],
    ['is the same for MTF', { phase: 'ENDING', product: 'MTF' }, 'CRITICAL'],
    ['is a WARNING for MIS, which the broker squares off', { phase: 'ENDING', product: 'MIS' }, 'WARNING'],
    ['is CRITICAL for MIS that was not', { phase: 'CLOSED', product: 'MIS' }, 'CRITICAL'],
    ['is CRITICAL once closed', { phase: 'CLOSED', protected: 0 }, 'CRITICAL'],
    ['waits for the end of one that is leaving', { phase: 'ENDING', mode: 'EXIT' }, 'KEEP'],
    ['is CRITICAL for one that did not leave', { phase: 'CLOSED', mode: 'EXIT' }, 'CRITICAL'],
    [
      'is a WARNING before the end, with a GTT that outlives the day',
      { phase: 'ENDING', hasGtt: true },
      'WARNING',
    ],
    ['is a WARNING once closed, with a GTT', { phase: 'CLOSED', hasGtt: true, protected: 0 }, 'WARNING'],
    ['ends with the position', { phase: 'ENDING', held: 0, protected: 0 }, 'END'],
    ['is none of the policy oms, whose watch goes on', { phase: 'CLOSED', policy: 'oms' }, 'END'],
  ])('%s', (_, changes, verdict) => {
    expect(judgeNight(facts(changes))).toBe(verdict);
  });
});
