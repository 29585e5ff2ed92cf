import type { Quote } from './market.ts';
import { type DepthLevel, depth, totalQuantity } from './quote-rows.ts';

export const TICKER_MODES = ['ltp', 'quote', 'full'] as const;
export type TickerMode = (typeof TICKER_MODES)[number];

/** A frame that only says the connection lives. */
export const HEARTBEAT = Buffer.from([0]);

const LTP_BYTES = 8;
const QUOTE_BYTES = 44;
const FULL_BYTES = 184;
const INDEX_QUOTE_BYTES = 28;
const INDEX_FULL_BYTES = 32;
const DEPTH_OFFSET = 64;
const LEVEL_BYTES = 12;

export interface Subscribed {
  readonly quote: Quote;
  readonly mode: TickerMode;
}

/** One binary frame of Kite's ticker (kite.md 3.16): a count, then length and packet of each, big-endian. */
export function encodeFrame(subscribed: readonly Subscribed[], nowMs: number): Buffer {
  const packets = subscribed.map(({ quote, mode }) => encodePacket(quote, mode, nowMs));
  const frame = Buffer.alloc(2 + packets.reduce((bytes, packet) => bytes + 2 + packet.length, 0));
  frame.writeUInt16BE(packets.length, 0);
  let offset = 2;
  for (const packet of packets) {
    frame.writeUInt16BE(packet.length, offset);
    packet.copy(frame, offset + 2);
    offset += 2 + packet.length;
  }
  return frame;
}

/** One packet: 8, 44 or 184 bytes, for an index 8, 28 or 32. Prices in paise, times in epoch seconds. */
export function encodePacket(quote: Quote, mode: TickerMode, nowMs: number): Buffer {
  if (mode === 'ltp') return ints(LTP_BYTES, [quote.instrument.token, quote.last]);
  return quote.instrument.type === 'INDEX'
    ? indexPacket(quote, mode, nowMs)
    : tradePacket(quote, mode, nowMs);
}

/** An index has no volume, and its prices come as high, low, open, close. */
function indexPacket(quote: Quote, mode: 'quote' | 'full', nowMs: number): Buffer {
  const { last, high, low, open, close } = quote;
  const fields = [quote.instrument.token, last, high, low, open, close, last - close];
  return mode === 'quote'
    ? ints(INDEX_QUOTE_BYTES, fields)
    : ints(INDEX_FULL_BYTES, [...fields, Math.floor(nowMs / 1000)]);
}

function tradePacket(quote: Quote, mode: 'quote' | 'full', nowMs: number): Buffer {
  const { buy, sell } = depth(quote);
  const average = quote.volume === 0 ? 0 : Math.round(quote.turnover / quote.volume);
  const fields = [
    quote.instrument.token,
    quote.last,
    quote.lastQuantity,
    average,
    quote.volume,
    totalQuantity(buy),
    totalQuantity(sell),
    quote.open,
    quote.high,
    quote.low,
    quote.close,
  ];
  if (mode === 'quote') return ints(QUOTE_BYTES, fields);
  const openInterest = [0, 0, 0];
  const packet = ints(FULL_BYTES, [
    ...fields,
    Math.floor(quote.lastTradeAt / 1000),
    ...openInterest,
    Math.floor(nowMs / 1000),
  ]);
  [...buy, ...sell].forEach((level, index) => {
    writeLevel(packet, DEPTH_OFFSET + index * LEVEL_BYTES, level);
  });
  return packet;
}

function writeLevel(packet: Buffer, offset: number, level: DepthLevel): void {
  packet.writeInt32BE(level.quantity, offset);
  packet.writeInt32BE(level.price, offset + 4);
  packet.writeInt16BE(level.orders, offset + 8);
}

function ints(bytes: number, fields: readonly number[]): Buffer {
  const packet = Buffer.alloc(bytes);
  fields.forEach((field, index) => packet.writeInt32BE(field, index * 4));
  return packet;
}
