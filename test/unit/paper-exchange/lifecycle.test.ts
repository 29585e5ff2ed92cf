import { describe, expect, it } from 'vitest';
import { RESTING_BUY, Venue } from './venue.ts';

describe('the life of an order', () => {
  it('writes the four rows of a limit order that rests', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    expect(venue.statuses(order)).toEqual([
      'PUT ORDER REQ RECEIVED',
      'VALIDATION PENDING',
      'OPEN PENDING',
      'OPEN',
    ]);
    expect(order.rows.map((row) => row.token)).toEqual([1, 738_561, 738_561, 738_561]);
    expect(order.rows.map((row) => row.exchangeOrderId !== null)).toEqual([false, false, false, true]);
    expect(venue.updates).toEqual([]);
  });

  it('shows the old terms until MODIFIED and the new ones after', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    venue.nowMs += 5000;
    expect(venue.modify(order, { price: 2435, quantity: '', trigger_price: '' })).toBeNull();
    expect(order.rows.slice(4).map((row) => [row.status, row.price])).toEqual([
      ['MODIFY VALIDATION PENDING', 244_000],
      ['MODIFY PENDING', 244_000],
      ['MODIFIED', 244_000],
      ['OPEN', 243_500],
    ]);
    expect(order).toMatchObject({ modified: true, quantity: 10, orderAt: venue.nowMs });
    expect(venue.updates).toEqual([{ id: order.id, status: 'UPDATE' }]);
  });

  it('keeps the old terms when the exchange does not modify', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    const twist = { rejectMessage: 'no' };
    venue.exchange.modify(venue.account, 'regular', order.id, new Map([['price', '2435']]), twist);
    expect(venue.statuses(order).slice(-3)).toEqual(['MODIFY PENDING', 'NOT MODIFIED', 'OPEN']);
    expect(order).toMatchObject({ price: 244_000, statusMessage: 'no', modified: false });
    venue.pass(500);
    venue.price('2440');
    expect(order.status).toBe('COMPLETE');
  });

  it('shows the rest as pending and as cancelled after a client cancels an unfilled order', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    expect(venue.cancel(order)).toBeNull();
    expect(venue.statuses(order).slice(-2)).toEqual(['CANCEL PENDING', 'CANCELLED']);
    expect(order).toMatchObject({ pending: 10, cancelled: 10 });
  });

  it('keeps the fills of an order that is cancelled half way', () => {
    const venue = new Venue({ settings: { volumeCap: 4 } });
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(500);
    venue.cancel(order);
    expect(order).toMatchObject({ status: 'CANCELLED', filled: 4, pending: 0, cancelled: 6 });
  });

  it('shows only pending after the exchange cancels an unfilled order', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    expect(venue.exchange.endByExchange(order.id, 'CANCELLED', 'by RMS')).toBe(true);
    expect(order).toMatchObject({ status: 'CANCELLED', pending: 10, cancelled: 0, statusMessage: 'by RMS' });
    expect(venue.exchange.endByExchange(order.id, 'REJECTED', 'again')).toBe(false);
  });

  it('cancels what an IOC order could not fill at once', () => {
    const venue = new Venue({ settings: { volumeCap: 4 } });
    const order = venue.place({ ...RESTING_BUY, price: 2460, validity: 'IOC' });
    venue.pass(500);
    expect(order).toMatchObject({ status: 'CANCELLED', filled: 4, cancelled: 6 });
  });

  it('cancels a TTL order when its minutes are over', () => {
    const venue = new Venue();
    const order = venue.place({ ...RESTING_BUY, validity: 'TTL', validity_ttl: 2 });
    venue.pass(119_999);
    venue.tick();
    expect(order.status).toBe('OPEN');
    venue.pass(1);
    venue.tick();
    expect(order.status).toBe('CANCELLED');
  });

  it('refuses to touch an order in transit and lets it arrive', () => {
    const venue = new Venue({ settings: { transitMs: 2000 } });
    const order = venue.place(RESTING_BUY);
    expect(order.status).toBe('VALIDATION PENDING');
    expect(venue.modify(order, { price: 2435 })?.message).toContain(
      'cannot be modified as it is being processed',
    );
    expect(venue.cancel(order)?.message).toContain('cannot be cancelled as it is being processed');
    venue.pass(2000);
    expect(order.status).toBe('OPEN');
    expect(venue.cancel(order)).toBeNull();
  });

  it('drops a modification when the order completes before it arrives', () => {
    const venue = new Venue({ settings: { transitMs: 2000 } });
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(2000);
    venue.modify(order, { quantity: 20 });
    venue.nowMs += 600;
    venue.tick();
    expect(order).toMatchObject({ status: 'COMPLETE', filled: 10, quantity: 10 });
    venue.pass(2000);
    expect(order.status).toBe('COMPLETE');
  });

  it('allows 25 modifications and no more', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    for (let i = 1; i <= 25; i += 1) expect(venue.modify(order, { price: 2440 - i })).toBeNull();
    expect(venue.modify(order, { price: 2439 })).toMatchObject({
      errorType: 'NetworkException',
      message: 'Maximum allowed order modifications exceeded.',
    });
  });

  it('needs protection to turn a limit order into a market order, and none to keep one', () => {
    const venue = new Venue({ settings: { fillProbability: 0 } });
    const limit = venue.place(RESTING_BUY);
    expect(venue.modify(limit, { order_type: 'MARKET' })?.message).toContain('without market protection');
    expect(venue.modify(limit, { order_type: 'MARKET', market_protection: 1 })).toBeNull();
    expect(limit).toMatchObject({ orderType: 'LIMIT', price: 247_450, tags: ['mktp', 'mktp:1.00'] });
    expect(venue.modify(limit, { order_type: 'MARKET' })).toBeNull();
  });

  it('moves the trigger of a waiting stop and keeps it waiting', () => {
    const venue = new Venue();
    const stop = {
      ...RESTING_BUY,
      transaction_type: 'SELL',
      order_type: 'SL',
      price: 2390,
      trigger_price: 2400,
    };
    const order = venue.place(stop);
    expect(venue.modify(order, { trigger_price: 2410 })).toBeNull();
    expect(order).toMatchObject({ status: 'TRIGGER PENDING', trigger: 241_000, price: 239_000 });
    venue.price('2405');
    expect(order.status).toBe('OPEN');
  });

  it('rejects a delivery sale without holdings inside the OMS, with zero quantities', () => {
    const venue = new Venue();
    const order = venue.place({ ...RESTING_BUY, product: 'CNC', transaction_type: 'SELL', price: 2460 });
    expect(order).toMatchObject({
      status: 'REJECTED',
      statusMessage: 'RMS:Rule: Check holdings',
      exchangeOrderId: null,
      pending: 0,
    });
  });

  it('sells delivery shares that are held or were bought today, once', () => {
    const venue = new Venue();
    venue.exchange.setHoldings(venue.account, [{ token: 738_561, quantity: 5, averagePrice: 200_000 }]);
    venue.place({ ...RESTING_BUY, product: 'CNC', price: 2450, quantity: 3 });
    venue.pass(500);
    const sale = { ...RESTING_BUY, product: 'CNC', transaction_type: 'SELL', price: 2480 };
    expect(venue.place({ ...sale, quantity: 8 }).status).toBe('OPEN');
    expect(venue.place({ ...sale, quantity: 1 }).status).toBe('REJECTED');
  });
});

describe('after-market orders', () => {
  it('waits for the release and then lives under the regular variety', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY, 'amo');
    expect(venue.statuses(order)).toEqual(['PUT ORDER REQ RECEIVED', 'AMO REQ RECEIVED']);
    expect(venue.modify(order, { price: 2435 }, 'amo')).toBeNull();
    expect(order).toMatchObject({ status: 'AMO REQ RECEIVED', price: 243_500, exchangeOrderId: null });
    expect(venue.exchange.releaseAmos()).toBe(1);
    expect(order).toMatchObject({ status: 'OPEN', variety: 'amo' });
    expect(venue.cancel(order, 'amo')?.message).toContain('`regular`');
    expect(venue.cancel(order, 'regular')).toBeNull();
    expect(venue.updates).toEqual([]);
  });

  it('can be cancelled before the release', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY, 'amo');
    expect(venue.cancel(order, 'amo')).toBeNull();
    expect(venue.exchange.releaseAmos()).toBe(0);
  });
});
