/**
 * Each failure reaches the phone: for every type of alert that the sources raise, what really goes wrong, the row that
 * was written with it, and the message in the fake Bot API's chat. What can not happen here has a reason and a test.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALERT_TYPES, type AlertType } from '../../../src/domain/alert-types.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { changeLimits } from '../../../src/services/change-limits.ts';
import { titleOf } from '../../../src/telegram/alert-lines.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { deskOf } from '../../support/pipeline/desk.ts';
import { freshAccount } from '../../support/pipeline/protection.ts';
import { ASHA, TELEGRAM } from '../../support/telegram/desk.ts';
import { EVENTS, type Event, type World } from '../../support/telegram/failures.ts';
import { type FakeBotApi, startFakeBotApi } from '../../support/telegram/fake-bot-api.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const SHIFTED = 'needs the clock shifted by hours, which every other account here would live through, too';
const STANDS =
  'needs a minute in which nothing happens; its rule is pure, and raised by the look that raises near_stop';
const DAY = 'test/integration/pipeline/cases-day.test.ts';
const STANDING = 'test/integration/alerts/standing.test.ts';
const DELIVERY = 'test/integration/alerts/delivery.test.ts';

/** Why its event is not made here, and the test that makes it and finds its row; the way from there is the same for all. */
const ELSEWHERE: Partial<Record<AlertType, readonly [why: string, test: string]>> = {
  order_expired: [SHIFTED, DAY],
  order_day_missed: [SHIFTED, DAY],
  amo_release_failed: [SHIFTED, DAY],
  order_never_placed: ['needs UNKNOWN_POLICY=neverPlaced, by which no order stays in doubt', DAY],
  order_in_transit: [SHIFTED, 'test/integration/pipeline/command-steps.test.ts'],
  unprotected_overnight: [SHIFTED, 'test/integration/protection/night.test.ts'],
  corporate_action_suspected: [SHIFTED, 'test/integration/protection/gtt-days.test.ts'],
  journal_head: [SHIFTED, 'test/integration/alerts/watches.test.ts'],
  order_budget_spent: [
    'needs a day of five thousand orders',
    'test/integration/pipeline/order-budget.test.ts',
  ],
  trailing_stopped: ['needs twenty moves of a stop', 'test/integration/protection/refusals.test.ts'],
  order_stuck: [STANDS, STANDING],
  missing_stop: ['of a position that protection or a check would not let come about by an order', STANDING],
  reconciliation_difference: [
    'the reconciler that runs here sees the true book between two looks at a false one',
    'test/integration/pipeline/reconcile.test.ts',
  ],
  broker_unreadable: ['needs half a minute of silence', 'test/integration/pipeline/broker-away.test.ts'],
  alert_undelivered: ['of another channel than the chat', DELIVERY],
  channel_unreachable: ['of another channel than the chat, after five minutes', DELIVERY],
};

let fake: FakeBotApi;
let pipeline: Pipeline;
const FIRST = '2450.00';

beforeAll(async () => {
  fake = await startFakeBotApi({ chatGapMs: 0 });
  pipeline = await startPipeline({
    backend: 'postgres',
    environment: {
      ...TELEGRAM(fake),
      TELEGRAM_ALERTS: 'order_filled=on,order_cancelled=on',
      PROTECTION: 'exchange',
      RISK_INTERVAL_MS: '200',
      // Told again only when this is over.
      ALERT_REPEAT_MS: '3600000',
    },
    exchange: { tickIntervalMs: 3_600_000 },
  });
});
afterAll(async () => {
  await pipeline.stop();
  await fake.close();
});
const price = async (of: string): Promise<void> => {
  await pipeline.setPrices({ 'NSE:RELIANCE': of });
  await pipeline.readPrices(pipeline.parts);
};

async function worldOf(type: AlertType): Promise<World> {
  const account = await freshAccount(pipeline, type.slice(0, 20));
  return {
    ...deskOf(pipeline, account),
    pipeline,
    price,
    fault: (fault) => pipeline.addFault({ ...fault, user: account }),
    place: (fields = {}) => pipeline.place({ account, ...fields }),
    limit: async (changes, strategyId) => {
      const of = { accountId: account, strategyId: strategyId ?? null, actor: 'test', expiresAt: null };
      const changed = await changeLimits(pipeline.parts.context, { ...of, changes, reason: 'a test' });
      expect(changed).toMatchObject({ ok: true });
    },
  };
}

interface Row {
  readonly id: string;
  readonly message: string;
  readonly details: { readonly line?: string };
}
/** Found by the first half of the table, looked for in the chat by the second. */
const raised = new Map<AlertType, Row>();

/** These move the price that all accounts see, or arm the process: one after the other, and after the others. */
const ALONE: ReadonlySet<AlertType> = new Set([
  ...(['daily_loss_limit', 'drawdown_limit', 'position_loss_limit', 'position_loss_exit'] as const),
  ...(['near_stop', 'stop_outside_band', 'target_refused', 'gtt_triggered', 'operation_failing'] as const),
]);
const together = (Object.entries(EVENTS) as [AlertType, Event][]).filter(([type]) => !ALONE.has(type));

async function isAlert(type: AlertType, happens: Event): Promise<void> {
  const world = await worldOf(type);
  await happens(world);
  const alert = await waitFor(
    async () => {
      const rows = await pipeline.sql<Row>(
        `select id, message, details from alerts where account_id in ($1, 'system') and type = $2 order by at limit 1`,
        [world.account, type],
      );
      return rows[0] ?? null;
    },
    { what: `the alert ${type}` },
  );
  raised.set(type, alert);
}

describe('each failure is an alert', () => {
  it.concurrent.each(together)('%s', isAlert);

  it.each([...ALONE])('%s', async (type) => {
    try {
      await isAlert(type, EVENTS[type] ?? (() => Promise.reject(new Error(`${type} has no event`))));
    } finally {
      armFailpoints('');
      await price(FIRST);
    }
  });
});

describe('each failure reaches the chat', () => {
  it.each(Object.keys(EVENTS) as AlertType[])('%s, in its own words', async (type) => {
    const alert = raised.get(type);
    expect(alert, 'the alert').toBeDefined();
    const [delivery] = await eventually(
      async () => {
        const rows = await pipeline.sql<{ state: string; messageId: string }>(
          `select state, message_id as "messageId" from alert_deliveries where alert_id = $1 and channel = 'telegram'`,
          [alert?.id],
        );
        expect(rows).toMatchObject([{ state: 'DELIVERED' }]);
        return rows;
      },
      { what: `${type} to be delivered` },
    );
    const message = fake.inChat(ASHA.id).find(({ id }) => String(id) === delivery?.messageId);
    expect(message?.text).toMatch(/^PAPER /);
    expect(message?.text).toContain(titleOf(type));
    expect(message?.text).toContain((alert?.details.line ?? alert?.message ?? '').slice(0, 60));
  });

  it('and there is no type of alert that has neither an event here nor a reason and a test', () => {
    for (const type of Object.keys(ALERT_TYPES) as AlertType[]) {
      const elsewhere = ELSEWHERE[type];
      expect(type in EVENTS, `${type} has an event here, or a reason why not`).toBe(elsewhere === undefined);
      if (elsewhere === undefined) continue;
      const [why, test] = elsewhere;
      expect(why.length, type).toBeGreaterThan(20);
      expect(readFileSync(test, 'utf8'), `${test} tells of ${type}`).toContain(type);
    }
  });
});
