import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AlertMessage } from '../../../src/alert-channels/port.ts';
import type { AlertSeverity } from '../../../src/domain/alert-delivery.ts';
import { outcomeOf } from '../../../src/domain/order-outcome.ts';
import type { Order } from '../../../src/domain/order.ts';
import { acceptedOrder } from '../../../src/domain/order-events.ts';
import { decimal } from '../../../src/domain/money.ts';
import { ackOf, shortIdOf } from '../../../src/telegram/alert-lines.ts';
import { MAX_MESSAGE, packFirst } from '../../../src/telegram/pack-alerts.ts';
import { textProblem } from '../../support/telegram/rules.ts';
import { orderRow } from '../db/fixtures.ts';

const OPTIONS = { mode: 'PAPER', silentTypes: new Set(['order_filled']) } as const;

const alert = (n: number, fields: Partial<AlertMessage> = {}): AlertMessage => ({
  deliveryId: `${n}.0`,
  accountId: 'main',
  alertId: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  severity: 'WARNING',
  type: 'near_stop',
  message: `alert number ${n}`,
  details: {},
  orderId: null,
  at: new Date('2026-11-23T04:00:00Z'),
  reminder: 0,
  ...fields,
});

/** All messages until nothing waits. */
function packAll(alerts: readonly AlertMessage[]) {
  const order: AlertSeverity[] = ['CRITICAL', 'WARNING', 'INFO'];
  let waiting = [...alerts].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  const packs = [];
  let density = 0;
  while (waiting.length > 0) {
    const pack = packFirst(waiting, OPTIONS, density);
    ({ density } = pack);
    expect(pack.alerts.length).toBeGreaterThan(0);
    packs.push(pack);
    const taken = new Set(pack.alerts.map(({ alertId }) => alertId));
    waiting = waiting.filter(({ alertId }) => !taken.has(alertId));
  }
  return packs;
}

