/**
 * Buys when the fast average of the closes crosses over the slow one, and leaves when it crosses back. It is no advice.
 *
 *   npm start -- --replay examples/NSE-INFY-2026-03-02-minute.json
 *   npx sauda token create --name cross --role trader --strategy cross > cross.token
 *   SAUDA_TOKEN=$(cat cross.token) node --import tsx examples/moving-average-cross.ts NSE:INFY
 *
 * Outside this repository it imports the same `sauda/client` from the installed package.
 */
import { ApiError, type Client, createClient } from 'sauda/client';

const STRATEGY = 'cross';
const FAST = 5;
const SLOW = 15;
const QUANTITY = 5;
/** Shares of the price. */
const STOP = 0.01;
const TARGET = 0.04;
/** Rupees: the tick of the share, which every price must stand on. */
const TICK = 0.05;
const FILL_WITHIN_MS = 30_000;

const {
  SAUDA_URL = 'http://127.0.0.1:8080',
  SAUDA_TOKEN = '',
  MARKET_URL = 'http://127.0.0.1:8081',
} = process.env;
/** One candle of the replay (PAPER_REPLAY_CANDLE_MS). */
const candleMs = Number(process.env['CANDLE_MS'] ?? '2000');
/** Ends after so many round trips; 0: never. */
const roundTrips = Number(process.env['ROUND_TRIPS'] ?? '0');

async function main(instrument: string): Promise<void> {
  const [exchange = 'NSE', symbol = ''] = instrument.split(':');
  const client = createClient({ baseUrl: SAUDA_URL, token: SAUDA_TOKEN });
  const closes: number[] = [];
  let side: 'over' | 'under' | null = null;
  // After a restart what is held is still ours to leave.
  let isIn = (await heldOf(client, exchange, symbol)) > 0;
  for (let done = 0; roundTrips === 0 || done < roundTrips;) {
    await new Promise((resolve) => setTimeout(resolve, candleMs));
    const close = await lastPrice(instrument);
    closes.push(close);
    if (closes.length > SLOW) closes.shift();
    if (closes.length < SLOW) continue;
    const now = average(closes.slice(-FAST)) > average(closes) ? 'over' : 'under';
    const crossed = side !== null && now !== side;
    side = now;
    if (!crossed) continue;
    console.log(`the fast average of ${instrument} crossed ${now} the slow one at ${close.toFixed(2)}`);
    try {
      // What is held is asked each time: the stop or the target may have closed it, and a restart forgets nothing.
      const held = await heldOf(client, exchange, symbol);
      if (now === 'over' && held === 0) isIn = await enter(client, exchange, symbol, close);
      if (now === 'under' && held === 0 && isIn) console.log('its stop or its target had closed it');
      if (now === 'under' && isIn && (held === 0 || (await leave(client, exchange, symbol, held)))) {
        isIn = false;
        done += 1;
      }
    } catch (error) {
      // A refusal says why (a halt, a limit); the next cross is another chance.
      if (!(error instanceof ApiError)) throw error;
      console.log(`refused: ${error.code}: ${error.message}`);
    }
  }
}

async function enter(client: Client, exchange: string, symbol: string, close: number): Promise<boolean> {
  const price = onTick(close * 1.001);
  const placed = await client.placeOrder(
    {
      strategyId: STRATEGY,
      exchange,
      symbol,
      side: 'BUY',
      quantity: QUANTITY,
      orderType: 'LIMIT',
      product: 'MIS',
      price: price.toFixed(2),
      stopLoss: onTick(price * (1 - STOP)).toFixed(2),
      takeProfit: onTick(price * (1 + TARGET)).toFixed(2),
    },
    { status: 'FILLED', timeoutMs: FILL_WITHIN_MS },
  );
  if (placed.status === 'FILLED') {
    console.log(`bought ${placed.filledQuantity} at ${placed.averagePrice ?? '?'}`);
    return true;
  }
  console.log(
    `the entry is ${placed.status}${placed.statusReason === null ? '' : `: ${placed.statusReason}`}`,
  );
  // An entry that did not fill in time is not wanted any more; what is finished can not be cancelled, and need not be.
  await client.cancelOrder(placed.id).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.code === 'ORDER_FINISHED')) throw error;
  });
  return placed.filledQuantity > 0;
}

/** True once it is sold; the OMS takes the stop and the target out of the way by itself. */
async function leave(client: Client, exchange: string, symbol: string, quantity: number): Promise<boolean> {
  const exit = await client.placeOrder(
    {
      strategyId: STRATEGY,
      exchange,
      symbol,
      side: 'SELL',
      quantity,
      orderType: 'MARKET',
      product: 'MIS',
      reduceOnly: true,
    },
    { status: 'FILLED', timeoutMs: FILL_WITHIN_MS },
  );
  console.log(
    exit.status === 'FILLED'
      ? `sold ${exit.filledQuantity} at ${exit.averagePrice ?? '?'}`
      : `the exit is ${exit.status}`,
  );
  return exit.status === 'FILLED';
}

/** What this strategy holds: a token that is bound to a strategy sees the fold of its own trades. */
async function heldOf(client: Client, exchange: string, symbol: string): Promise<number> {
  const positions = await client.positionsOf({ exchange, symbol }, { product: 'MIS' });
  return positions.reduce((sum, { status, quantity }) => sum + (status === 'OPEN' ? quantity : 0), 0);
}

/** Kite's quotes, which the paper exchange serves too; with a feed of your own, take its closes instead. */
async function lastPrice(instrument: string): Promise<number> {
  const response = await fetch(`${MARKET_URL}/quote/ltp?i=${encodeURIComponent(instrument)}`, {
    headers: { authorization: 'token paper:paper', 'x-kite-version': '3' },
  });
  const { data } = (await response.json()) as { data: Record<string, { last_price: number }> };
  const quote = data[instrument];
  if (quote === undefined) throw new Error(`${instrument} has no quote`);
  return quote.last_price;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function onTick(price: number): number {
  return Math.round(price / TICK) * TICK;
}

await main(process.argv[2] ?? 'NSE:INFY');
