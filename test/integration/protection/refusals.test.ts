/** What becomes of a position whose stop is refused, held back, or can not be moved any more: docs/protection.md. */
import { describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { readUnprotectedSeconds } from '../../../src/services/read-unprotected.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { type Desk, useDesks } from '../../support/pipeline/desk.ts';
import { eventually } from '../../support/wait.ts';

/** PROTECT_WITHIN_MS as it is by default. */
const WITHIN_MS = 3000;
/** A busy machine may be late with one of these, but not with all. */
const TRIES = 5;
const RULE = '17070 : The Price is out of the LPP range';

const desks = useDesks({ backend: 'postgres' });

/** How long the account's position has been without all of its stop, by our own measure, once it is over. */
async function unprotectedMs({ account }: Desk): Promise<number> {
  return eventually(
    async () => {
      const rows = await desks.pipeline.sql<{ ms: number }>(
        `select unprotected_ms::int as ms from protection_groups where account_id = $1 and unprotected_since is null`,
        [account],
      );
      expect(rows).toHaveLength(1);
      return rows[0]?.ms ?? 0;
    },
    { what: 'the milliseconds without a stop' },
  );
}

async function setState({ account }: Desk, change: object): Promise<void> {
  const changed = await setTradingState(desks.pipeline.parts.context, {
    ...{ accountId: account, state: 'ACTIVE', scope: 'account', reason: 'a test', by: 'test' },
    ...change,
  });
  expect(changed).toMatchObject({ ok: true });
}

/** A stop of 10 whose modifies are refused from now on, and an entry with more to fill. */
async function stiff(): Promise<Desk & { readonly entry: OrderRow }> {
  const desk = await desks.open('stiff');
  const entry = await desk.resting({ quantity: 50 });
  await desk.fills(entry, 10);
  await desk.guarded.protects(10);
  const fault = { call: 'modifyOrder', kind: 'refuse', count: -1, user: desk.account };
  await desks.pipeline.addFault(fault);
  return { ...desk, entry };
}

describe('a stop that takes no modify', () => {
  it(`gets another beside it within ${WITHIN_MS} ms of the fill, by our own measure`, async () => {
    const measured: number[] = [];
    while (measured.length < TRIES && !measured.some((ms) => ms <= WITHIN_MS)) {
      const desk = await stiff();
      const before = await unprotectedMs(desk);
      await desk.fills(desk.entry, 10);
      await desk.guarded.protects(20);
      expect((await desk.guarded.stops()).map(({ quantity }) => quantity)).toEqual([10, 10]);
      measured.push((await unprotectedMs(desk)) - before);
    }
    expect(Math.min(...measured)).toBeGreaterThan(0);
    expect(Math.min(...measured), `milliseconds: ${measured.join(', ')}`).toBeLessThanOrEqual(WITHIN_MS);
  });

  it('and can have none beside it sells what is without one, and the seconds until then are told', async () => {
    const desk = await stiff();
    const fault = { call: 'placeOrder', kind: 'rejectAtExchange', message: RULE, user: desk.account };
    await desks.pipeline.addFault({ ...fault, count: 2 });
    await desk.fills(desk.entry, 10);
    await desk.told('stop_refused');
    await desk.guarded.protects(10);
    // Nothing is added to a position that leaves.
    await desks.pipeline.waitForStatus(desk.entry, 'CANCELLED');
    const seconds = await readUnprotectedSeconds(desks.pipeline.parts.context.db);
    expect(seconds.find(({ accountId }) => accountId === desk.account)?.seconds).toBeGreaterThan(0);
  });
});

describe('while trading is REDUCING', () => {
  it('a fill gets its stop, a lost one comes back, and what has to leave leaves', async () => {
    const desk = await desks.open('reducing');
    const entry = await desk.resting({ quantity: 30 });
    await desk.fills(entry, 10);
    await desk.guarded.protects(10);
    await setState(desk, { state: 'REDUCING' });
    await desk.fills(entry, 10);
    await desk.guarded.protects(20);
    const { order_id: lost } = await desk.stop();
    await desk.outside.end(lost, 'CANCELLED', 'self trade prevention');
    await eventually(async () => expect((await desk.stop()).order_id).not.toBe(lost), {
      what: 'another stop',
    });
    await desk.guarded.protects(20);
    await desk.outside.end((await desk.stop()).order_id, 'REJECTED', RULE);
    await desk.guarded.isFlat();
  });
});

describe('a halt that leaves exits to operators', () => {
  it('holds a stop back and tells that, until it is released', async () => {
    const desk = await desks.open('operators');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    await setState(desk, { state: 'HALTED', exits: 'operatorOnly' });
    await desk.outside.end((await desk.stop()).order_id, 'CANCELLED', 'self trade prevention');
    await desk.told('stop_refused');
    await desk.told('unprotected_position');
    expect(await desk.guarded.stops()).toEqual([]);
    expect(await desk.guarded.groups()).toMatchObject([{ mode: 'STOP', protectedQuantity: 0 }]);
    await setState(desk, { state: 'ACTIVE' });
    await desk.guarded.protects(20);
  });
});

describe('a stop outside of the day’s price band', () => {
  it('is watched and told while the band is away from it, and placed once it is back', async () => {
    const desk = await desks.open('band');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    // 10% around a price that is far away.
    await desks.setPrice('2750.00');
    await desk.outside.end((await desk.stop()).order_id, 'CANCELLED', 'self trade prevention');
    await desk.told('stop_outside_band');
    expect(await desk.guarded.stops()).toEqual([]);
    await desks.setPrice('2450.00');
    await desk.guarded.protects(20);
    await desk.stopAt('2430.0000');
    await eventually(
      async () =>
        expect(
          await desks.pipeline.sql(
            `select severity, cleared_at is null as stands from alerts
             where account_id = $1 and type = 'stop_outside_band'`,
            [desk.account],
          ),
        ).toEqual([{ severity: 'WARNING', stands: false }]),
      { what: 'the end of that' },
    );
  });
});

describe('a trailing stop of a short position', () => {
  it('stays where it is when its modifications are used up, and is put back there when it is lost', async () => {
    const desk = await desks.open('short');
    const { account } = desk;
    await desk.bought({
      ...{ side: 'SELL', quantity: 20, stopLoss: '2470.00' },
      trailing: { distance: '20', step: '2' },
    });
    await desk.guarded.protects(20);
    // Twenty of the twenty-five may be asked for; the others are kept for its quantity.
    for (let price = 2448; price >= 2410; price -= 2) {
      await desks.setPrice(`${price}.00`);
      await desk.stopAt(`${price + 20}.0000`);
    }
    await desks.setPrice('2408.00');
    await desk.told('trailing_stopped');
    await desk.stopAt('2430.0000');
    await desk.outside.end((await desk.stop()).order_id, 'CANCELLED', 'self trade prevention');
    // Another order has modifications of its own: it goes on.
    await desk.stopAt('2428.0000');
    await desk.guarded.protects(20);
    const accepted = await desks.pipeline.sql<{ trigger: number }>(
      `select (j.data::json ->> 'triggerPrice')::float8 as trigger from journal j
       join orders o on o.account_id = j.account_id and o.id::text = j.entity
       where j.account_id = $1 and o.role = 'STOP' and j.kind = 'OrderAccepted' order by j.seq desc limit 1`,
      [account],
    );
    expect(accepted[0]?.trigger).toBeLessThanOrEqual(2430);
    await desks.setPrice('2450.00');
    await desk.guarded.isFlat();
  });
});
