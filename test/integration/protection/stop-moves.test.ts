/** RISK_PER_TRADE is judged again when a stop moves (trading.md section 3), over what is held as over what is to fill. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

describe('a stop that a person moves', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      exchange: { tickIntervalMs: 3_600_000 },
      environment: {
        ...{ PROTECTION: 'exchange', ACCOUNT_BALANCE: '100000', MAX_RISK_PER_TRADE: '0.02' },
        MAX_ORDER_VALUE: '0',
      },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  /** 100 bought at 2450 with a stop at 2430: 2,000.00 of 2,000.00 at risk. */
  const guarded = async (account: string): Promise<OrderRow> => {
    const entry = await pipeline.place({ account, quantity: 100, takeProfit: null });
    await pipeline.waitForStatus(entry, 'FILLED');
    await guardedOf(pipeline, account).protects(100);
    return eventually(
      async () => {
        const stop = await pipeline.parts.context.db.orm.query.orders.findFirst({
          where: (o, { and, eq }) => and(eq(o.accountId, account), eq(o.role, 'STOP'), eq(o.status, 'OPEN')),
        });
        if (stop === undefined) throw new Error('no stop is open');
        return stop;
      },
      { what: 'the stop to be open' },
    );
  };
  const triggerAt = async (account: string) =>
    (
      await pipeline.sql<{ trigger: string }>(
        `select trigger_price::float8::text as trigger from orders where account_id = $1 and role = 'STOP'`,
        [account],
      )
    ).map(({ trigger }) => trigger);

  it('is judged over the position behind it: farther is refused, nearer passes', async () => {
    const account = await freshAccount(pipeline, 'guard');
    const commands = commandsOf(pipeline, account);
    const stop = await guarded(account);
    await commands.modify(stop, { triggerPrice: '2429.00' });
    expect(await commands.outcomes(stop, 1)).toEqual(['REFUSED']);
    const [refused] = await commands.of(stop);
    expect(refused?.reason).toBe(
      'risk, with 2,100.00 of what is held, 2,100.00 is over the limit 2,000.00 (2% of 100,000.00)',
    );
    await commands.modify(stop, { triggerPrice: '2435.00' });
    expect(await commands.outcomes(stop, 2)).toEqual(['REFUSED', 'ACCEPTED']);
    await commands.modify(stop, { triggerPrice: '2430.00' });
    expect(await commands.outcomes(stop, 3)).toEqual(['REFUSED', 'ACCEPTED', 'ACCEPTED']);
    expect(await triggerAt(account)).toEqual(['2430']);
  });

  it('is refused on the side of the price where it would trigger at once', async () => {
    const account = await freshAccount(pipeline, 'side');
    const commands = commandsOf(pipeline, account);
    const stop = await guarded(account);
    await commands.modify(stop, { triggerPrice: '2455.00' });
    expect((await commands.outcomes(stop, 1)).at(-1)).toBe('REFUSED');
    expect((await commands.of(stop)).at(-1)?.reason).toBe(
      'the trigger of a SELL must be under the last price 2450.00, but is 2455.00',
    );
  });

  it('keeps its quantity and stays a stop: protection alone changes these', async () => {
    const account = await freshAccount(pipeline, 'keeps');
    const commands = commandsOf(pipeline, account);
    const stop = await guarded(account);
    for (const terms of [{ quantity: 50 }, { orderType: 'LIMIT', price: '2500.00' } as const]) {
      const answer = await commands.modify(stop, terms);
      expect(answer).toMatchObject({ ok: false, error: { code: 'INVALID_ORDER' } });
    }
    await guardedOf(pipeline, account).protects(100);
  });

  it('of a part-filled entry is judged over what its fills hold as well', async () => {
    const account = await freshAccount(pipeline, 'part');
    const commands = commandsOf(pipeline, account);
    const entry = await pipeline.place({ account, ...RESTING, takeProfit: null, quantity: 100 });
    const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
    await outsideOf(pipeline, account).execute(brokerOrderId ?? '', 99, '2300.00');
    await pipeline.waitForStatus(entry, 'PARTIALLY_FILLED');
    await commands.modify(entry, { stopLoss: '2279.00' });
    expect(await commands.outcomes(entry, 1)).toEqual(['REFUSED']);
    expect((await commands.of(entry))[0]?.reason).toBe(
      'risk, with 2,079.00 of what is held, 2,100.00 is over the limit 2,000.00 (2% of 100,000.00)',
    );
    await commands.modify(entry, { stopLoss: '2281.00' });
    expect(await commands.outcomes(entry, 2)).toEqual(['REFUSED', 'ACCEPTED']);
  });

  it('away from the price is an entry for a halt', async () => {
    const account = await freshAccount(pipeline, 'halted');
    const commands = commandsOf(pipeline, account);
    const stop = await guarded(account);
    await commands.modify(stop, { triggerPrice: '2440.00' });
    expect(await commands.outcomes(stop, 1)).toEqual(['ACCEPTED']);
    await pipeline.sql(
      `update accounts set trading_state = 'HALTED', halt_id = gen_random_uuid() where id = $1`,
      [account],
    );
    await commands.modify(stop, { triggerPrice: '2435.00' });
    expect(await commands.outcomes(stop, 2)).toEqual(['ACCEPTED', 'REFUSED']);
    await commands.modify(stop, { triggerPrice: '2442.00' });
    expect(await commands.outcomes(stop, 3)).toEqual(['ACCEPTED', 'REFUSED', 'ACCEPTED']);
  });
});
