import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { GttNet } from '../../domain/gtt.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type { Side } from '../../domain/order.ts';
import type { ProtectionPolicy, Trailing } from '../../domain/protection-policy.ts';
import type { CancelTries, ProtectionMode } from '../../domain/protection.ts';
import { accountId, instant, money } from './columns.ts';
import { orders } from './orders.ts';

/**
 * What protects one holder's side of a position, from its first fill to the end of its last guard. The quantity held
 * is not here: it is the position's. One live group per holder and side.
 */
export const protectionGroups = pgTable(
  'protection_groups',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    instrumentId: integer('instrument_id').notNull(),
    exchange: text('exchange').$type<Exchange>().notNull(),
    symbol: text('symbol').notNull(),
    product: text('product').$type<Product>().notNull(),
    /** Null: of what belongs to no strategy. */
    strategyId: text('strategy_id'),
    /** Side that opened the position. */
    side: text('side').$type<Side>().notNull(),
    /** The newest order that opened or added, whose stop and target these are. */
    parentOrderId: uuid('parent_order_id').notNull(),
    policy: text('policy').$type<ProtectionPolicy>().notNull(),
    mode: text('mode').$type<ProtectionMode>().notNull(),
    /** Why the mode is EXIT. */
    reason: text('reason'),
    stopLoss: money('stop_loss'),
    takeProfit: money('take_profit'),
    /** Stop and target of the parent when they were last taken over: a change there moves these. */
    parentStop: money('parent_stop'),
    parentTarget: money('parent_target'),
    trailing: jsonb('trailing_stop').$type<Trailing>(),
    /** The newest order that opened or added asks for a GTT as well. */
    gtt: boolean('gtt').notNull(),
    /** What is known of it; null: there is none. */
    gttNet: jsonb('gtt_net').$type<GttNet>(),
    /** Guards that were not finished at the last look. */
    guardIds: jsonb('guard_ids').$type<readonly string[]>().notNull(),
    /** Of these, the ones whose end we asked for. */
    cancelledIds: jsonb('cancelled_ids').$type<readonly string[]>().notNull(),
    /** Cancels asked for of these so far, by order id, and until when the next one waits. */
    cancelTries: jsonb('cancel_tries').$type<Readonly<Record<string, CancelTries>>>().notNull(),
    /** Guards placed so far: numbers their ids. */
    placed: integer('placed').notNull(),
    /** Modifies asked for so far: numbers their keys. */
    modified: integer('modified').notNull(),
    /** The newest modify asked of each guard, by order id: what became of it tells whether another makes sense. */
    modifyKeys: jsonb('modify_keys').$type<Readonly<Record<string, string>>>().notNull(),
    /** Trigger of the stops, and price of the targets, as they were last asked for: another one is a person's. */
    stopAsked: money('stop_asked'),
    targetAsked: money('target_asked'),
    /** Refusals in a row, and until when the next try waits. */
    stopRefusals: integer('stop_refusals').notNull(),
    targetRefusals: integer('target_refusals').notNull(),
    exitRefusals: integer('exit_refusals').notNull(),
    retryAt: instant('retry_at'),
    /** At the last look. */
    heldQuantity: integer('held_quantity').notNull(),
    protectedQuantity: integer('protected_quantity').notNull(),
    /** Since when less rests at the exchange than is held; null: all of it is covered. */
    unprotectedSince: instant('unprotected_since'),
    /** Milliseconds of that before. */
    unprotectedMs: integer('unprotected_ms').notNull(),
    /** The dispatcher's look, real time; null: only news of its orders. */
    nextLookAt: instant('next_look_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    endedAt: instant('ended_at'),
  },
  (t) => [
    primaryKey({ name: 'protection_groups_pk', columns: [t.accountId, t.id] }),
    foreignKey({
      name: 'protection_groups_parent',
      columns: [t.accountId, t.parentOrderId],
      foreignColumns: [orders.accountId, orders.id],
    }),
    uniqueIndex('one_live_protection_of_a_side')
      .on(t.accountId, t.instrumentId, t.product, sql`coalesce(strategy_id, '')`, t.side)
      .where(sql`ended_at is null`),
    index('protection_due')
      .on(t.nextLookAt)
      .where(sql`ended_at is null and next_look_at is not null`),
    index('protection_of_parent').on(t.accountId, t.parentOrderId),
    check('protection_side_is_known', sql`${t.side} in ('BUY','SELL')`),
    check('protection_policy_is_known', sql`${t.policy} in ('exchange','oms')`),
    check('protection_mode_is_known', sql`${t.mode} in ('STOP','EXIT')`),
  ],
);
