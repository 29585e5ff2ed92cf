import { type Context, Hono } from 'hono';
import type { Account } from './account.ts';
import { FINAL, type Order } from './order.ts';
import type { PaperExchange } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { Holding } from './funds.ts';
import type { Quote } from './market.ts';
import { parsePlacement } from './order-form.ts';
import { historyRows, orderRow, tradeRow } from './order-rows.ts';
import { type Paise, parsePaise, rupeesText } from './paise.ts';
import { marginRows, positionRow } from './portfolio-rows.ts';
import type { RateCounters } from './rate-limits.ts';
import type { OrderCall } from './rest-parts.ts';
import { isRecord, patchSettings, type Settings } from './settings.ts';

export interface ControlParts {
  readonly exchange: PaperExchange;
  readonly faults: Faults;
  readonly rates: RateCounters;
  readonly counters: Map<string, number>;
  readonly orderCalls: OrderCall[];
  readonly nowMs: () => number;
  readonly settings: () => Settings;
  readonly changeSettings: (settings: Settings) => void;
  /** Begins every random choice anew. */
  readonly reseed: (seed: number) => void;
  /** Called after last prices were set, with the instruments' tokens. */
  readonly pricesSet: (tokens: readonly number[]) => void;
  /** Called after a call that may have changed when something happens next. */
  readonly wake: () => void;
}

const MAX_HOLDINGS = 1000;

/** The control port: settings, prices, faults and the books as they really are. Bound to loopback, no authentication. */
export function createControlApp(parts: ControlParts): Hono {
  const app = new Hono();
  app.get('/state', (c) => c.json(stateOf(parts)));
  app.get('/order-calls', (c) => c.json(parts.orderCalls));
  app.put('/settings', async (c) => {
    const patch = await bodyOf(c);
    const next = patchSettings(parts.settings(), patch);
    if (!next.ok) return c.json({ error: next.error }, 400);
    parts.changeSettings(next.value);
    if (isRecord(patch) && 'seed' in patch) parts.reseed(next.value.seed);
    return c.json(next.value);
  });
  app.put('/prices', async (c) => setPrices(c, parts, await bodyOf(c)));
  app.post('/prices/freeze', (c) => {
    parts.changeSettings({ ...parts.settings(), walking: false });
    return c.json(parts.settings());
  });
  app.post('/faults', async (c) => {
    const added = parts.faults.add(await bodyOf(c));
    return added.ok ? c.json({ id: added.value.id }) : c.json({ error: added.error }, 400);
  });
  app.delete('/faults', (c) => {
    parts.faults.clear();
    return c.json({ ok: true });
  });
  app.delete('/faults/:id', (c) =>
    parts.faults.remove(c.req.param('id')) ? c.json({ ok: true }) : c.json({ error: 'no such fault' }, 404),
  );
  app.get('/books/:user', (c) => {
    const account = parts.exchange.accounts.get(c.req.param('user'));
    return account === undefined ? c.json({ error: 'no such user' }, 404) : c.json(bookOf(account, parts));
  });
  app.put('/holdings/:user', async (c) => setHoldings(c, parts, await bodyOf(c)));
  orderRoutes(app, parts);
  byHandRoutes(app, parts);
  app.post('/reset', (c) => {
    parts.exchange.reset();
    parts.faults.clear();
    parts.rates.clear();
    parts.counters.clear();
    parts.orderCalls.length = 0;
    return c.json({ ok: true });
  });
  app.notFound((c) => c.json({ error: 'no such call' }, 404));
  app.onError((error, c) =>
    error instanceof BadJson
      ? c.json({ error: 'the body is not JSON' }, 400)
      : c.json({ error: error.message }, 500),
  );
  return app;
}