describe('packing alerts', () => {
  it('takes every alert exactly once into messages that Telegram takes, whatever they say', () => {
    const some = fc.record({
      severity: fc.constantFrom<AlertSeverity>('CRITICAL', 'WARNING', 'INFO'),
      type: fc.constantFrom('near_stop', 'order_filled', 'order_rejected'),
      message: fc.string({ unit: 'binary', maxLength: 900, size: 'max' }),
      reminder: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 60, size: 'max' }), (fields) => {
        const alerts = fields.map((field, n) => alert(n, field));
        const packs = packAll(alerts);
        expect(packs.flatMap((pack) => pack.alerts.map(({ alertId }) => alertId)).sort()).toEqual(
          alerts.map(({ alertId }) => alertId).sort(),
        );
        for (const { message, alerts: told } of packs) {
          expect(textProblem(message.text, message.entities)).toBeNull();
          expect(message.text.startsWith('PAPER ')).toBe(true);
          expect(new Set(told.map(({ severity }) => severity === 'CRITICAL')).size).toBe(1);
          // However an alert is shortened, a person can say that they have seen it.
          for (const one of told) {
            if (one.severity === 'CRITICAL') expect(message.text).toContain(ackOf(one));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('needs no more messages than their lengths do', () => {
    const packs = packAll(Array.from({ length: 300 }, (_, n) => alert(n)));
    const units = packs.reduce((total, { message }) => total + message.text.length, 0);
    expect(packs.length).toBe(Math.ceil(units / MAX_MESSAGE));
    expect(packs.length).toBeLessThanOrEqual(3);
  });

  it('sends up to three that are CRITICAL alone, and more of them together but with no others', () => {
    const critical = (n: number) => alert(n, { severity: 'CRITICAL', message: `grave ${n}` });
    expect(packAll([1, 2, 3].map(critical)).map((pack) => pack.alerts.length)).toEqual([1, 1, 1]);
    const many = packAll([...Array.from({ length: 40 }, (_, n) => critical(n)), alert(99)]);
    expect(many[0]!.alerts.every(({ severity }) => severity === 'CRITICAL')).toBe(true);
    expect(many.length).toBeLessThanOrEqual(3);
    expect(many[0]!.message.text).toContain(`/ack_${shortIdOf(critical(7).alertId)}`);
  });

  it('says a reason once for all the orders that ended for it', () => {
    const why = 'MARGIN: order margin 5,000.00 is over the 100.00 left';
    const of = (n: number) =>
      alert(n, {
        type: 'order_rejected',
        details: { line: `BUY 1 NSE:X (c-${n})`, why },
        message: `BUY c-${n}: ${why}`,
      });
    const [pack] = packAll([1, 2, 3].map(of));
    expect(pack!.message.text.split(why)).toHaveLength(2);
    for (const n of [1, 2, 3]) expect(pack!.message.text).toContain(`09:30:00 BUY 1 NSE:X (c-${n})`);
    expect(pack!.message.text).toContain('Order rejected (3)');
  });

  it('makes no sound only when none of it should, and tells times in India', () => {
    const filled = alert(1, { severity: 'INFO', type: 'order_filled' });
    expect(packFirst([filled], OPTIONS).message.silent).toBe(true);
    expect(packFirst([alert(2), filled], OPTIONS).message.silent).toBe(false);
    const grave = alert(3, { severity: 'CRITICAL', type: 'order_filled' });
    expect(packFirst([grave], OPTIONS).message.silent).toBe(false);
    expect(packFirst([grave], OPTIONS).message.text).toContain('2026-11-23 09:30:00 IST');
  });

  describe('300 orders that end in one burst', () => {
    const uuid = (n: number) => `3f2b8c1e-5d47-4a90-9e61-${(0x7a5e00000000 + n * 7919).toString(16)}`;
    const SYMBOLS = ['RELIANCE', 'NIFTY26DEC24500CE', 'M&M', 'BAJAJ-AUTO', 'INFY', 'BANKNIFTY26DEC52000PE'];
    const order = (n: number, fields: Partial<Order>): Order => ({
      ...acceptedOrder(orderRow(), new Date('2026-11-23T04:00:00Z')),
      ...{ clientOrderId: uuid(n), symbol: SYMBOLS[n % SYMBOLS.length]!, quantity: 75 + n },
      ...fields,
    });
    const rejected = (n: number, fields: Partial<Order> = {}) =>
      order(n, {
        ...{ status: 'REJECTED', rejectedBy: 'OMS', failedCheck: 'BALANCE' },
        statusReason: `margin ₹${(24_500.5 + n * 13).toFixed(2)} and charges ₹${(41.07 + n).toFixed(2)} are over the ₹${(13_200.45 - n).toFixed(2)} of the equity segment that are left`,
        ...fields,
      });
    const filled = (n: number) =>
      order(n, { status: 'FILLED', filledQuantity: 75 + n, filledValue: decimal(`${(75 + n) * 2450.05}`) });
    const ends = (make: (n: number) => Order) =>
      Array.from({ length: 300 }, (_, n) => {
        const { message, type, severity, details } = outcomeOf(make(n))!;
        return alert(n, { message, type, severity, details, at: new Date(1_795_000_000_000 + n * 10) });
      });

    it.each<[string, (n: number) => Order]>([
      ['rejections for numbers that differ', rejected],
      ['rejections of exits', (n) => rejected(n, { role: 'EXIT', reduceOnly: true })],
      [
        'rejections with ids of 64 characters',
        (n) => rejected(n, { clientOrderId: `${'s'.repeat(58)}.${10_000 + n}` }),
      ],
      ['fills', filled],
      ['fills and rejections', (n) => (n % 2 === 0 ? filled(n) : rejected(n))],
    ])('make at most six messages, whatever differs, and each is named: %s', (_, make) => {
      const packs = packAll(ends(make));
      expect(packs.length).toBeLessThanOrEqual(6);
      const text = packs.map(({ message }) => message.text).join('\n');
      for (let n = 0; n < 300; n += 1) expect(text).toContain(make(n).clientOrderId);
      for (const { message } of packs) expect(textProblem(message.text, message.entities)).toBeNull();
      expect(text).toMatch(/\d\d:\d\d:\d\d /);
    });

    it('say what they share once, and the reason with the numbers of the first', () => {
      const [first] = packAll(ends(rejected));
      expect(first!.message.text).toMatch(
        /Order rejected \(300\) REJECTED by the OMS\nBALANCE: margin ₹24500\.50 .*\n.* \(numbers of the first\)|Order rejected \(300\) REJECTED by the OMS\nBALANCE: margin ₹24500\.50 .* \(numbers of the first\)/,
      );
    });

    it('are told in full again once they fit', () => {
      const few = ends(rejected).slice(0, 8);
      expect(packFirst(few, OPTIONS, 2).message.text).toContain('75 NSE:RELIANCE');
      expect(packFirst(few, OPTIONS, 2).density).toBe(0);
    });
  });
});
