import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decimal, decimal, toPaise } from '../../../src/domain/money.ts';
import { type RunningApiRole, startApiRole } from '../../../src/runtime/api-role.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import type { Book } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { EXIT, MARKET, type OrderFields, SHORT } from '../../support/pipeline/requests.ts';
import { waitFor } from '../../support/wait.ts';

const ADMIN_TOKEN = 'an-admin-token-of-tests';

/** Every order type and side; `move` is the price that triggers a stop order. */
const ORDER_TYPES: readonly (readonly [OrderFields, Record<string, string>])[] = [
  [{ symbol: 'HDFCBANK', ...MARKET, stopLoss: '975.00', takeProfit: '1010.00' }, {}],
  [{ symbol: 'KOTAKBANK', ...MARKET, side: 'SELL', stopLoss: '2140.00', takeProfit: '2050.00' }, {}],
  [{ symbol: 'ITC', price: '412.00', stopLoss: '408.00', takeProfit: '422.00' }, {}],
  [{ symbol: 'SBIN', side: 'SELL', price: '875.00', stopLoss: '885.00', takeProfit: '850.00' }, {}],
  [
    {
      symbol: 'INFY',
      orderType: 'SL',
      triggerPrice: '1585.00',
      price: '1590.00',
      stopLoss: '1570.00',
      takeProfit: '1640.00',
    },
    { 'NSE:INFY': '1586.00' },
  ],
  [
    {
      symbol: 'AXISBANK',
      side: 'SELL',
      orderType: 'SL',
      triggerPrice: '1180.00',
      price: '1175.00',
      stopLoss: '1195.00',
      takeProfit: '1120.00',
    },
    { 'NSE:AXISBANK': '1179.00' },
  ],
  [
    {
      symbol: 'TCS',
      orderType: 'SL-M',
      price: null,
      triggerPrice: '3125.00',
      stopLoss: '3100.00',
      takeProfit: '3200.00',
    },
    { 'NSE:TCS': '3126.00' },
  ],
  [
    {
      symbol: 'LT',
      side: 'SELL',
      orderType: 'SL-M',
      price: null,
      triggerPrice: '3700.00',
      stopLoss: '3740.00',
      takeProfit: '3600.00',
    },
    { 'NSE:LT': '3695.00' },
  ],
];

/** Stops and targets that suit any price these tests set. */
const WIDE: OrderFields = { ...MARKET, stopLoss: '2430.00', takeProfit: '2600.00' };
const WIDE_SHORT: OrderFields = { ...SHORT, ...MARKET, stopLoss: '2510.00', takeProfit: '2300.00' };