function orderRoutes(app: Hono, parts: ControlParts): void {
  // As placed in the broker's app (such orders carry no tag), by RMS, or, with its tag, by a program of the user's.
  app.post('/orders', async (c) => {
    const body = await bodyOf(c);
    if (!isRecord(body)) return c.json({ error: 'an order is a JSON object' }, 400);
    const { user = 'PAPER', variety = 'regular', as = 'app', ...fields } = body;
    if (as !== 'app' && as !== 'rms' && as !== 'program') {
      return c.json({ error: 'as must be app, rms or program' }, 400);
    }
    const account = parts.exchange.account(String(user));
    if (account === null) return c.json({ error: 'too many users' }, 400);
    const form = new Map(Object.entries(fields).map(([name, value]) => [name, String(value)] as const));
    if (as !== 'program') form.delete('tag');
    if (!form.has('market_protection')) form.set('market_protection', '-1');
    const request = parsePlacement(String(variety), form, parts.exchange.market);
    if (!request.ok) return c.json({ error: request.error.message }, 400);
    const placed = parts.exchange.place(account, request.value, as === 'rms' ? { placedBy: 'RMS' } : {});
    parts.wake();
    return placed.ok ? c.json({ order_id: placed.value }) : c.json({ error: placed.error.message }, 400);
  });
  app.post('/orders/release-amo', (c) => {
    const released = parts.exchange.releaseAmos();
    parts.wake();
    return c.json({ released });
  });
  app.post('/orders/show', (c) => c.json({ shown: parts.exchange.showHidden() }));
  app.post('/orders/:id/status', async (c) => {
    const body = await bodyOf(c);
    const status = isRecord(body) ? body['status'] : undefined;
    if (status !== 'REJECTED' && status !== 'CANCELLED') {
      return c.json({ error: 'status must be REJECTED or CANCELLED' }, 400);
    }
    const message =
      isRecord(body) && typeof body['message'] === 'string' ? body['message'] : `${status} by RMS`;
    return parts.exchange.endByExchange(c.req.param('id'), status, message)
      ? c.json({ ok: true })
      : c.json({ error: 'no such live order' }, 404);
  });
}

function byHandRoutes(app: Hono, { exchange, wake }: ControlParts): void {
  app.post('/square-off/:user', (c) => {
    const account = exchange.accounts.get(c.req.param('user'));
    if (account === undefined) return c.json({ error: 'no such user' }, 404);
    const orders = exchange.squareOff(account);
    wake();
    return c.json({ orders });
  });
  app.post('/orders/:id/show', async (c) => {
    const body = await bodyOf(c);
    const status = isRecord(body) ? body['status'] : undefined;
    if (status !== null && typeof status !== 'string') {
      return c.json({ error: 'status must be a text, or null for the true one' }, 400);
    }
    return exchange.show(c.req.param('id'), status)
      ? c.json({ ok: true })
      : c.json({ error: 'no such order' }, 404);
  });
  app.post('/orders/:id/execute', async (c) => {
    const terms = tradeTerms(await bodyOf(c));
    if (terms === null) return c.json({ error: BAD_TERMS }, 400);
    return exchange.executeByHand(c.req.param('id'), terms.quantity, terms.price)
      ? c.json({ ok: true })
      : c.json({ error: 'no such order, or it has not so much left' }, 404);
  });
  app.post('/trades/:id/correct', async (c) => {
    const terms = tradeTerms(await bodyOf(c));
    if (terms === null) return c.json({ error: BAD_TERMS }, 400);
    return exchange.amendTrade(c.req.param('id'), terms)
      ? c.json({ ok: true })
      : c.json({ error: 'no such trade, or its order has no room' }, 404);
  });
  app.post('/trades/:id/bust', (c) =>
    exchange.amendTrade(c.req.param('id'), null)
      ? c.json({ ok: true })
      : c.json({ error: 'no such trade' }, 404),
  );
}

const BAD_TERMS = 'an execution is {quantity, price} above zero';

function tradeTerms(body: unknown): { readonly quantity: number; readonly price: Paise } | null {
  const quantity = isRecord(body) ? Number(body['quantity']) : 0;
  const price = isRecord(body) ? parsePaise(String(body['price'])) : null;
  const isGood = Number.isSafeInteger(quantity) && quantity > 0 && typeof price === 'number' && price > 0;
  return isGood ? { quantity, price } : null;
}

