import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createClient, type Client } from '../client/index.ts';
import { type Decimal, decimal } from '../domain/money.ts';
import type { Logger } from '../logging/logger.ts';
import { newId } from '../time/random.ts';

/**
 * A strategy like any other: it knows the public API and Kite's quotes, nothing else. It buys a share a little over
 * the market with a stop and a target, which the OMS keeps at the exchange, and leaves after a while when neither was
 * reached. It is no advice.
 */
export interface DemoOptions {
  readonly apiUrl: string;
  readonly adminToken: string;
  /** A server with Kite's market data. */
  readonly marketUrl: string;
  readonly dataDir: string;
  /** The share whose candles are replayed; null on a random walk. */
  readonly replayed: string | null;
  readonly log: Logger;
}

const STRATEGY = 'demo';
/** RELIANCE is left to the newcomer's own orders, unless its candles are replayed. */
const SYMBOLS = ['INFY', 'HDFCBANK', 'SBIN', 'ITC', 'TCS'];
const STEP_MS = 4000;
const MAX_OPEN = 3;
const HOLD_MS = 20_000;
const CALL_TIMEOUT_MS = 10_000;
/** Rupees at risk in one trade: well inside 2% of the demo's capital. */
const RISK_PER_TRADE = 150;

interface Quote {
  readonly last: Decimal;
  readonly tick: Decimal;
}

/** What the strategy holds of a share: the sum of its own trades, never somebody else's. */
interface Holding {
  readonly symbol: string;
  readonly quantity: number;
  readonly since: number;
}

export async function startDemo(options: DemoOptions): Promise<{ stop(): Promise<void> }> {
  const end = new AbortController();
  const call = endable(end.signal);
  const token = await demoToken(options);
  const client = createClient({ baseUrl: options.apiUrl, token, fetch: call });
  const ticks = await readTicks(options.marketUrl, call);
  const symbols = options.replayed === null ? SYMBOLS : [options.replayed, ...SYMBOLS];
  let stopped = false;
  let turn = 0;
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> = Promise.resolve();

  const step = async (): Promise<void> => {
    const holdings = await readHoldings(client);
    const { items: open } = await client.orders({ status: 'open', strategyId: STRATEGY });
    const waiting = open.filter(({ role }) => role !== 'STOP' && role !== 'TARGET');
    const busy = new Set(waiting.map((order) => order.symbol));
    for (const holding of holdings) {
      if (busy.has(holding.symbol)) continue;
      if (shouldLeave(holding)) await leave(client, holding);
    }
    const symbol = symbols[turn++ % symbols.length] ?? 'INFY';
    const isOpen = holdings.some((holding) => holding.symbol === symbol) || busy.has(symbol);
    if (isOpen || holdings.length + waiting.length >= MAX_OPEN) return;
    const quote = await readQuote(options.marketUrl, symbol, ticks, call);
    if (quote !== null) await enter(client, symbol, quote);
  };
  const beat = (): void => {
    running = step()
      .catch((error: unknown) => options.log.warn({ err: error }, 'the demo strategy waits'))
      .then(() => {
        if (!stopped) timer = setTimeout(beat, STEP_MS);
      });
  };
  beat();
  return {
    stop: async () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      end.abort();
      await running;
    },
  };
}

