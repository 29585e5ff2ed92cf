import type { PaperExchange } from './exchange.ts';
import type { Journal } from './journal.ts';
import type { WorseSide } from './replay.ts';
import { Scheduler } from './scheduler.ts';
import type { Settings } from './settings.ts';

interface DriverParts {
  readonly exchange: PaperExchange;
  readonly journal: Journal | null;
  readonly nowMs: () => number;
  readonly settings: () => Settings;
  readonly tickIntervalMs: number;
  /** Time between two replayed prices; null without a replay. */
  readonly replayStepMs: number | null;
  /** Told which instruments traded. */
  readonly onTicks: (tokens: readonly number[]) => void;
}

const SAVE_PRICES_MS = 2000;

/** Lets time pass: walks or replays prices, runs matching after each move, saves prices now and then. */
export class MarketDriver {
  private readonly parts: DriverParts;
  private readonly scheduler: Scheduler;
  private nextReplayAt: number | null;
  private savedAt: number;
  private unsaved = false;

  constructor(parts: DriverParts) {
    this.parts = parts;
    this.savedAt = parts.nowMs();
    this.nextReplayAt = parts.replayStepMs === null ? null : parts.nowMs() + parts.replayStepMs;
    this.scheduler = new Scheduler({
      nowMs: parts.nowMs,
      tickIntervalMs: parts.tickIntervalMs,
      ticking: () => parts.settings().walking || parts.exchange.hasLiveOrders,
      tick: () => this.tick(),
      nextReplay: () => (parts.settings().walking ? this.nextReplayAt : null),
      replay: () => this.replay(),
      nextTimed: () => parts.exchange.nextTimed(),
      timed: () => parts.exchange.runTimed(),
    });
  }

  /** Starts, and later says that something may have become due earlier than planned. */
  wake(): void {
    this.scheduler.wake();
  }

  /** Prices were set by hand: they trade at once and are kept. */
  pricesSet(tokens: readonly number[]): void {
    this.moved(tokens);
    this.parts.exchange.runTick(new Set(tokens));
    this.savePrices();
    this.wake();
  }

  close(): void {
    this.scheduler.close();
    this.savePrices();
  }

  private tick(): void {
    const { exchange, settings, nowMs } = this.parts;
    if (settings().walking) this.moved(exchange.market.walk(nowMs()));
    if (exchange.hasLiveOrders) exchange.runTick(null);
    if (this.unsaved && nowMs() - this.savedAt >= SAVE_PRICES_MS) this.savePrices();
  }

  private replay(): void {
    const { exchange, nowMs, replayStepMs } = this.parts;
    const token = exchange.market.replayStep(nowMs(), (of) => worseSide(exchange.stopSides(of)));
    this.nextReplayAt = token === null || replayStepMs === null ? null : nowMs() + replayStepMs;
    if (token === null) return;
    this.moved([token]);
    exchange.runTick(new Set([token]));
  }

  private moved(tokens: readonly number[]): void {
    if (tokens.length === 0) return;
    this.unsaved = true;
    this.parts.onTicks(tokens);
  }

  private savePrices(): void {
    this.unsaved = false;
    this.savedAt = this.parts.nowMs();
    this.parts.journal?.savePrices(this.parts.exchange.market.save());
  }
}

/** Where a candle goes first: to the side of the stops that wait; with stops on both sides or none, by its colour. */
function worseSide({ buy, sell }: { readonly buy: boolean; readonly sell: boolean }): WorseSide {
  if (buy === sell) return 'none';
  return sell ? 'low' : 'high';
}
