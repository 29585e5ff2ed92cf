import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AlertMessage } from '../../../src/alert-channels/port.ts';
import type { AlertSeverity } from '../../../src/domain/alert-delivery.ts';
import { MAX_MESSAGE, packFirst, shortIdOf } from '../../../src/telegram/pack-alerts.ts';
import { textProblem } from '../../support/telegram/rules.ts';

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
  while (waiting.length > 0) {
    const pack = packFirst(waiting, OPTIONS);
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
        }
      }),
      { numRuns: 60 },
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
});
