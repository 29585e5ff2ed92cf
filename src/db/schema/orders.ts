import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  date,
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
import type {
  BookBefore,
  CommandAnswer,
  CommandKind,
  CommandOutcome,
  CommandState,
} from '../../domain/command.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type {
  OrderCause,
  OrderRole,
  OrderType,
  RejectedBy,
  Side,
  Validity,
  Variety,
} from '../../domain/order.ts';
import type { Reserve } from '../../domain/order-reserve.ts';
import type { PlainTerms } from '../../domain/order-terms.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { ProtectionPolicy, Trailing } from '../../domain/protection-policy.ts';
import { strategies } from './accounts.ts';
import { accountId, fine, instant, money } from './columns.ts';
import { instruments } from './market.ts';

export const orders = pgTable(
  'orders',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    clientOrderId: text('client_order_id').notNull(),
    requestHash: text('request_hash').notNull(),
    strategyId: text('strategy_id'),
    instrumentId: integer('instrument_id')
      .notNull()
      .references(() => instruments.id),
    exchange: text('exchange').$type<Exchange>().notNull(),
    symbol: text('symbol').notNull(),
    side: text('side').$type<Side>().notNull(),
    quantity: integer('quantity').notNull(),
    orderType: text('order_type').$type<OrderType>().notNull(),
    product: text('product').$type<Product>().notNull(),
    validity: text('validity').$type<Validity>().notNull(),
    validityMinutes: integer('validity_minutes'),
    variety: text('variety').$type<Variety>().notNull(),
    price: money('price'),
    triggerPrice: money('trigger_price'),
    stopLoss: money('stop_loss'),
    takeProfit: money('take_profit'),
    disclosedQuantity: integer('disclosed_quantity'),
    marketProtection: money('market_protection'),
    reduceOnly: boolean('reduce_only').notNull(),
    maxAgeMs: integer('max_age_ms'),
    metadata: jsonb('metadata').$type<Readonly<Record<string, unknown>>>(),
    role: text('role').$type<OrderRole>().notNull(),
    parentOrderId: uuid('parent_order_id'),
    protectionGroup: text('protection_group'),
    protection: text('protection').$type<ProtectionPolicy>(),
    trailing: jsonb('trailing_stop').$type<Trailing>(),
    gtt: boolean('gtt').notNull(),
    cause: text('cause').$type<OrderCause>().notNull(),
    tradingDay: date('trading_day', { mode: 'string' }).notNull(),
    status: text('status').$type<OrderStatus>().notNull(),
    rejectedBy: text('rejected_by').$type<RejectedBy>(),
    failedCheck: text('failed_check'),
    statusReason: text('status_reason'),
    openingQuantity: integer('opening_quantity').notNull(),
    marginPerUnit: fine('margin_per_unit'),
    riskPerUnit: fine('risk_per_unit'),
    referencePrice: money('reference_price'),
    valuePerUnit: fine('value_per_unit'),
    attempt: integer('attempt').notNull(),
    attemptTag: text('attempt_tag'),
    claimedAt: instant('claimed_at'),
    sendBy: instant('send_by'),
    brokerOrderId: text('broker_order_id'),
    exchangeOrderId: text('exchange_order_id'),
    brokerStatus: text('broker_status'),
    filledQuantity: integer('filled_quantity').notNull(),
    filledValue: money('filled_value').notNull(),
    awaitingTradesSince: instant('awaiting_trades_since'),
    modifications: integer('modifications').notNull().default(0),
    corrections: integer('corrections').notNull().default(0),
    reserve: jsonb('reserve').$type<Reserve>(),
    lastReadAt: instant('last_read_at'),
    version: integer('version').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    submittedAt: instant('submitted_at'),
    finishedAt: instant('finished_at'),
    nextStepAt: instant('next_step_at'),
    /** Delivery state, not journaled: failed runs of the next step since the last event. */
    stepFailures: integer('step_failures').notNull().default(0),
    parkedAt: instant('parked_at'),
  },
  (t) => [
    primaryKey({ name: 'orders_pk', columns: [t.accountId, t.id] }),
    foreignKey({
      name: 'orders_strategy',
      columns: [t.accountId, t.strategyId],
      foreignColumns: [strategies.accountId, strategies.id],
    }),
    uniqueIndex('client_order_id_is_unique').on(t.accountId, t.clientOrderId),
    uniqueIndex('broker_order_id_is_unique_in_a_day')
      .on(t.accountId, t.tradingDay, t.brokerOrderId)
      .where(sql`broker_order_id is not null`),
    index('orders_open')
      .on(t.accountId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst())
      .where(sql`finished_at is null`),
    index('orders_due')
      .on(t.nextStepAt)
      .where(sql`next_step_at is not null and parked_at is null`),
    index('orders_submitted')
      .on(t.accountId, t.submittedAt)
      .where(sql`submitted_at is not null`),
    index('orders_newest').on(t.accountId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('orders_of_parent')
      .on(t.accountId, t.parentOrderId)
      .where(sql`parent_order_id is not null`),
    check('quantity_is_positive', sql`${t.quantity} > 0`),
    check('filled_is_not_more_than_ordered', sql`${t.filledQuantity} between 0 and ${t.quantity}`),
    check('filled_value_goes_with_quantity', sql`(${t.filledQuantity} = 0) = (${t.filledValue} = 0)`),
    check('price_is_positive', sql`${t.price} > 0 and ${t.price} < 'Infinity'`),
    check('trigger_price_is_positive', sql`${t.triggerPrice} > 0 and ${t.triggerPrice} < 'Infinity'`),
    check('opening_part_is_within_the_order', sql`${t.openingQuantity} between 0 and ${t.quantity}`),
    check('side_is_known', sql`${t.side} in ('BUY','SELL')`),
    check('order_type_is_known', sql`${t.orderType} in ('MARKET','LIMIT','SL','SL-M')`),
    check(
      'status_is_known',
      sql`${t.status} in ('PENDING','VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED','FILLED','CANCELLED','REJECTED','EXPIRED')`,
    ),
    check(
      'finished_orders_have_an_end',
      sql`(${t.status} in ('FILLED','CANCELLED','REJECTED','EXPIRED')) = (${t.finishedAt} is not null)`,
    ),
    check('rejected_orders_say_by_whom', sql`${t.status} <> 'REJECTED' or ${t.rejectedBy} is not null`),
    check('filled_means_all_of_it', sql`${t.status} <> 'FILLED' or ${t.filledQuantity} = ${t.quantity}`),
    check('limit_orders_have_a_price', sql`${t.orderType} in ('MARKET','SL-M') or ${t.price} is not null`),
    check(
      'stop_orders_have_a_trigger',
      sql`${t.orderType} in ('MARKET','LIMIT') or ${t.triggerPrice} is not null`,
    ),
    check('metadata_is_bounded', sql`pg_column_size(${t.metadata}) <= 16384`),
  ],
);

