import { describe, expect, it } from 'vitest';
import { comingMonthlyExpiry, istDateTime } from '../../../src/paper-exchange/clock.ts';
import { instrumentsCsv, listInstruments, nseTick } from '../../../src/paper-exchange/instruments.ts';
import { Market } from '../../../src/paper-exchange/market.ts';
import { mulberry32 } from '../../../src/paper-exchange/prng.ts';
import { START_MS } from './venue.ts';

function market(seed: number): Market {
  return new Market(listInstruments(START_MS), mulberry32(seed), START_MS);
}

function walked(seed: number, steps: number): Market {
  const walking = market(seed);
  for (let i = 0; i < steps; i += 1) walking.walk(START_MS + i * 250);
  return walking;
}

describe('the walk', () => {
  it('starts RELIANCE at 2450.00', () => {
    expect(market(1).find('NSE:RELIANCE')).toMatchObject({ last: 245_000, close: 245_000, tick: 10 });
  });

  it('gives the same prices for the same seed and others for another', () => {
    const first = walked(5, 500).save();
    expect(walked(5, 500).save()).toEqual(first);
    expect(walked(6, 500).save()).not.toEqual(first);
  });

  it('stays on the tick and inside the circuit for a day of ticks', () => {
    const walking = market(3);
    for (let i = 0; i < 90_000; i += 1) {
      walking.walk(START_MS + i * 250);
      if (i % 1000 !== 0) continue;
      for (const quote of walking.quotes.values()) {
        expect(quote.last % quote.tick).toBe(0);
        expect(quote.last).toBeGreaterThan(quote.lower);
        expect(quote.last).toBeLessThan(quote.upper);
        expect(quote.low).toBeLessThanOrEqual(quote.last);
        expect(quote.high).toBeGreaterThanOrEqual(quote.last);
      }
    }
  });

  it('moves shares by a few basis points a minute, not by percents', () => {
    const walking = market(9);
    const quote = walking.find('NSE:INFY')!;
    let largest = 0;
    for (let minute = 0; minute < 100; minute += 1) {
      const before = quote.last;
      for (let i = 0; i < 240; i += 1) walking.walk(START_MS);
      largest = Math.max(largest, Math.abs(quote.last / before - 1));
    }
    expect(largest).toBeGreaterThan(0.0005);
    expect(largest).toBeLessThan(0.01);
  });

  it('walks away from a circuit it was set to, never onto one', () => {
    const walking = market(4);
    const quote = walking.find('NSE:RELIANCE')!;
    for (let round = 0; round < 200; round += 1) {
      const edge = round % 2 === 0 ? quote.lower : quote.upper;
      walking.set(quote, edge, START_MS);
      for (let i = 0; i < 10; i += 1) {
        const moved = walking.walk(START_MS).includes(quote.instrument.token);
        if (moved) expect([quote.lower, quote.upper]).not.toContain(quote.last);
      }
    }
  });

  it('moves the circuit with a price that is set outside it', () => {
    const set = market(1);
    const quote = set.find('NSE:RELIANCE')!;
    set.set(quote, 200_000, START_MS);
    expect(quote).toMatchObject({ last: 200_000, lower: 180_000, upper: 220_000, close: 245_000 });
  });

  it('takes saved prices back', () => {
    const before = walked(2, 300);
    const after = market(2);
    after.restore(before.save());
    expect(after.save()).toEqual(before.save());
  });
});

describe('instruments', () => {
  it('derives every token from the exchange token and the segment', () => {
    const segmentCode = { NSE: 1, 'NFO-FUT': 2, 'NFO-OPT': 2, INDICES: 9 };
    for (const instrument of listInstruments(START_MS)) {
      expect(instrument.token).toBe(instrument.exchangeToken * 256 + segmentCode[instrument.segment]);
    }
  });

  it.each([
    [24_999, 1],
    [25_000, 5],
    [99_995, 5],
    [100_000, 10],
    [499_990, 10],
    [500_000, 50],
    [1_000_000, 100],
    [2_000_000, 500],
  ])('has for a price of %i paise a tick of %i', (price, tick) => {
    expect(nseTick(price)).toBe(tick);
  });

  it.each([
    ['2026-11-19', '2026-11-24'],
    ['2026-11-24', '2026-11-24'],
    ['2026-11-25', '2026-12-29'],
    ['2026-12-30', '2027-01-26'],
  ])('on %s lists contracts that expire on %s', (today, expiry) => {
    expect(comingMonthlyExpiry(Date.parse(`${today}T10:00:00+05:30`))).toBe(expiry);
  });

  it('writes twelve columns, CRLF and a trailing newline', () => {
    const instruments = listInstruments(START_MS);
    const text = instrumentsCsv(instruments, () => 5);
    const lines = text.split('\r\n');
    expect(lines.at(-1)).toBe('');
    expect(lines).toHaveLength(instruments.length + 2);
    for (const line of lines.slice(0, -1)) expect(line.split(',')).toHaveLength(12);
    expect(lines[1]).toBe('738561,2885,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.05,1,EQ,NSE,NSE');
  });

  it('shows times in IST whatever the zone of the process', () => {
    expect(istDateTime(Date.UTC(2026, 0, 1, 20, 0, 5))).toBe('2026-01-02 01:30:05');
  });
});
