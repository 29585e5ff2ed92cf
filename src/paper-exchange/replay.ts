import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { present } from '../lib/assert.ts';
import { type Paise, parsePaise } from './paise.ts';
import { isRecord } from './settings.ts';

/** A candle of Kite's historical API, prices in paise. */
interface Candle {
  /** As in the file. */
  readonly at: string;
  readonly open: Paise;
  readonly high: Paise;
  readonly low: Paise;
  readonly close: Paise;
  readonly volume: number;
}

export interface Recording {
  /** `NSE:RELIANCE` */
  readonly key: string;
  readonly candles: readonly Candle[];
  /** The coarsest of NSE's ticks that every price of the file is a multiple of, at most 0.05. */
  readonly tick: Paise;
}

/** The order in which a candle's extremes are visited: what is worse for the stops that work comes first. */
export type WorseSide = 'low' | 'high' | 'none';

const MAX_CANDLES = 1_000_000;
const FILE_NAME = /^(NSE|NFO|BSE)-(.+?)-\d{4}-\d{2}-\d{2}/;

/** Thrown for a file that is no recording; the message names the file, the candle and the rule. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

/** Reads candles in the JSON of Kite's historical API. `key` wins over the file name's `EXCHANGE-SYMBOL-date`. */
export function readRecording(path: string, key?: string): Recording {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ReplayError(`replay file ${path} cannot be read`, { cause: error });
  }
  return parseRecording(text, path, key);
}

/** As readRecording, from text. */
export function parseRecording(text: string, path: string, key?: string): Recording {
  const candles = rawCandles(text, path).map((row, index) => parseCandle(row, path, index));
  const onFivePaise = candles.every((c) => [c.open, c.high, c.low, c.close].every((p) => p % 5 === 0));
  return { key: key ?? keyOf(path), candles, tick: onFivePaise ? 5 : 1 };
}

/** The instrument a file is about, by its name. Throws ReplayError when the name does not tell. */
function keyOf(path: string): string {
  const [, exchange, symbol] = FILE_NAME.exec(basename(path)) ?? [];
  if (exchange !== undefined && symbol !== undefined) return `${exchange}:${symbol}`;
  throw new ReplayError(
    `replay file ${path}: its name does not begin with EXCHANGE-SYMBOL-date, so say whose candles these are: ` +
      '--instrument NSE:SYMBOL, or PAPER_REPLAY_INSTRUMENT',
  );
}

/**
 * The same candles with their first price at `from`: for an instrument that is held, whose price must not jump to
 * another year's from one moment to the next. Prices stay on the recording's tick.
 */
export function continueFrom(recording: Recording, from: Paise): Recording {
  const first = present(recording.candles[0], 'the first candle').open;
  const { tick } = recording;
  const move = (price: Paise): Paise => Math.max(tick, Math.round((price * from) / first / tick) * tick);
  const candles = recording.candles.map((candle) => ({
    ...candle,
    ...{ open: move(candle.open), high: move(candle.high), low: move(candle.low), close: move(candle.close) },
  }));
  return { ...recording, candles };
}

function rawCandles(text: string, path: string): unknown[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ReplayError(`replay file ${path} is not JSON`, { cause: error });
  }
  const data = isRecord(body) ? body['data'] : undefined;
  const candles = isRecord(data) ? data['candles'] : undefined;
  if (!Array.isArray(candles)) throw new ReplayError(`replay file ${path} has no data.candles array`);
  if (candles.length === 0) throw new ReplayError(`replay file ${path} has no candles`);
  if (candles.length > MAX_CANDLES) {
    throw new ReplayError(`replay file ${path} has more than ${MAX_CANDLES} candles`);
  }
  return candles;
}

function parseCandle(row: unknown, path: string, index: number): Candle {
  const fail = (rule: string): never => {
    throw new ReplayError(`replay file ${path}, candle ${index}: ${rule}`);
  };
  if (!Array.isArray(row) || row.length < 6) {
    return fail('a candle is [time, open, high, low, close, volume] and optionally open interest');
  }
  const fields: unknown[] = row;
  if (typeof fields[0] !== 'string' || Number.isNaN(Date.parse(fields[0]))) fail('the time is not a date');
  const price = (at: number, name: string): Paise => {
    const value = fields[at];
    const paise = typeof value === 'number' ? parsePaise(String(value)) : null;
    if (paise === null || paise === 'fine' || paise === 0) {
      return fail(`${name} must be a price above zero with at most two decimals`);
    }
    return paise;
  };
  const candle = {
    at: fields[0] as string,
    open: price(1, 'open'),
    high: price(2, 'high'),
    low: price(3, 'low'),
    close: price(4, 'close'),
    volume: Number(fields[5]),
  };
  if (candle.high < Math.max(candle.open, candle.close)) fail('high must not be below open or close');
  if (candle.low > Math.min(candle.open, candle.close)) fail('low must not be above open or close');
  if (!Number.isInteger(candle.volume) || candle.volume < 0) fail('volume must be a whole number from 0');
  return candle;
}

/** The four prices of a candle in the order they are walked. Without stops a rising candle dips first, a falling one peaks. */
export function candlePath(candle: Candle, worse: WorseSide): readonly [Paise, Paise, Paise, Paise] {
  const lowFirst = worse === 'none' ? candle.close >= candle.open : worse === 'low';
  return lowFirst
    ? [candle.open, candle.low, candle.high, candle.close]
    : [candle.open, candle.high, candle.low, candle.close];
}

/** Walks a recording price by price. */
export class ReplayCursor {
  private index = 0;
  private path: readonly Paise[] = [];
  private step = 0;
  private readonly recording: Recording;
  private readonly loop: boolean;

  constructor(recording: Recording, loop: boolean) {
    this.recording = recording;
    this.loop = loop;
  }

  /** The next price and its share of the candle's volume; null after the last candle. `worse` is asked at each candle's start. */
  next(worse: () => WorseSide): { readonly price: Paise; readonly volume: number } | null {
    const { candles } = this.recording;
    if (this.index >= candles.length) {
      if (!this.loop) return null;
      this.index = 0;
    }
    const candle = candles[this.index];
    if (candle === undefined) return null;
    if (this.step === 0) this.path = candlePath(candle, worse());
    const price = this.path[this.step] ?? candle.close;
    this.step += 1;
    if (this.step === 4) {
      this.step = 0;
      this.index += 1;
    }
    return { price, volume: Math.floor(candle.volume / 4) };
  }
}
