import { describe, expect, it } from 'vitest';
import type { BrokerOrderRequest } from '../../../src/broker/port.ts';
import type { Instrument } from '../../../src/domain/instrument.ts';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import type { Order } from '../../../src/domain/order.ts';
import { createMarginReader } from '../../../src/market-data/margins.ts';
import { fakeClock } from '../../../src/time/clock.ts';
import { CRUDE, NIFTY_PUT, type OrderChanges, RELIANCE, T0, order } from '../risk/fixtures.ts';
import { deferred, fakeBroker, fakeLog } from './fakes.ts';

function reader(answer: (requests: readonly BrokerOrderRequest[]) => Promise<readonly Decimal[]>) {
  const clock = fakeClock(T0);
  const asked: BrokerOrderRequest[] = [];
  const { log, warnings } = fakeLog();
  const broker = fakeBroker({
    getOrderMargins: (requests) => {
      asked.push(...requests);
      return answer(requests);
    },
  });
  const margins = createMarginReader(
    () => broker,
    () => clock.monotonicMs(),
    log,
  );
  return { margins, clock, asked, warnings };
}

const of = (instrument: Instrument, changes: OrderChanges = {}): Order =>
  order({
    instrumentId: instrument.id,
    exchange: instrument.exchange,
    symbol: instrument.symbol,
    ...changes,
  });

const intraday = of(RELIANCE);
const future = of(CRUDE, { product: 'NRML', quantity: 2 });
const V = decimal('2450');
const always = (total: string) => async () => [decimal(total)];
const down = () => Promise.reject(new Error('down'));

describe('the margin that an order adds to what is held', () => {
  const put = of(NIFTY_PUT, { side: 'SELL', product: 'NRML', quantity: 75 });
  const readerOf = (answers: (string | null)[]) => {
    const clock = fakeClock(T0);
    const asked: BrokerOrderRequest[] = [];
    const { log, warnings } = fakeLog();
    const getAddedMargin = async (request: BrokerOrderRequest) => {
      asked.push(request);
      const answer = answers.shift() ?? null;
      if (answer === null) throw new Error('down');
      return decimal(answer);
    };
    const margins = createMarginReader(
      () => fakeBroker({ getAddedMargin }),
      () => clock.monotonicMs(),
      log,
    );
    return { margins, clock, asked, warnings };
  };

  it('is asked for by its price and quantity, kept for five seconds, and of each quantity its own', async () => {
    const { margins, clock, asked } = readerOf(['1200', '-300']);
    expect(margins.peekAdded(put)).toBeNull();
    await margins.refreshAdded(put, decimal('120.5'));
    await margins.refreshAdded(put, decimal('120.5'));
    expect(asked).toMatchObject([{ transactionType: 'SELL', quantity: 75 }]);
    expect(asked[0]?.price?.toFixed()).toBe('120.5');
    expect(margins.peekAdded(put)?.toFixed()).toBe('1200');
    expect(margins.peekAdded({ ...put, quantity: 150 })).toBeNull();
    clock.advance(5001);
    expect(margins.peekAdded(put)).toBeNull();
    await margins.refreshAdded(put, decimal('121'));
    expect(margins.peekAdded(put)?.toFixed()).toBe('-300');
  });

  it('stays unknown while the broker can not be asked', async () => {
    const { margins, warnings } = readerOf([null]);
    await margins.refreshAdded(put, decimal('120.5'));
    expect(margins.peekAdded(put)).toBeNull();
    expect(warnings).toHaveLength(1);
  });
});

