import type { Exchange } from '../domain/instrument.ts';
import { readStoredPrices } from '../db/stores/mark-store.ts';
import { instrumentKey } from '../domain/instrument.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import { MAX_PRICE } from '../domain/order-request.ts';
import type { Decimal } from '../domain/money.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { storePrices } from '../market-data/prices.ts';
import type { Context } from './context.ts';

/** How far a feed's clock may run ahead of ours. */
const MAX_AHEAD_MS = 5000;
/** Prices that an entry of the journal holds. */
const PRICES_TOLD = 100;

export interface PushedPrice {
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly price: Decimal;
}

export interface PriceProblem {
  /** "EXCHANGE:SYMBOL"; null when it is the time that is wrong. */
  readonly key: string | null;
  readonly code: 'UNKNOWN_SYMBOL' | 'MIN' | 'MAX' | 'FUTURE';
  readonly message: string;
}

/**
 * Stores last prices of a user's own feed; all of them or, when one is bad, none. `at` is when they were current,
 * now when null. An older price never replaces a newer one. On paper the broker's own price comes back once the pushed
 * one is older than PRICE_MAX_AGE_MS; with PRICE_SOURCE=push there is no other.
 */
export async function pushPrices(
  context: Pick<Context, 'db' | 'instruments' | 'prices' | 'withAccount'>,
  {
    prices,
    at,
    now,
    actor,
  }: {
    readonly prices: readonly PushedPrice[];
    readonly at: Date | null;
    readonly now: Date;
    readonly actor: string;
  },
): Promise<Result<number, PriceProblem[]>> {
  if (at !== null && at.getTime() > now.getTime() + MAX_AHEAD_MS) {
    return err([
      { key: null, code: 'FUTURE', message: 'must not be in the future: later prices would not replace it' },
    ]);
  }
  const found = await Promise.all(
    prices.map(({ exchange, symbol }) => context.instruments.find(exchange, symbol)),
  );
  const problems: PriceProblem[] = [];
  const rows: { readonly instrument_id: number; readonly price: string; readonly at: string | null }[] = [];
  prices.forEach((pushed, index) => {
    const key = instrumentKey(pushed);
    const instrument = found[index] ?? null;
    if (instrument === null) {
      problems.push({ key, code: 'UNKNOWN_SYMBOL', message: 'is not in the list of instruments' });
    } else if (pushed.price.lte(0)) {
      problems.push({ key, code: 'MIN', message: 'must be over 0' });
    } else if (pushed.price.gt(MAX_PRICE)) {
      problems.push({ key, code: 'MAX', message: `must be at most ${MAX_PRICE}` });
    } else {
      rows.push({
        instrument_id: instrument.id,
        price: pushed.price.toFixed(),
        at: at?.toISOString() ?? null,
      });
    }
  });
  if (problems.length > 0) return err(problems);
  await note(context, actor, { prices, at, ids: rows.map((row) => row.instrument_id) });
  await storePrices(context.db, rows, 'PUSH');
  context.prices.forget(rows.map((row) => row.instrument_id));
  return ok(rows.length);
}

/**
 * What was pushed, by whom, before it counts: a price can halt an account. A feed speaks often, so an entry holds a
 * bounded number of prices; `count` says of how many.
 */
async function note(
  context: Pick<Context, 'db' | 'withAccount'>,
  actor: string,
  {
    prices,
    at,
    ids,
  }: {
    readonly prices: readonly PushedPrice[];
    readonly at: Date | null;
    /** Their instruments, in the same order. */
    readonly ids: readonly number[];
  },
): Promise<void> {
  if (prices.length === 0) return;
  const first = prices.slice(0, PRICES_TOLD);
  const stored = await readStoredPrices(context.db, ids.slice(0, PRICES_TOLD));
  const told = first.map((one) => [instrumentKey(one), one.price.toFixed()]);
  const before = first.map((one, n) => [instrumentKey(one), stored.get(ids[n] ?? -1) ?? null]);
  const data = {
    count: prices.length,
    at: at?.toISOString() ?? null,
    prices: Object.fromEntries(told) as object,
    before: Object.fromEntries(before) as object,
  };
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note('PricesPushed', 'prices', data),
  });
}