const WAYS = ['types', 'close', 'reverse', 'day', 'strategies'] as const;

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({ backend, accounts: WAYS });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const trade = async (account: string, fields: OrderFields): Promise<void> => {
    const placed = await pipeline.place({ account, ...WIDE, ...fields });
    await pipeline.waitForStatus(placed, 'FILLED');
  };
  const position = async (account: string) =>
    pipeline.parts.context.db.orm.query.positions.findMany({
      where: (row, { eq }) => eq(row.accountId, account),
      orderBy: (row, { asc }) => asc(row.cycle),
    });

  describe('placement', () => {
    it.each(ORDER_TYPES)(
      'takes %o from acceptance to FILLED at its price or better',
      async (fields, move) => {
        const placed = await pipeline.place({ account: 'types', ...fields });
        expect(placed.status).toBe('PENDING');
        if (Object.keys(move).length > 0) {
          await pipeline.waitForStatus(placed, 'OPEN');
          await pipeline.setPrices(move);
        }
        const filled = await pipeline.waitForStatus(placed, 'FILLED');

        const book = await pipeline.book('types');
        const atBroker = book.orders.filter((order) => order.order_id === filled.brokerOrderId);
        expect(atBroker).toMatchObject([
          {
            status: 'COMPLETE',
            transaction_type: placed.side,
            quantity: 10,
            filled_quantity: 10,
            product: 'MIS',
            tag: filled.attemptTag,
          },
        ]);
        const fills = book.trades.filter((one) => one.order_id === filled.brokerOrderId);
        expect(filled.filledValue.toFixed(2)).toBe(valueOf(fills).toFixed(2));
        if (placed.price !== null) {
          const worst = placed.price.times(10);
          const better =
            placed.side === 'BUY' ? filled.filledValue.lte(worst) : filled.filledValue.gte(worst);
          expect(better, `${filled.filledValue.toFixed(2)} against a limit of ${worst.toFixed(2)}`).toBe(
            true,
          );
        }
      },
    );
  });

  describe('partial close', () => {
    it('adds at the average cost, and books the P&L of the part that is closed', async () => {
      await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
      await trade('close', { quantity: 10 });
      await pipeline.setPrices({ 'NSE:RELIANCE': '2460.00' });
      await trade('close', { quantity: 5 });
      expect(await position('close')).toMatchObject([{ status: 'OPEN', quantity: 15 }]);

      await pipeline.setPrices({ 'NSE:RELIANCE': '2470.10' });
      await trade('close', { ...EXIT, quantity: 6 });
      const [partly] = await position('close');
      // 15 shares cost 36,800: six of them 14,720; sold for 14,820.60.
      expect(partly).toMatchObject({ status: 'OPEN', quantity: 9 });
      expect(partly?.realizedPnl.toFixed(2)).toBe('100.60');
      expect(partly?.openValue.toFixed(2)).toBe('22080.00');
    });
  });

  describe('close with P&L', () => {
    it('closes what is left, P&L and charges exact to the paisa', async () => {
      await pipeline.setPrices({ 'NSE:RELIANCE': '2441.30' });
      await trade('close', { ...EXIT, quantity: 9 });
      const [closed, ...more] = await position('close');
      expect(more).toEqual([]);
      expect(closed).toMatchObject({ status: 'CLOSED', quantity: 0, buyQuantity: 15, sellQuantity: 15 });

      const byHand = profitByHand(await pipeline.book('close'));
      expect(byHand.gross.toFixed(2)).toBe('-7.70'); // 14,820.60 + 21,971.70 - 36,800.00
      expect(closed?.realizedPnl.toFixed(2)).toBe(byHand.gross.toFixed(2));
      expect(closed?.charges.toFixed(2)).toBe(byHand.charges.toFixed(2));
    });
  });

  describe('positions', () => {
    it('reverses through zero in one fill: one cycle closes, the next opens, charges are shared', async () => {
      await pipeline.setPrices({ 'NSE:HINDUNILVR': '2480.00' });
      await trade('reverse', { symbol: 'HINDUNILVR', quantity: 10 });
      await pipeline.setPrices({ 'NSE:HINDUNILVR': '2486.00' });
      await trade('reverse', { symbol: 'HINDUNILVR', ...WIDE_SHORT, quantity: 25 });

      const [first, second, ...more] = await position('reverse');
      expect(more).toEqual([]);
      expect(first).toMatchObject({ cycle: 1, status: 'CLOSED', quantity: 0 });
      expect(first?.realizedPnl.toFixed(2)).toBe('60.00');
      expect(second).toMatchObject({ cycle: 2, status: 'OPEN', quantity: -15 });
      expect(second?.openValue.toFixed(2)).toBe('37290.00');
      const byHand = profitByHand(await pipeline.book('reverse'));
      expect(first?.charges.plus(second?.charges ?? 0).toFixed(2)).toBe(byHand.charges.toFixed(2));

      await pipeline.setPrices({ 'NSE:HINDUNILVR': '2483.50' });
      await trade('reverse', { symbol: 'HINDUNILVR', ...EXIT, side: 'BUY', quantity: 15 });
      const [, covered] = await position('reverse');
      expect(covered).toMatchObject({ cycle: 2, status: 'CLOSED' });
      expect(covered?.realizedPnl.toFixed(2)).toBe('37.50');
    });

    it("keeps a strategy's position apart from what others hold of the same share", async () => {
      await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
      await trade('strategies', { strategyId: 'alpha', quantity: 10 });
      await trade('strategies', { strategyId: 'beta', quantity: 4 });
      await trade('strategies', { ...EXIT, strategyId: 'alpha', quantity: 10 });
      expect(
        await pipeline.sql(
          `select strategy_id, status, quantity from strategy_positions where account_id = 'strategies' order by 1`,
        ),
      ).toEqual([
        { strategy_id: 'alpha', status: 'CLOSED', quantity: 0 },
        { strategy_id: 'beta', status: 'OPEN', quantity: 4 },
      ]);
      expect(await position('strategies')).toMatchObject([{ status: 'OPEN', quantity: 4 }]);
    });
  });

  describe('statistics', () => {
    it('counts the day in daily_stats, today_pnl and the sauda.today functions, unrealized P&L included', async () => {
      await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
      await trade('day', { quantity: 10 });
      await pipeline.setPrices({ 'NSE:RELIANCE': '2460.00' });
      await trade('day', { ...EXIT, quantity: 4 });
      await pipeline.setPrices({ 'NSE:RELIANCE': '2445.00' });
      await trade('day', { ...EXIT, quantity: 4 });
      const refused = await pipeline.place({ account: 'day', ...EXIT, ...MARKET, quantity: 3 });
      await pipeline.waitForStatus(refused, 'REJECTED');

      const byHand = profitByHand(await pipeline.book('day'));
      const [day] = await pipeline.sql(
        `select realized_pnl, charges, turnover, orders_count, rejected_count, trades_count, winning_trades, losing_trades,
          day = sauda.trading_day(clock_timestamp()) as today from daily_stats where account_id = 'day'`,
      );
      expect(day).toMatchObject({
        today: true,
        orders_count: 4,
        rejected_count: 1,
        trades_count: 3,
        winning_trades: 1,
        losing_trades: 1,
      });
      expect(decimal(day?.['realized_pnl'] as string).toFixed(2)).toBe('20.00'); // 4 x 10 - 4 x 5
      expect(decimal(day?.['charges'] as string).toFixed(2)).toBe(byHand.charges.toFixed(2));
      expect(decimal(day?.['turnover'] as string).toFixed(2)).toBe('44120.00');

      const marked = await waitFor(
        async () => {
          const [row] = await pipeline.sql<Record<string, string>>(
            `select net_realized_pnl, unrealized_pnl, sauda.today_realized_pnl('day') realized,
              sauda.today_total_pnl('day') total, sauda.kill_switch_state('day') state from today_pnl where account_id = 'day'`,
          );
          return row !== undefined && decimal(row['unrealized_pnl'] ?? '0').eq('-10') && row;
        },
        { what: 'two shares, five rupees down, to be marked' },
      );
      const net = decimal(20).minus(byHand.charges);
      expect(decimal(marked['net_realized_pnl'] ?? '').toFixed(2)).toBe(net.toFixed(2));
      expect(decimal(marked['realized'] ?? '').toFixed(2)).toBe('20.00');
      expect(decimal(marked['total'] ?? '').toFixed(2)).toBe(net.minus(10).toFixed(2));
      expect(marked['state']).toBe('ACTIVE');
    });
  });

  it('leaves every invariant standing', async () => {
    await expectInvariants(pipeline.sql, { atRest: true });
  });
});