export type AttemptOutcome = 'PLACED' | 'NOT_PLACED' | 'UNKNOWN' | 'ADOPTED' | 'NEVER_PLACED';

/** One row per claim; the tag is its identity at the broker and is stored before the call. */
export const orderAttempts = pgTable(
  'order_attempts',
  {
    accountId: accountId(),
    orderId: uuid('order_id').notNull(),
    attempt: integer('attempt').notNull(),
    tag: text('tag').notNull(),
    claimedAt: instant('claimed_at').notNull(),
    notBefore: instant('not_before').notNull(),
    sendBy: instant('send_by').notNull(),
    /** Random per claim: after a commit without an answer, tells whose claim it is. */
    claimId: uuid('claim_id').notNull(),
    outcome: text('outcome').$type<AttemptOutcome>(),
    outcomeReason: text('outcome_reason'),
    outcomeAt: instant('outcome_at'),
    brokerOrderId: text('broker_order_id'),
  },
  (t) => [
    primaryKey({ name: 'order_attempts_pk', columns: [t.accountId, t.orderId, t.attempt] }),
    uniqueIndex('attempt_tag_is_unique').on(t.accountId, t.tag),
    foreignKey({
      name: 'order_attempts_order',
      columns: [t.accountId, t.orderId],
      foreignColumns: [orders.accountId, orders.id],
    }),
    check('tag_is_letters_and_digits', sql`${t.tag} ~ '^[A-Za-z0-9]{1,20}$'`),
  ],
);