/** Fetch with a deadline, which the strategy's end cuts short: a market that does not answer holds up nobody. */
function endable(end: AbortSignal): typeof fetch {
  return (input, init) => {
    const signals = [end, init?.signal ?? AbortSignal.timeout(CALL_TIMEOUT_MS)];
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
}

async function readHoldings(client: Client): Promise<Holding[]> {
  const { items } = await client.trades({ strategyId: STRATEGY, limit: 500 });
  const bySymbol = new Map<string, Holding>();
  for (const trade of [...items].reverse()) {
    const before = bySymbol.get(trade.symbol)?.quantity ?? 0;
    const quantity = before + (trade.side === 'BUY' ? trade.quantity : -trade.quantity);
    const { symbol, tradedAt } = trade;
    bySymbol.set(symbol, { symbol, quantity, since: Date.parse(tradedAt) });
  }
  return [...bySymbol.values()].filter((holding) => holding.quantity !== 0);
}

async function enter(client: Client, symbol: string, quote: Quote): Promise<void> {
  const price = onTick(quote.last.times('1.0004'), quote.tick);
  const distance = onTick(price.times('0.006'), quote.tick);
  const quantity = Math.max(1, Math.floor(decimal(RISK_PER_TRADE).div(distance).toNumber()));
  await client.placeOrder({
    clientOrderId: `demo-${newId().slice(-8)}`,
    strategyId: STRATEGY,
    exchange: 'NSE',
    symbol,
    side: 'BUY',
    quantity,
    orderType: 'LIMIT',
    product: 'MIS',
    price: price.toFixed(),
    stopLoss: price.minus(distance).toFixed(),
    takeProfit: price.plus(onTick(distance.times('2.5'), quote.tick)).toFixed(),
  });
}

async function leave(client: Client, holding: Holding): Promise<void> {
  await client.placeOrder({
    clientOrderId: `demo-exit-${newId().slice(-8)}`,
    strategyId: STRATEGY,
    exchange: 'NSE',
    symbol: holding.symbol,
    side: holding.quantity > 0 ? 'SELL' : 'BUY',
    quantity: Math.abs(holding.quantity),
    orderType: 'MARKET',
    product: 'MIS',
    reduceOnly: true,
  });
}

function shouldLeave(holding: Holding): boolean {
  return performance.timeOrigin + performance.now() - holding.since > HOLD_MS;
}

function onTick(price: Decimal, tick: Decimal): Decimal {
  return price.div(tick).round().times(tick);
}

async function readQuote(
  marketUrl: string,
  symbol: string,
  ticks: ReadonlyMap<string, Decimal>,
  call: typeof fetch,
): Promise<Quote | null> {
  const key = `NSE:${symbol}`;
  const response = await call(`${marketUrl}/quote/ltp?i=${encodeURIComponent(key)}`, {
    headers: KITE_HEADERS,
  });
  const body = (await response.json()) as { data?: Record<string, { last_price: number }> };
  const last = body.data?.[key]?.last_price;
  const tick = ticks.get(symbol);
  return last === undefined || tick === undefined ? null : { last: decimal(last), tick };
}

const KITE_HEADERS = { Authorization: 'token paper:paper', 'X-Kite-Version': '3' };

/** Tick sizes of the demo's shares, from Kite's list of instruments. */
async function readTicks(marketUrl: string, call: typeof fetch): Promise<Map<string, Decimal>> {
  const response = await call(`${marketUrl}/instruments/NSE`, { headers: KITE_HEADERS });
  const [header = '', ...lines] = (await response.text()).trim().split(/\r?\n/);
  const names = header.split(',');
  const [symbolAt, tickAt] = [names.indexOf('tradingsymbol'), names.indexOf('tick_size')];
  return new Map(
    lines.map((line) => {
      const fields = line.split(',');
      return [fields[symbolAt] ?? '', decimal(fields[tickAt] ?? '0.05')];
    }),
  );
}

/** A trader's token of its own, bound to the strategy; asked for once and kept 0600. */
async function demoToken({ apiUrl, adminToken, dataDir }: DemoOptions): Promise<string> {
  const file = path.join(dataDir, 'demo-strategy.token');
  const kept = readKept(file);
  if (kept !== null && (await isAccepted(apiUrl, kept))) return kept;
  const admin = createClient({ baseUrl: apiUrl, token: adminToken });
  const { token } = await admin.createToken({ name: 'demo-strategy', role: 'trader', strategyId: STRATEGY });
  writeFileSync(file, token, { mode: 0o600 });
  return token;
}

function readKept(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null; // the first start
  }
}

async function isAccepted(apiUrl: string, token: string): Promise<boolean> {
  const response = await fetch(`${apiUrl}/v1/orders?limit=1`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  await response.body?.cancel();
  return response.ok;
}
