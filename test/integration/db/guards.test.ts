import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { readJournal, replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, RESTING, SHORT } from '../../support/pipeline/requests.ts';
import { verifyChain } from '../../../src/domain/journal.ts';

let pipeline: Pipeline;
let filled: string;
let open: string;

beforeAll(async () => {
  pipeline = await startPipeline({
    backend: 'postgres',
    accounts: ['main', 'second'],
    exchange: { volumeCap: 3 },
  });
  // A history with partial fills, a reversal, refusals, rests, doubts and strategies in two accounts.
  const first = await pipeline.place({ strategyId: 'alpha' });
  filled = (await pipeline.waitForStatus(first, 'FILLED')).id;
  open = (await pipeline.waitForStatus(await pipeline.place(RESTING), 'OPEN')).id;
  await pipeline.waitForStatus(await pipeline.place({ stopLoss: null }), 'REJECTED');
  await pipeline.waitForStatus(
    await pipeline.place({ strategyId: 'beta', ...SHORT, ...MARKET, quantity: 25 }),
    'FILLED',
  );
  await pipeline.waitForStatus(
    await pipeline.place({ ...EXIT, ...MARKET, side: 'BUY', quantity: 5 }),
    'FILLED',
  );
  await pipeline.addFault({ call: 'placeOrder', user: 'second', kind: 'acceptThenReset' });
  await pipeline.waitForStatus(await pipeline.place({ account: 'second' }), 'FILLED');
  await pipeline.addFault({ call: 'placeOrder', user: 'second', kind: 'serverError' });
  await pipeline.waitForStatus(await pipeline.place({ account: 'second' }), 'UNKNOWN');
  await pipeline.addFault({ call: 'placeOrder', user: 'second', kind: 'refuse' });
  await pipeline.waitForStatus(await pipeline.place({ account: 'second' }), 'REJECTED');
});
afterAll(async () => {
  await pipeline.stop();
});

const refuses = async (statement: string, reason: RegExp): Promise<void> => {
  await expect(pipeline.sql(statement)).rejects.toThrow(reason);
};

describe('the journal', () => {
  it.each([
    `update journal set data = '{}'`,
    `update journal set at = at`,
    'delete from journal where seq = 1',
    'truncate journal',
  ])('is append-only: "%s" is refused', async (statement) => {
    await refuses(statement, /append-only/);
  });

  it('is an unbroken chain, and a change anywhere in it would be named', async () => {
    const entries = (await readJournal(pipeline.parts.database.reads)).filter(
      (entry) => entry.accountId === 'main',
    );
    expect(verifyChain(entries)).toMatchObject({ ok: true, value: { seq: entries.length } });
    const forged = entries.map((entry) =>
      entry.seq === 7 ? { ...entry, data: entry.data.replace('{', '{"x":1,') } : entry,
    );
    expect(verifyChain(forged)).toMatchObject({ ok: false, error: { seq: 7, code: 'HASH_DIFFERS' } });
    expect(verifyChain(entries.filter((entry) => entry.seq !== 5))).toMatchObject({ ok: false });
  });

  it('replays to the stored orders, positions and strategy positions, field by field', async () => {
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    await expectInvariants(pipeline.sql);
  });

  it('shows a row that was changed behind its back', async () => {
    await pipeline.sql(`update orders set status_reason = 'forged' where id = $1`, [open]);
    expect(await replayDifferences(pipeline.parts.database)).toEqual([
      `order ${open}: statusReason is "forged", replay gives null`,
    ]);
    await pipeline.sql('update orders set status_reason = null where id = $1', [open]);
  });

  it('and the kill switch events keep what they hold; trades are never deleted', async () => {
    await refuses('delete from trades', /append-only/);
    await pipeline.sql(
      `insert into kill_switch_events (account_id, id, scope, from_state, to_state, reason, actor, at)
        values ('main', gen_random_uuid(), 'ACCOUNT', 'ACTIVE', 'HALTED', 'drill', 'test', now())`,
    );
    await refuses(`update kill_switch_events set reason = 'other'`, /append-only/);
    await refuses('delete from kill_switch_events', /append-only/);
  });
});