/**
 * Cancels and modifies: durable commands beside the true status, one in flight and one waiting per order. That there
 * is one of each is judged at commit (0002_guards): a command replaces the waiting one in a single statement.
 */
export const orderCommands = pgTable(
  'order_commands',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    orderId: uuid('order_id').notNull(),
    kind: text('kind').$type<CommandKind>().notNull(),
    idempotencyKey: text('idempotency_key'),
    terms: jsonb('terms').$type<PlainTerms>(),
    state: text('state').$type<CommandState>().notNull(),
    outcome: text('outcome').$type<CommandOutcome>(),
    reason: text('reason'),
    requestedBy: text('requested_by').notNull(),
    requestedAt: instant('requested_at').notNull(),
    /** Calls claimed so far; the fields below, up to the answer's, describe the newest. */
    sends: integer('sends').notNull().default(0),
    claimId: uuid('claim_id'),
    sentAt: instant('sent_at'),
    notBefore: instant('not_before'),
    sendBy: instant('send_by'),
    answer: text('answer').$type<CommandAnswer>(),
    answeredAt: instant('answered_at'),
    /** The row's message and time in the book when the newest call was claimed; null: no row was seen yet. */
    bookBefore: jsonb('book_before').$type<BookBefore>(),
    /** Whole reads of the book begun after the answer that did not show what was asked. */
    cleanReads: integer('clean_reads').notNull().default(0),
    finishedAt: instant('finished_at'),
    nextStepAt: instant('next_step_at'),
    /** Delivery state, not journaled: failed runs of the next step. */
    stepFailures: integer('step_failures').notNull().default(0),
    parkedAt: instant('parked_at'),
  },
  (t) => [
    primaryKey({ name: 'order_commands_pk', columns: [t.accountId, t.id] }),
    foreignKey({
      name: 'order_commands_order',
      columns: [t.accountId, t.orderId],
      foreignColumns: [orders.accountId, orders.id],
    }),
    uniqueIndex('command_key_is_unique')
      .on(t.accountId, t.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    index('commands_of_order').on(t.accountId, t.orderId),
    index('commands_open')
      .on(t.accountId, t.orderId)
      .where(sql`state <> 'DONE'`),
    index('commands_due')
      .on(t.nextStepAt)
      .where(sql`next_step_at is not null and parked_at is null`),
    check('command_kind_is_known', sql`${t.kind} in ('CANCEL','MODIFY')`),
    check('command_state_is_known', sql`${t.state} in ('WAITING','IN_FLIGHT','DONE')`),
    check(
      'commands_end_with_an_outcome',
      sql`(${t.state} = 'DONE') = (${t.outcome} is not null) and (${t.state} = 'DONE') = (${t.finishedAt} is not null)`,
    ),
    check('modify_commands_have_terms', sql`(${t.kind} = 'MODIFY') = (${t.terms} is not null)`),
  ],
);

/** Mirror of the broker's order book by day: the newest raw row seen of each order. */
export const brokerOrders = pgTable(
  'broker_orders',
  {
    accountId: accountId(),
    day: date('day', { mode: 'string' }).notNull(),
    brokerOrderId: text('broker_order_id').notNull(),
    tag: text('tag'),
    status: text('status').notNull(),
    filledQuantity: integer('filled_quantity').notNull(),
    orderId: uuid('order_id'),
    raw: jsonb('raw').$type<Readonly<Record<string, unknown>>>().notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'broker_orders_pk', columns: [t.accountId, t.day, t.brokerOrderId] }),
    index('broker_orders_by_tag').on(t.accountId, t.tag),
  ],
);

/**
 * Evidence: which reads of the broker were made while an order was in doubt, and what they held. ORDERS: of the book;
 * TRADES: of the tradebook; CORRECTIONS: recorded trades that a tradebook showed otherwise.
 */