function stateOf(parts: ControlParts): Record<string, unknown> {
  const { exchange, faults } = parts;
  return {
    settings: parts.settings(),
    session: 'virtual: open at any hour',
    faults: faults.all(),
    users: [...exchange.accounts.values()].map((account) => ({
      user: account.id,
      orders: account.orders.size,
      working: account.working.size,
      trades: account.trades.length,
    })),
    calls: Object.fromEntries(parts.counters),
    prices: Object.fromEntries(
      [...exchange.market.quotes.values()].map((quote) => [quote.instrument.key, rupeesText(quote.last)]),
    ),
  };
}

function bookOf(account: Account, parts: ControlParts): Record<string, unknown> {
  const { market } = parts.exchange;
  const rawOrder = (order: Order): Record<string, unknown> => ({
    ...orderRow(order),
    received_at_ms: order.receivedAt,
    visible_at_ms: order.visibleAt,
    is_final: FINAL.has(order.status),
    requested_type: order.requestedType,
    modifications: order.modifications,
    charges: order.charges,
    history: historyRows(order),
  });
  return {
    user: account.id,
    orders: [...account.orders.values()].map(rawOrder),
    trades: account.trades.map((trade) => ({
      ...tradeRow(trade),
      filled_at_ms: trade.at,
      price: rupeesText(trade.price),
    })),
    positions: [...account.positions.values()].map((position) => positionRow(position, market)),
    holdings: [...account.holdings.values()],
    margins: marginRows(account.funds(market)).equity,
  };
}

function setPrices(c: Context, parts: ControlParts, body: unknown): Response {
  if (!isRecord(body)) return c.json({ error: 'prices is a JSON object of "EXCHANGE:SYMBOL": "price"' }, 400);
  const changes: { readonly quote: Quote; readonly price: Paise }[] = [];
  for (const [key, value] of Object.entries(body)) {
    const quote = parts.exchange.market.find(key);
    if (quote === undefined) return c.json({ error: `unknown instrument ${key}` }, 400);
    const price = parsePaise(String(value));
    if (price === null || price === 'fine' || price === 0 || price % quote.tick !== 0) {
      return c.json(
        { error: `${key}: price must be above zero and a multiple of ${rupeesText(quote.tick)}` },
        400,
      );
    }
    changes.push({ quote, price });
  }
  const nowMs = parts.nowMs();
  for (const { quote, price } of changes) parts.exchange.market.set(quote, price, nowMs);
  parts.pricesSet(changes.map(({ quote }) => quote.instrument.token));
  return c.json({ set: changes.length });
}

function setHoldings(c: Context, parts: ControlParts, body: unknown): Response {
  const account = parts.exchange.account(c.req.param('user') ?? '');
  if (account === null) return c.json({ error: 'too many users' }, 400);
  if (!Array.isArray(body) || body.length > MAX_HOLDINGS) {
    return c.json({ error: `holdings is an array of at most ${MAX_HOLDINGS}` }, 400);
  }
  const holdings: Holding[] = [];
  for (const row of body as unknown[]) {
    const quote = isRecord(row)
      ? parts.exchange.market.find(`NSE:${String(row['tradingsymbol'])}`)
      : undefined;
    const quantity = isRecord(row) ? Number(row['quantity']) : 0;
    const price = isRecord(row) ? parsePaise(String(row['average_price'])) : null;
    if (
      quote === undefined ||
      !Number.isSafeInteger(quantity) ||
      quantity <= 0 ||
      typeof price !== 'number'
    ) {
      return c.json({ error: 'a holding is {tradingsymbol, quantity, average_price} of an NSE share' }, 400);
    }
    holdings.push({ token: quote.instrument.token, quantity, averagePrice: price });
  }
  parts.exchange.setHoldings(account, holdings);
  return c.json({ set: holdings.length });
}

class BadJson extends Error {}

async function bodyOf(c: Context): Promise<unknown> {
  try {
    return (await c.req.json()) as unknown;
  } catch {
    throw new BadJson();
  }
}
