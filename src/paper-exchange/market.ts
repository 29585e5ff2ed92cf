import { present } from '../lib/assert.ts';
import type { Instrument } from './instruments.ts';
import { ceilToTick, floorToTick, type MarketView } from './matching.ts';
import type { Paise } from './paise.ts';
import { gaussian, type Random } from './prng.ts';
import type { ReplayCursor, WorseSide } from './replay.ts';

/** An instrument's state today. Prices and turnover in paise. */
export interface Quote extends MarketView {
  readonly instrument: Instrument;
  tick: Paise;
  lower: Paise;
  upper: Paise;
  last: Paise;
  open: Paise;
  high: Paise;
  low: Paise;
  /** The previous day's close. */
  close: Paise;
  volume: number;
  turnover: Paise;
  lastQuantity: number;
  lastTradeAt: number;
}

/** What survives a restart. */
export type SavedPrices = Record<string, { last: Paise; open: Paise; high: Paise; low: Paise; close: Paise }>;

const BAND_PCT = 10;
const OPTION_BAND_PCT = 60;
/** Chance that an instrument trades at one tick of the walk. */
const MOVE_CHANCE = 0.4;
const STEP = { EQ: 0.000_15, INDEX: 0.000_08, FUT: 0.000_1, CE: 0.002, PE: 0.002 } as const;
/** Pull back to the previous close per move, so that a long run stays inside the circuit. */
const PULL = 0.000_3;
/** Clients read volume as a signed 32-bit number (kite.md 2.3): beyond this, volume and turnover are halved. */
const MAX_VOLUME = 2_000_000_000;

/** Last prices of every instrument, and the walk that moves them. */
export class Market {
  readonly quotes = new Map<number, Quote>();
  private readonly byKey = new Map<string, Quote>();
  private readonly random: Random;
  private replayed: { readonly quote: Quote; readonly cursor: ReplayCursor } | null = null;

  constructor(instruments: readonly Instrument[], random: Random, nowMs: number) {
    this.random = random;
    for (const instrument of instruments) {
      const quote = newQuote(instrument, nowMs);
      this.quotes.set(instrument.token, quote);
      this.byKey.set(instrument.key, quote);
    }
  }

  quote(token: number): Quote {
    return present(this.quotes.get(token), `quote of instrument ${token}`);
  }

  find(key: string): Quote | undefined {
    return this.byKey.get(key);
  }

  /** Moves every instrument that is not replayed one step; the tokens whose price or volume changed. */
  walk(nowMs: number): number[] {
    const changed: number[] = [];
    for (const quote of this.quotes.values()) {
      if (quote === this.replayed?.quote || this.random() >= MOVE_CHANCE) continue;
      const drift = (quote.close - quote.last) * PULL;
      const move = gaussian(this.random) * quote.last * STEP[quote.instrument.type] + drift;
      const ticks = Math.round(move / quote.tick);
      const next = Math.min(
        quote.upper - quote.tick,
        Math.max(quote.lower + quote.tick, quote.last + ticks * quote.tick),
      );
      this.trade(quote, next, 1 + Math.floor(this.random() * 200) * quote.instrument.lotSize, nowMs);
      changed.push(quote.instrument.token);
    }
    return changed;
  }

  /** Hands an instrument to a recording: its first price becomes the start and the previous close, its tick the tick. */
  replay(key: string, firstPrice: Paise, tick: Paise, cursor: ReplayCursor, nowMs: number): void {
    const quote = present(this.byKey.get(key), `instrument ${key} of the replay`);
    Object.assign(quote, newQuote({ ...quote.instrument, startPrice: firstPrice, tick }, nowMs), {
      instrument: quote.instrument,
    });
    this.replayed = { quote, cursor };
  }

  /** Moves the replayed instrument one price on; its token, or null when there is none or it ended. */
  replayStep(nowMs: number, worse: (token: number) => WorseSide): number | null {
    if (this.replayed === null) return null;
    const { quote, cursor } = this.replayed;
    const next = cursor.next(() => worse(quote.instrument.token));
    if (next === null) return null;
    this.widen(quote, next.price);
    this.trade(quote, next.price, next.volume, nowMs);
    return quote.instrument.token;
  }

  /** Sets a last price by hand. A price outside the circuit moves the band with it. */
  set(quote: Quote, price: Paise, nowMs: number): void {
    this.widen(quote, price);
    this.trade(quote, price, quote.instrument.lotSize, nowMs);
  }

  save(): SavedPrices {
    const saved: SavedPrices = {};
    for (const { instrument, last, open, high, low, close } of this.quotes.values()) {
      saved[instrument.key] = { last, open, high, low, close };
    }
    return saved;
  }

  restore(saved: SavedPrices): void {
    for (const [key, prices] of Object.entries(saved)) {
      const quote = this.byKey.get(key);
      if (quote === undefined || quote === this.replayed?.quote) continue;
      Object.assign(quote, prices);
      // A replay may have left it between the ticks that the instrument has without one.
      quote.last = floorToTick(prices.last, quote.tick);
      setBand(quote, prices.close);
      this.widen(quote, prices.last);
    }
  }

  private widen(quote: Quote, price: Paise): void {
    if (price > quote.upper || price < quote.lower) setBand(quote, price);
  }

  private trade(quote: Quote, price: Paise, quantity: number, nowMs: number): void {
    quote.last = price;
    if (price > quote.high) quote.high = price;
    if (price < quote.low) quote.low = price;
    quote.lastQuantity = quantity;
    quote.volume += quantity;
    quote.turnover += quantity * price;
    if (quote.volume > MAX_VOLUME) {
      quote.volume = Math.floor(quote.volume / 2);
      quote.turnover = Math.floor(quote.turnover / 2);
    }
    quote.lastTradeAt = nowMs;
  }
}

function newQuote(instrument: Instrument, nowMs: number): Quote {
  const start = instrument.startPrice;
  const quote: Quote = {
    instrument,
    lotSize: instrument.lotSize,
    tick: instrument.tick,
    lower: 0,
    upper: 0,
    last: start,
    open: start,
    high: start,
    low: start,
    close: start,
    volume: 0,
    turnover: 0,
    lastQuantity: 0,
    lastTradeAt: nowMs,
  };
  setBand(quote, start);
  return quote;
}

function setBand(quote: Quote, reference: Paise): void {
  const { type } = quote.instrument;
  const percent = type === 'CE' || type === 'PE' ? OPTION_BAND_PCT : BAND_PCT;
  const width = (reference * percent) / 100;
  quote.lower = Math.max(quote.tick, ceilToTick(reference - width, quote.tick));
  quote.upper = floorToTick(reference + width, quote.tick);
}
