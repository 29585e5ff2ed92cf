import { KiteTicker } from 'kiteconnect';
import { describe, expect, it } from 'vitest';
import { encodeFrame, encodePacket } from '../../../src/paper-exchange/ticker-frames.ts';
import { START_MS, Venue } from './venue.ts';

type Parser = (bytes: Uint8Array) => Record<string, unknown>[];

/** The official client's own parser of frames. */
function parse(frame: Buffer): Record<string, unknown>[] {
  const ticker = new KiteTicker({ api_key: 'paper', access_token: 'paper' }) as unknown as {
    parseBinary: Parser;
  };
  return ticker.parseBinary(Uint8Array.from(frame).buffer as unknown as Uint8Array);
}

const { market } = new Venue().exchange;
const reliance = market.find('NSE:RELIANCE')!;
const nifty = market.find('NSE:NIFTY 50')!;
market.set(reliance, 245_510, START_MS);
market.set(nifty, 2_460_000, START_MS);

describe('ticker frames', () => {
  it('has the packet sizes of Kite', () => {
    const sizes = (quote: typeof nifty): number[] =>
      (['ltp', 'quote', 'full'] as const).map((mode) => encodePacket(quote, mode, START_MS).length);
    expect(sizes(reliance)).toEqual([8, 44, 184]);
    expect(sizes(nifty)).toEqual([8, 28, 32]);
  });

  it('is read by the official client in all modes at once', () => {
    const frame = encodeFrame(
      [
        { quote: reliance, mode: 'full' },
        { quote: nifty, mode: 'full' },
        { quote: reliance, mode: 'quote' },
        { quote: nifty, mode: 'ltp' },
      ],
      START_MS,
    );
    const [full, index, quote, ltp] = parse(frame);
    expect(full).toMatchObject({
      mode: 'full',
      tradable: true,
      instrument_token: 738_561,
      last_price: 2455.1,
      ohlc: { open: 2450, high: 2455.1, low: 2450, close: 2450 },
      last_trade_time: new Date(START_MS),
      exchange_timestamp: new Date(START_MS),
    });
    const depth = full!['depth'] as { buy: { price: number }[]; sell: { price: number }[] };
    expect(depth.buy.map((level) => level.price)).toEqual([2455, 2454.9, 2454.8, 2454.7, 2454.6]);
    expect(depth.sell[0]).toMatchObject({ price: 2455.2 });
    expect(index).toMatchObject({
      mode: 'full',
      tradable: false,
      last_price: 24_600,
      ohlc: { open: 24_500, high: 24_600, low: 24_500, close: 24_500 },
    });
    expect(quote).toMatchObject({ mode: 'quote', volume_traded: 1, average_traded_price: 2455.1 });
    expect(ltp).toMatchObject({ mode: 'ltp', instrument_token: 256_265, last_price: 24_600 });
  });
});