/** The brief's own limits, and an API. */
const LIMITS = {
  ACCOUNT_BALANCE: '100000',
  MAX_POSITIONS: '5',
  MAX_RISK_PER_TRADE: '0.02',
  MAX_DAILY_LOSS: '0.06',
  MAX_ORDER_TO_POSITION_RATIO: '3',
  PORT: '0',
  ADMIN_TOKEN,
};
/** The worked example. */
const EXAMPLE = {
  ...{ exchange: 'NSE', symbol: 'RELIANCE', side: 'BUY', quantity: 10, orderType: 'LIMIT', product: 'MIS' },
  ...{ price: '2450.00', stopLoss: '2430.00', takeProfit: '2491.00' },
};
const REFUSED: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ['2: without a stop', { stopLoss: null }, 'STOP_LOSS_REQUIRED'],
  ['3: with a stop above the price', { stopLoss: '2460.00' }, 'STOP_LOSS_REQUIRED'],
  ['4: with a target of one and a half times the risk', { takeProfit: '2480.00' }, 'RISK_REWARD'],
  ['5: of 10,001 shares', { quantity: 10_001 }, 'QUANTITY_LIMITS'],
  [
    '7: at 2700.00 with the market at 2450.00',
    { price: '2700.00', stopLoss: '2680.00', takeProfit: '2741.00' },
    'PRICE_SANITY',
  ],
];
/** With RELIANCE five different positions. */
const FOUR_MORE = [
  { symbol: 'HDFCBANK', orderType: 'MARKET', price: null, stopLoss: '975.00', takeProfit: '1010.00' },
  { symbol: 'ITC', price: '412.00', stopLoss: '408.00', takeProfit: '422.00' },
  { symbol: 'SBIN', side: 'SELL', price: '875.00', stopLoss: '885.00', takeProfit: '850.00' },
  { symbol: 'INFY', price: '1590.00', stopLoss: '1570.00', takeProfit: '1640.00' },
];

