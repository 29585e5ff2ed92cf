import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import type { NewOrder } from '../../../src/client/index.ts';
import { type OrderOptions, newOrder, withOrderArguments } from '../../../src/cli/order-arguments.ts';

/** The order that these words ask for. */
function asked(...words: readonly string[]): NewOrder {
  const orders: NewOrder[] = [];
  const command = withOrderArguments(new Command('place').exitOverride())
    .configureOutput({ writeErr: () => undefined })
    .action((side: NewOrder['side'], quantity: number, instrument: string, options: OrderOptions) => {
      orders.push(newOrder(side, quantity, instrument, options));
    });
  command.parse(['BUY', '10', 'NSE:RELIANCE', '--limit', '2450', '--stop', '2430', ...words], {
    from: 'user',
  });
  const [order] = orders;
  if (order === undefined) throw new Error('nothing was asked for');
  return order;
}

describe('sauda place', () => {
  it('says nothing of protection unless it is told to', () => {
    const order = asked();
    expect(order).toMatchObject({ side: 'BUY', quantity: 10, price: '2450', stopLoss: '2430' });
    for (const name of ['protection', 'trailingStop', 'gtt']) expect(order).not.toHaveProperty(name);
  });

  it.each<[readonly string[], Partial<NewOrder>]>([
    [['--protection', 'oms'], { protection: 'oms' }],
    [['--trail', '20'], { trailingStop: { distance: '20', step: '0' } }],
    [['--trail', '20.50:5'], { trailingStop: { distance: '20.50', step: '5' } }],
    [['--gtt'], { gtt: true }],
  ])('with %j asks for %j', (words, wanted) => {
    expect(asked(...words)).toMatchObject(wanted);
  });

  it.each([
    [['--protection', 'maybe']],
    [['--trail', 'far']],
    [['--trail', '20:']],
    [['--trail', '20:5:1']],
    [['--trail', '-20']],
  ])('refuses %j as wrong usage', (words) => {
    expect(() => asked(...words)).toThrow(CommanderError);
  });
});