describe('a finished order', () => {
  it.each([
    ['quantity = quantity + 1', /terms can not change/],
    ['price = price + 1', /terms can not change/],
    [`side = 'SELL'`, /terms can not change/],
    [`stop_loss = 1`, /terms can not change/],
    [`status = 'OPEN', finished_at = null`, /can not become OPEN/],
    [`filled_quantity = filled_quantity - 1`, /can not fall/],
  ])('refuses "%s"', async (change, reason) => {
    await refuses(`update orders set ${change} where id = '${filled}'`, reason);
  });
});

describe('the constraints refuse', () => {
  it.each([
    [`update orders set quantity = 0, opening_quantity = 0 where id = $1`, /quantity_is_positive/],
    [
      `update orders set quantity = -5, opening_quantity = -5 where id = $1`,
      /quantity_is_positive|opening_part|filled_is/,
    ],
    [
      `update orders set filled_quantity = quantity + 1, filled_value = 1 where id = $1`,
      /filled_is_not_more_than_ordered/,
    ],
    [`update orders set filled_quantity = -1 where id = $1`, /filled_is_not_more_than_ordered/],
    [`update orders set filled_quantity = 1 where id = $1`, /filled_value_goes_with_quantity/],
    [`update orders set price = 'NaN' where id = $1`, /price_is_positive/],
    [`update orders set price = 'Infinity' where id = $1`, /price_is_positive|overflow/],
    [`update orders set price = -1 where id = $1`, /price_is_positive/],
    [`update orders set trigger_price = 'NaN' where id = $1`, /trigger_price_is_positive/],
    [`update orders set opening_quantity = quantity + 1 where id = $1`, /opening_part_is_within_the_order/],
    [`update orders set status = 'DONE' where id = $1`, /status_is_known/],
    [`update orders set status = 'CANCELLED' where id = $1`, /finished_orders_have_an_end/],
    [
      `update orders set status = 'REJECTED', finished_at = now() where id = $1`,
      /rejected_orders_say_by_whom/,
    ],
    [`update trades set price = 'NaN' where order_id <> $1`, /trade_price_is_positive/],
    [`update trades set quantity = -1 where order_id <> $1`, /trade_quantity_is_positive/],
    [`update trades set charges = charges + 1 where order_id <> $1`, /charges_add_up/],
    [`update position_entries set quantity = 0 where id <> $1`, /entry_is_not_empty|entry_cash/],
    [`update position_entries set price = 'NaN' where id <> $1`, /entry_cash_is_minus_value/],
    [
      `update positions set quantity = quantity + 1 where account_id <> $1::text`,
      /quantity_is_bought_less_sold|open_means_not_flat/,
    ],
    [
      `update positions set realized_pnl = 'NaN' where status = 'CLOSED' and account_id <> $1::text`,
      /closed_pnl_is_sold_less_bought/,
    ],
    [`update order_attempts set tag = 'not a tag' where order_id <> $1`, /tag_is_letters_and_digits/],
    [`update accounts set trading_state = 'HALTED' where id <> $1::text`, /halt_has_a_number/],
    [`update accounts set capital = -1 where id <> $1::text`, /capital_is_not_negative/],
    [
      `insert into last_prices (instrument_id, price, source, at) values (-1, 'NaN', 'PUSH', now()), (-2, 0, $1, now())`,
      /last_price_is_positive/,
    ],
  ])('%s', async (statement, constraint) => {
    await expect(pipeline.sql(statement, [open])).rejects.toThrow(constraint);
  });

  it('a second order with a client id, a second trade of one identity, a second open cycle of a key', async () => {
    const copy = (table: string, change: string) =>
      `insert into ${table} select (jsonb_populate_record(t, '${change}')).* from ${table} t limit 1`;
    await refuses(
      copy('orders', '{"id": "00000000-0000-4000-8000-000000000001"}'),
      /client_order_id_is_unique|broker_order_id/,
    );
    await refuses(copy('trades', '{"entry_id": "00000000-0000-4000-8000-000000000002"}'), /trades_pk/);
    await refuses(copy('order_attempts', '{"attempt": 99}'), /attempt_tag_is_unique/);
    await refuses(
      `insert into positions select (jsonb_populate_record(t, '{"cycle": 99}')).* from positions t where status = 'OPEN' limit 1`,
      /one_open_cycle_per_key/,
    );
  });
});