describe('the margin of an order, per unit', () => {
  it.each([
    ['delivery shares', RELIANCE, of(RELIANCE, { product: 'CNC' })],
    ['margin trading shares', RELIANCE, of(RELIANCE, { product: 'MTF' })],
    ['a bought option', NIFTY_PUT, of(NIFTY_PUT, { product: 'NRML' })],
    ['an option bought for the day', NIFTY_PUT, of(NIFTY_PUT, { product: 'MIS' })],
  ])('of %s is their value, and the broker is not asked', async (_, instrument, bought) => {
    const { margins, asked } = reader(down);
    await margins.refresh(bought, instrument, V);
    expect(margins.peek(bought, instrument, V)?.toFixed()).toBe('2450');
    expect(asked).toEqual([]);
  });

  it('of intraday shares is a fifth of their value until the broker names its share', async () => {
    const { margins, asked } = reader(always('12250'));
    expect(margins.peek(intraday, RELIANCE, V)?.toFixed()).toBe('490');
    await margins.refresh(intraday, RELIANCE, V);
    expect(asked).toHaveLength(1);
    // 12,250 for 10 at 2,450 is half; it holds for another price, too.
    expect(margins.peek(intraday, RELIANCE, V)?.toFixed()).toBe('1225');
    expect(margins.peek(intraday, RELIANCE, decimal('2000'))?.toFixed()).toBe('1000');
  });

  it('of intraday shares is kept for ten minutes', async () => {
    const { margins, clock, asked } = reader(always('12250'));
    await margins.refresh(intraday, RELIANCE, V);
    clock.advance(600_000);
    await margins.refresh(intraday, RELIANCE, V);
    expect(asked).toHaveLength(1);
    clock.advance(1);
    expect(margins.peek(intraday, RELIANCE, V)?.toFixed()).toBe('490');
    await margins.refresh(intraday, RELIANCE, V);
    expect(asked).toHaveLength(2);
  });

  it('of intraday shares is a fifth while the broker can not be asked, and it is not asked before every order', async () => {
    const { margins, clock, asked, warnings } = reader(down);
    await margins.refresh(intraday, RELIANCE, V);
    expect(margins.peek(intraday, RELIANCE, V)?.toFixed()).toBe('490');
    await margins.refresh(intraday, RELIANCE, V);
    expect([asked.length, warnings.length]).toEqual([1, 1]);
    clock.advance(30_001);
    await margins.refresh(intraday, RELIANCE, V);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['a future', CRUDE, future],
    ['a sold option', NIFTY_PUT, of(NIFTY_PUT, { side: 'SELL', product: 'NRML', quantity: 75 })],
    ['a sold future', CRUDE, of(CRUDE, { side: 'SELL', product: 'NRML' })],
  ])(
    "of %s is the broker's figure, and unknown without one: never zero, never a guess",
    async (_, instrument, one) => {
      const { margins, clock } = reader(always('150000'));
      expect(margins.peek(one, instrument, V)).toBeNull();
      await margins.refresh(one, instrument, V);
      expect(margins.peek(one, instrument, V)?.times(one.quantity).toFixed()).toBe('150000');
      clock.advance(5001);
      expect(margins.peek(one, instrument, V)).toBeNull();
    },
  );

  it('of a future stays unknown when the broker fails, or answers nothing, or zero', async () => {
    for (const answer of [down, async () => [], always('0'), always('-5')]) {
      const { margins } = reader(answer);
      await expect(margins.refresh(future, CRUDE, V)).resolves.toBeUndefined();
      expect(margins.peek(future, CRUDE, V)).toBeNull();
    }
  });

  it('is asked by the price of the contract, without the multiplier that its value holds', async () => {
    const { margins, asked } = reader(always('150000'));
    await margins.refresh(future, CRUDE, decimal('600000'));
    expect(asked[0]).toMatchObject({
      exchange: 'MCX',
      tradingsymbol: CRUDE.symbol,
      transactionType: 'BUY',
      orderType: 'LIMIT',
      product: 'NRML',
      quantity: 2,
    });
    expect(asked[0]?.price?.toFixed()).toBe('6000');
  });

  it('is asked once for all who wait for it', async () => {
    const slow = deferred<readonly Decimal[]>();
    const { margins, asked } = reader(() => slow.promise);
    const waiting = [margins.refresh(future, CRUDE, V), margins.refresh(future, CRUDE, V)];
    slow.resolve([decimal('150000')]);
    await Promise.all(waiting);
    expect(asked).toHaveLength(1);
  });

  it('is of its account, instrument, product and side alone', async () => {
    const { margins } = reader(always('150000'));
    await margins.refresh(future, CRUDE, V);
    for (const changes of [
      { accountId: 'other' },
      { product: 'MIS' },
      { side: 'SELL' },
      { instrumentId: 9 },
    ] as const) {
      expect(margins.peek({ ...future, ...changes }, CRUDE, V)).toBeNull();
    }
  });
});
