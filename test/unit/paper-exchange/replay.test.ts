import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  candlePath,
  continueFrom,
  parseRecording,
  readRecording,
  ReplayCursor,
  ReplayError,
} from '../../../src/paper-exchange/replay.ts';

const RECORDED = '../shared/market-data/NSE-RELIANCE-2021-03-19-5minute.json';
const KEY = 'NSE:RELIANCE';
const GOOD = ['2021-03-19T09:15:00+0530', 100, 102, 99, 101, 400];

function body(...candles: unknown[]): string {
  return JSON.stringify({ status: 'success', data: { candles } });
}

function prices(...candles: unknown[]): number[] {
  const cursor = new ReplayCursor(parseRecording(body(...candles), 'x.json', KEY), false);
  const walked: number[] = [];
  for (let next = cursor.next(() => 'none'); next !== null; next = cursor.next(() => 'none')) {
    walked.push(next.price / 100);
  }
  return walked;
}

describe('replaying candles', () => {
  it('walks a rising candle low first and a falling one high first', () => {
    expect(prices(GOOD)).toEqual([100, 99, 102, 101]);
    expect(prices([GOOD[0], 101, 102, 99, 100, 4])).toEqual([101, 102, 99, 100]);
  });

  it('visits first the side that is worse for the stops that wait', () => {
    const candle = {
      at: '2021-03-19T09:15:00+0530',
      open: 10_000,
      high: 10_200,
      low: 9900,
      close: 10_100,
      volume: 1,
    };
    expect(candlePath(candle, 'high')).toEqual([10_000, 10_200, 9900, 10_100]);
    expect(candlePath({ ...candle, close: 9950 }, 'low')).toEqual([10_000, 9900, 10_200, 9950]);
  });

  it('ends after the last candle, or starts again when told to loop', () => {
    const recording = parseRecording(body(GOOD), 'x.json', KEY);
    const once = new ReplayCursor(recording, false);
    const looped = new ReplayCursor(recording, true);
    for (let i = 0; i < 4; i += 1) {
      once.next(() => 'none');
      looped.next(() => 'none');
    }
    expect(once.next(() => 'none')).toBeNull();
    expect(looped.next(() => 'none')).toEqual({ price: 10_000, volume: 100 });
  });

  it('takes the instrument from the option, else from the file name, and never guesses', () => {
    const text = body(GOOD);
    expect(parseRecording(text, '/a/NSE-BAJAJ-AUTO-2021-03-19-5minute.json').key).toBe('NSE:BAJAJ-AUTO');
    expect(() => parseRecording(text, '/a/b.json')).toThrow('--instrument');
    expect(parseRecording(text, '/a/b.json', 'NSE:INFY').key).toBe('NSE:INFY');
    expect(parseRecording(text, '/a/NSE-TCS-2021-03-19.json', 'NSE:INFY').key).toBe('NSE:INFY');
  });

  it('sets a tick that every price of the file is a multiple of', () => {
    expect(parseRecording(body(GOOD), 'x', KEY).tick).toBe(5);
    expect(parseRecording(body([GOOD[0], 100, 102, 99.01, 101, 4]), 'x', KEY).tick).toBe(1);
  });

  it('goes on from another price with the same moves, on the tick', () => {
    const recording = parseRecording(body([GOOD[0], 100, 110, 90, 105.05, 400]), 'x', KEY);
    expect(continueFrom(recording, 245_005).candles).toEqual([
      { at: GOOD[0], open: 245_005, high: 269_505, low: 220_505, close: 257_380, volume: 400 },
    ]);
  });

  it.each([
    ['a text that is not JSON', '{', 'is not JSON'],
    ['no candles array', '{"data":{}}', 'data.candles'],
    ['no candle', body(), 'no candles'],
    ['a short candle', body(GOOD, [1]), 'candle 1: a candle is'],
    ['a bad time', body(['soon', 1, 1, 1, 1, 1]), 'candle 0: the time'],
    ['a high below the close', body([GOOD[0], 100, 100.5, 99, 101, 4]), 'candle 0: high'],
    ['a low above the open', body([GOOD[0], 100, 102, 100.5, 101, 4]), 'candle 0: low'],
    ['a price of zero', body([GOOD[0], 0, 102, 0, 101, 4]), 'candle 0: open'],
    ['a negative volume', body([GOOD[0], 100, 102, 99, 101, -4]), 'candle 0: volume'],
  ])('refuses %s, naming the file and the rule', (_title, text, rule) => {
    const read = (): unknown => parseRecording(text, '/data/bad.json', KEY);
    expect(read).toThrow(ReplayError);
    expect(read).toThrow('/data/bad.json');
    expect(read).toThrow(rule);
  });

  it('names a file that cannot be read', () => {
    expect(() => readRecording('/nowhere/at-all.json')).toThrow('/nowhere/at-all.json cannot be read');
  });

  it.skipIf(!existsSync(RECORDED))('reads the recorded day of RELIANCE', () => {
    const recording = readRecording(RECORDED);
    expect(recording).toMatchObject({ key: 'NSE:RELIANCE', tick: 5 });
    expect(recording.candles).toHaveLength(75);
    expect(recording.candles[0]).toEqual({
      at: '2021-03-19T09:15:00+0530',
      open: 199_110,
      high: 200_605,
      low: 198_280,
      close: 199_815,
      volume: 880_607,
    });
  });
});