export const brokerReads = pgTable(
  'broker_reads',
  {
    accountId: accountId(),
    id: uuid('id').notNull(),
    kind: text('kind').$type<'ORDERS' | 'TRADES' | 'CORRECTIONS'>().notNull(),
    startedAt: instant('started_at').notNull(),
    clean: boolean('clean').notNull(),
    rowsCount: integer('rows_count'),
    fault: text('fault'),
    /** Tags in doubt at the time, and which of them the read held; a tradebook: whether a trade may be theirs. */
    searched: jsonb('searched').$type<Record<string, boolean>>(),
  },
  (t) => [
    primaryKey({ name: 'broker_reads_pk', columns: [t.accountId, t.id] }),
    index('broker_reads_by_time').on(t.accountId, t.startedAt),
  ],
);

/**
 * Copies of the broker's whole order book and tradebook, raw: the broker keeps one day (kite.md section 3.2). One for
 * each time of a day at which a copy is due; one that was not whole gives way to a newer one.
 */
export const brokerBooks = pgTable(
  'broker_books',
  {
    accountId: accountId(),
    day: date('day', { mode: 'string' }).notNull(),
    /** When it was due, IST, "HH:MM". */
    mark: text('mark').notNull(),
    readAt: instant('read_at').notNull(),
    /** Why the read was not whole; null when it was. */
    fault: text('fault'),
    orders: jsonb('orders').$type<readonly Readonly<Record<string, unknown>>[]>().notNull(),
    trades: jsonb('trades').$type<readonly Readonly<Record<string, unknown>>[]>().notNull(),
  },
  (t) => [
    primaryKey({ name: 'broker_books_pk', columns: [t.accountId, t.day, t.mark] }),
    check('book_mark_is_a_time', sql`${t.mark} ~ '^[0-2][0-9]:[0-5][0-9]$'`),
  ],
);

/** Identity: account, exchange, date of the fill, broker order id, trade id, side (trading.md section 5). */
export const trades = pgTable(
  'trades',
  {
    accountId: accountId(),
    exchange: text('exchange').$type<Exchange>().notNull(),
    tradeDate: date('trade_date', { mode: 'string' }).notNull(),
    brokerOrderId: text('broker_order_id').notNull(),
    tradeId: text('trade_id').notNull(),
    side: text('side').$type<Side>().notNull(),
    orderId: uuid('order_id').notNull(),
    strategyId: text('strategy_id'),
    instrumentId: integer('instrument_id').notNull(),
    symbol: text('symbol').notNull(),
    product: text('product').$type<Product>().notNull(),
    quantity: integer('quantity').notNull(),
    price: money('price').notNull(),
    multiplier: money('multiplier').notNull(),
    tradedAt: instant('traded_at').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    entryId: uuid('entry_id').notNull(),
    brokerage: money('brokerage').notNull(),
    transactionTax: money('transaction_tax').notNull(),
    exchangeCharge: money('exchange_charge').notNull(),
    sebiCharge: money('sebi_charge').notNull(),
    stampDuty: money('stamp_duty').notNull(),
    gst: money('gst').notNull(),
    charges: money('charges').notNull(),
    /** The exchange took it back: it counts nowhere any more. */
    annulledAt: instant('annulled_at'),
  },
  (t) => [
    primaryKey({
      name: 'trades_pk',
      columns: [t.accountId, t.exchange, t.tradeDate, t.brokerOrderId, t.tradeId, t.side],
    }),
    foreignKey({
      name: 'trades_order',
      columns: [t.accountId, t.orderId],
      foreignColumns: [orders.accountId, orders.id],
    }),
    uniqueIndex('trade_has_one_entry').on(t.accountId, t.entryId),
    index('trades_of_order').on(t.accountId, t.orderId),
    index('trades_newest').on(t.accountId, t.tradedAt.desc().nullsFirst(), t.entryId),
    check('trade_quantity_is_positive', sql`${t.quantity} > 0`),
    check('trade_price_is_positive', sql`${t.price} > 0 and ${t.price} < 'Infinity'`),
    check(
      'charges_add_up',
      sql`${t.charges} = ${t.brokerage} + ${t.transactionTax} + ${t.exchangeCharge} + ${t.sebiCharge} + ${t.stampDuty} + ${t.gst}`,
    ),
  ],
);