describe('validator cases, through the API, every verdict stored', () => {
  let pipeline: Pipeline;
  let api: RunningApiRole;
  beforeAll(async () => {
    pipeline = await startPipeline({ backend: 'postgres', environment: LIMITS });
    api = await startApiRole(pipeline.parts, pipeline.config, pipeline.config.dataDir);
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
  });
  afterAll(async () => {
    await api.stop();
    await pipeline.stop();
  });

  const call = async (method: string, path: string, body?: unknown): Promise<Detail> => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.status, path).toBe(method === 'POST' ? 202 : 200);
    return (await response.json()) as Detail;
  };
  let placed = 0;
  /** The order once it is FILLED or REJECTED, with its verdicts as GET /v1/orders/ID tells them. */
  const place = async (fields: Readonly<Record<string, unknown>> = {}): Promise<Detail> => {
    const body = { clientOrderId: `case-${++placed}`, ...EXAMPLE, ...fields };
    const { id } = await call('POST', '/v1/orders', body);
    await pipeline.waitForStatus({ id }, 'final');
    return call('GET', `/v1/orders/${id}`);
  };
  const failing = ({ checks }: Detail): string[] =>
    checks.flatMap(({ check, verdict }) => (verdict === 'FAIL' ? [check] : []));

  it('1: the worked example passes: risk 200.00, reward 410.00, ratio 2.05', async () => {
    const order = await place();
    expect(order).toMatchObject({ status: 'FILLED', filledQuantity: 10, failedCheck: null });
    expect(failing(order)).toEqual([]);
    const message = (name: string) => order.checks.find(({ check }) => check === name)?.message;
    expect(message('RISK_PER_TRADE')).toBe('risk 200.00 is within 2,000.00 (2% of 100,000.00)');
    expect(message('RISK_REWARD')).toBe('reward 410.00 / risk 200.00 = 2.05, at least 2');
  });

  it.each(REFUSED)('%s it is refused by its check', async (_title, fields, check) => {
    const order = await place(fields);
    expect(order).toMatchObject({ status: 'REJECTED', rejectedBy: 'OMS', trades: [] });
    expect(failing(order)).toContain(check);
    if (check !== 'QUANTITY_LIMITS') expect(failing(order)).toEqual([check]);
    expect(failing(order)[0]).toBe(order.failedCheck);
    // Checks after the first failure ran, too.
    expect(order.checks.at(-1)?.check).not.toBe(check);
  });

  it('6: as the sixth position it is refused by POSITION_LIMIT, and one of the five is not', async () => {
    for (const fields of FOUR_MORE) {
      expect(await place({ quantity: 1, ...fields })).toMatchObject({ status: 'FILLED' });
    }
    const sixth = await place({
      ...FOUR_MORE[0],
      symbol: 'KOTAKBANK',
      stopLoss: '2050.00',
      takeProfit: '2300.00',
    });
    expect(failing(sixth)).toEqual(['POSITION_LIMIT']);
    expect(sixth).toMatchObject({ status: 'REJECTED', failedCheck: 'POSITION_LIMIT' });
    expect(await place({ quantity: 1 })).toMatchObject({ status: 'FILLED' });
  });
});

interface Detail {
  readonly id: string;
  readonly status: string;
  readonly failedCheck: string | null;
  readonly checks: readonly { readonly check: string; readonly verdict: string; readonly message: string }[];
}

function valueOf(trades: Book['trades']): Decimal {
  return trades.reduce((total, one) => total.plus(decimal(one.price).times(one.quantity)), decimal(0));
}

/**
 * What the exchange's trades of intraday shares are worth, by the published rates alone: brokerage 0.03% up to 20,
 * STT 0.025% of sales, NSE 0.00307%, SEBI 10 a crore, stamp 0.003% of purchases, GST 18%; each to the paisa.
 */
function profitByHand(book: Book): { readonly gross: Decimal; readonly charges: Decimal } {
  let gross = decimal(0);
  let charges = decimal(0);
  for (const order of book.orders) {
    const turnover = valueOf(book.trades.filter((one) => one.order_id === order.order_id));
    const sold = order.transaction_type === 'SELL';
    gross = sold ? gross.plus(turnover) : gross.minus(turnover);
    const brokerage = Decimal.min(20, turnover.times('0.0003'));
    const venue = turnover.times('0.0000307');
    const sebi = turnover.times('0.000001');
    const tax = sold ? turnover.times('0.00025') : turnover.times('0.00003');
    for (const part of [brokerage, venue, sebi, tax, brokerage.plus(venue).plus(sebi).times('0.18')]) {
      charges = charges.plus(toPaise(part));
    }
  }
  return { gross, charges };
}
