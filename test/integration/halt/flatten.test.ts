import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationRow } from '../../../src/db/account-rows.ts';
import { findOperation } from '../../../src/db/stores/operation-store.ts';
import { changeLimits } from '../../../src/services/change-limits.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { MARKET, type OrderFields, RESTING, SHARES, shareEntry } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

const FIVE = SHARES.slice(0, 5);

onEachBackend((backend) => {
  describe('a flatten', () => {
    let pipeline: Pipeline;
    const accounts = ['five', 'resting', 'stops', 'tightened', 'empty'];

    beforeAll(async () => {
      pipeline = await startPipeline({ backend, accounts, environment: { BROKER_TIMEOUT_MS: '2000' } });
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    const filled = async (account: string, fields: OrderFields) =>
      pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'FILLED');

    const flattened = async (account: string): Promise<string> => {
      const done = await setTradingState(pipeline.parts.context, {
        accountId: account,
        state: 'HALTED',
        scope: 'account',
        reason: 'a test',
        by: 'test',
        flatten: true,
      });
      if (!done.ok || done.value.operationId === null) throw new Error('there is no operation');
      return done.value.operationId;
    };

    const ended = (account: string, id: string): Promise<OperationRow> =>
      eventually(
        async () => {
          const row = await findOperation(pipeline.parts.context.db, account, id);
          if (row?.state === 'RUNNING') throw new Error(JSON.stringify(row.details));
          return row!;
        },
        { what: 'the flatten to end', timeoutMs: 120_000, intervalMs: 100 },
      );

    const heldAt = async (account: string) =>
      (await pipeline.book(account)).positions.filter(({ quantity }) => quantity !== 0);

    it('closes five positions, long and short, and is done when the broker is flat', async () => {
      await Promise.all(
        FIVE.map(([symbol, price], n) =>
          filled('five', {
            ...shareEntry(symbol, price),
            ...MARKET,
            quantity: 5 + n,
            ...(n === 4 ? { side: 'SELL', stopLoss: '1400.00', takeProfit: '1330.00' } : {}),
          }),
        ),
      );
      expect(await heldAt('five')).toHaveLength(5);
      const operation = await ended('five', await flattened('five'));
      expect(operation).toMatchObject({ state: 'DONE', details: { left: [], differs: 0 } });
      expect(operation.details.orders).toHaveLength(5);
      expect(await heldAt('five')).toEqual([]);
      const exits = await pipeline.sql(
        `select distinct role, reduce_only, cause, status from orders where account_id = 'five' and role = 'EXIT'`,
      );
      expect(exits).toEqual([{ role: 'EXIT', reduce_only: true, cause: 'OPERATOR', status: 'FILLED' }]);
    });

    it('cancels entries that rest first', async () => {
      await filled('resting', MARKET);
      const entry = await pipeline.place({ account: 'resting', ...RESTING });
      await pipeline.waitForStatus(entry, 'OPEN');
      const operation = await ended('resting', await flattened('resting'));
      expect(operation.state).toBe('DONE');
      expect((await pipeline.order(entry.id)).status).toBe('CANCELLED');
      expect(await heldAt('resting')).toEqual([]);
    });

    it('takes a resting stop away before it exits what the stop would exit', async () => {
      await filled('stops', MARKET);
      const stop = await pipeline.place({
        account: 'stops',
        side: 'SELL',
        orderType: 'SL',
        price: '2425.00',
        triggerPrice: '2430.00',
        stopLoss: null,
        takeProfit: null,
        reduceOnly: true,
        role: 'STOP',
      });
      await pipeline.waitForStatus(stop, 'OPEN');
      const operation = await ended('stops', await flattened('stops'));
      expect(operation.state).toBe('DONE');
      expect((await pipeline.order(stop.id)).status).toBe('CANCELLED');
      expect(await heldAt('stops')).toEqual([]);
    });

    it('closes all at once although the limit an order was made tighter after the entry', async () => {
      await filled('tightened', { ...MARKET, strategyId: 'tight' });
      for (const strategyId of [null, 'tight']) {
        const changed = await changeLimits(pipeline.parts.context, {
          ...{ accountId: 'tightened', strategyId, actor: 'test', reason: 'a test', expiresAt: null },
          changes: { MAX_QUANTITY_PER_ORDER: '3' },
        });
        expect(changed.ok).toBe(true);
      }
      const operation = await ended('tightened', await flattened('tightened'));
      expect(operation).toMatchObject({ state: 'DONE', details: { left: [] } });
      expect(operation.details.orders).toHaveLength(1);
      expect(await heldAt('tightened')).toEqual([]);
    });

    it('with nothing to close is done at once', async () => {
      const operation = await ended('empty', await flattened('empty'));
      expect(operation).toMatchObject({ state: 'DONE', details: { orders: [], left: [] } });
    });

    it('leaves every invariant standing', async () => {
      await expectInvariants(pipeline.sql);
    });
  });
});
