import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { assert } from '../lib/assert.ts';
import type { Clock } from './clock.ts';
import { type ControlParts, createControlApp } from './control-app.ts';
import { PaperExchange } from './exchange.ts';
import { Faults } from './faults.ts';
import { listInstruments } from './instruments.ts';
import { Journal } from './journal.ts';
import { Market } from './market.ts';
import { MarketDriver } from './market-driver.ts';
import { parsePaise, rupeesText } from './paise.ts';
import { mulberry32 } from './prng.ts';
import { RateCounters } from './rate-limits.ts';
import { continueFrom, readRecording, ReplayCursor, ReplayError } from './replay.ts';
import { createRestApp } from './rest-app.ts';
import type { RestParts } from './rest-parts.ts';
import { DEFAULT_SETTINGS, patchSettings, type RateLimits, type Settings } from './settings.ts';
import { Ticker } from './ticker.ts';
import { HeldConnections } from './wire.ts';

export type { Clock } from './clock.ts';
export type { RateLimits } from './settings.ts';
export { ReplayError } from './replay.ts';

/** Candles to walk instead of the random walk of one instrument. */
export interface ReplayOptions {
  /** A file in the JSON of Kite's historical candles. */
  readonly path: string;
  /** `NSE:RELIANCE`; else from the file name `EXCHANGE-SYMBOL-date...`, without which the start is refused. */
  readonly instrument?: string;
  /** Wall time of one candle (four prices). Default 2000. */
  readonly candleMs?: number;
  /** Start again after the last candle. Default false: the price stays. */
  readonly loop?: boolean;
}

export interface PaperExchangeOptions extends Partial<Omit<Settings, 'rateLimits'>> {
  readonly clock: Clock;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** The control port has no authentication: it stays on loopback unless told otherwise. Default 127.0.0.1. */
  readonly controlHost?: string;
  /** REST and WebSocket; 0 picks a free one. Default 8081. */
  readonly port?: number;
  /** Control; 0 picks a free one. Default 8082. */
  readonly controlPort?: number;
  /** Where the books are kept; without it they are forgotten at the end. */
  readonly file?: string;
  /** Default 1. */
  readonly seed?: number;
  /** Rupees of a new user as decimal text. Default "100000". */
  readonly openingFunds?: string;
  readonly rateLimits?: Partial<RateLimits>;
  readonly replay?: ReplayOptions;
  /** Time between two steps of the walk. Default 250. */
  readonly tickIntervalMs?: number;
  readonly log?: (line: string) => void;
}

export interface RunningPaperExchange {
  readonly port: number;
  readonly controlPort: number;
  readonly url: string;
  readonly controlUrl: string;
  /** The instrument whose candles are replayed, `NSE:RELIANCE`; null on a random walk. */
  readonly replayed: string | null;
  /** Stops within 300 ms, held connections included. */
  close(): Promise<void>;
}

/** Thrown for options that make no sense; the message names the option. */
export class PaperOptionsError extends Error {
  override readonly name = 'PaperOptionsError';
}

const CANDLE_PRICES = 4;
/** Seeds of the walk, the fills and the faults differ, so that an order does not change the market's path. */
const FILL_SEED = 0x9e37_79b9;
const FAULT_SEED = 0x85eb_ca6b;

export async function startPaperExchange(options: PaperExchangeOptions): Promise<RunningPaperExchange> {
  const { host = '127.0.0.1', controlHost = '127.0.0.1', log = () => undefined } = options;
  // The ports come first: a second exchange on the same ports must not touch the books of the first.
  const rest = new Door();
  const control = new Door();
  const restServer = await listen(rest, host, options.port ?? 8081);
  const servers = [restServer];
  try {
    const controlServer = await listen(control, controlHost, options.controlPort ?? 8082);
    servers.push(controlServer);
    const parts = assemble(options);
    rest.open(createRestApp(parts));
    control.open(createControlApp(parts));
    parts.ticker.attach(restServer);
    parts.wake();
    const { port, url } = addressOf(host, restServer);
    const { port: controlPort, url: controlUrl } = addressOf(controlHost, controlServer);
    log(`paper exchange on ${url}, control on ${controlUrl}, virtual session open at any hour`);
    let closing: Promise<void> | null = null;
    const close = (): Promise<void> => (closing ??= shut(parts, servers));
    const replayed = parts.replayed?.key ?? null;
    if (parts.replayed !== null) log(parts.replayed.sentence);
    return { port, controlPort, url, controlUrl, replayed, close };
  } catch (error) {
    await Promise.all(servers.map(stop));
    throw error;
  }
}

async function shut(parts: Assembled, servers: readonly Server[]): Promise<void> {
  parts.driver.close();
  parts.ticker.close();
  await Promise.all(servers.map(stop));
  parts.journal?.close();
}

type Fetch = Parameters<typeof serve>[0]['fetch'];

/** Answers 503 until an app moves in. */
class Door {
  private app: { readonly fetch: Fetch } | null = null;

  readonly fetch: Fetch = (request, env) =>
    this.app === null ? new Response(null, { status: 503 }) : this.app.fetch(request, env);

  open(app: { readonly fetch: Fetch }): void {
    this.app = app;
  }
}

interface Assembled extends RestParts, ControlParts {
  readonly journal: Journal | null;
  readonly ticker: Ticker;
  readonly driver: MarketDriver;
  readonly replayed: Replayed | null;
}

/** Builds everything that needs no socket. */
function assemble(options: PaperExchangeOptions): Assembled {
  const { clock, tickIntervalMs = 250 } = options;
  const nowMs = (): number => clock.now().getTime();
  let current = startSettings(options);
  const settings = (): Settings => current;
  const chance = chances(current.seed);
  const openingFunds = fundsOf(options.openingFunds ?? '100000');
  const market = new Market(listInstruments(nowMs()), chance.walk, nowMs());
  const opened = options.file === undefined ? null : Journal.open(options.file);
  const journal = opened?.journal ?? null;
  const saved = journal?.loadPrices() ?? null;
  if (saved !== null) market.restore(saved);
  const exchange = new PaperExchange(
    { market, journal, nowMs, random: chance.fills, openingFunds, settings },
    opened?.books ?? null,
  );
  const replayed = startReplay(exchange, options.replay, nowMs());
  const ticker = new Ticker(market, nowMs);
  exchange.onOrder = (order, status) => {
    if (order.visibleAt <= nowMs()) ticker.order(order, status);
  };
  const onTicks = (tokens: readonly number[]): void => ticker.ticks(tokens);
  const driver = new MarketDriver({
    exchange,
    journal,
    nowMs,
    settings,
    tickIntervalMs,
    replayStepMs: replayed?.stepMs ?? null,
    onTicks,
  });
  return {
    replayed,
    exchange,
    journal,
    ticker,
    driver,
    nowMs,
    settings,
    faults: new Faults(chance.faults),
    rates: new RateCounters(),
    held: new HeldConnections(),
    counters: new Map(),
    orderCalls: [],
    changeSettings: (next) => {
      current = next;
      driver.wake();
    },
    reseed: chance.reseed,
    pricesSet: (tokens) => driver.pricesSet(tokens),
    wake: () => driver.wake(),
  };
}

/** One source for each kind of choice, so that a fault by chance moves no price. */
function chances(seed: number) {
  const [walk, fills, faults] = [
    mulberry32(seed),
    mulberry32(seed ^ FILL_SEED),
    mulberry32(seed ^ FAULT_SEED),
  ];
  const reseed = (next: number): void => {
    walk.reseed(next);
    fills.reseed(next ^ FILL_SEED);
    faults.reseed(next ^ FAULT_SEED);
  };
  return { walk, fills, faults, reseed };
}

function startSettings(options: PaperExchangeOptions): Settings {
  const { fillDelayMs, fillProbability, slippagePct, latencyMs, transitMs } = options;
  const { volumeCap, partialFillChance, walking, seed, rateLimits } = options;
  const given = {
    fillDelayMs,
    fillProbability,
    slippagePct,
    latencyMs,
    transitMs,
    volumeCap,
    partialFillChance,
    walking,
    seed,
    rateLimits,
  };
  const patch = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings = patchSettings(DEFAULT_SETTINGS, patch);
  if (!settings.ok) throw new PaperOptionsError(`paper exchange option: ${settings.error}`);
  return settings.value;
}

function fundsOf(text: string): number {
  const paise = parsePaise(text);
  if (typeof paise !== 'number')
    throw new PaperOptionsError('openingFunds must be rupees with at most two decimals');
  return paise;
}

interface Replayed {
  /** `NSE:RELIANCE` */
  readonly key: string;
  /** Between two of its prices. */
  readonly stepMs: number;
  /** For a person. */
  readonly sentence: string;
}

/**
 * Puts the recording onto its instrument. Where somebody holds it, or has an order there, its candles go on from the
 * last price: a jump to another day's prices would be a loss that no market made.
 */
function startReplay(
  exchange: PaperExchange,
  replay: ReplayOptions | undefined,
  nowMs: number,
): Replayed | null {
  if (replay === undefined) return null;
  const { path, instrument, candleMs = 2000, loop = false } = replay;
  if (!(candleMs > 0)) throw new PaperOptionsError('replay.candleMs must be above 0');
  const recorded = readRecording(path, instrument);
  const { key, tick } = recorded;
  const quote = exchange.market.find(key);
  if (quote === undefined) {
    throw new ReplayError(`replay file ${path}: ${key} is not an instrument of the paper exchange`);
  }
  const isHeld = exchange.hasInterestIn(quote.instrument.token);
  const recording = isHeld ? continueFrom(recorded, quote.last) : recorded;
  const [first, original] = [recording.candles[0], recorded.candles[0]];
  assert(first !== undefined && original !== undefined, 'a recording has a candle');
  exchange.market.replay(key, first.open, tick, new ReplayCursor(recording, loop), nowMs);
  const scaled = isHeld
    ? `, from the last price ${rupeesText(first.open)} on instead of ${rupeesText(original.open)}, because it is held`
    : `, from ${rupeesText(first.open)} on`;
  const count = recording.candles.length;
  return {
    key,
    stepMs: Math.max(1, Math.round(candleMs / CANDLE_PRICES)),
    sentence: `${key} is driven by ${count} ${count === 1 ? 'candle' : 'candles'} of ${original.at.slice(0, 10)}${scaled}`,
  };
}

async function listen(app: Door, hostname: string, port: number): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port }, () => resolve(server)) as Server;
    server.once('error', reject);
  });
}

function addressOf(host: string, server: Server): { readonly port: number; readonly url: string } {
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}` };
}

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
