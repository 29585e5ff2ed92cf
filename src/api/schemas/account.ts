import { z } from '@hono/zod-openapi';
import { PROTECTION_POLICIES } from '../../domain/protection-policy.ts';
import { TRADING_STATES } from '../../domain/account.ts';
import { SEVERITIES } from '../../domain/alert-delivery.ts';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { CALL_PRIORITIES } from '../../domain/order-budget.ts';
import { ORDER_STATUSES } from '../../domain/order-status.ts';
import { API_ROLES } from '../principal.ts';
import { date, instant, listOf, money, record, share } from './parts.ts';

const tradingState = z.enum(TRADING_STATES);

export const positionSchema = z
  .object({
    accountId: z.string(),
    exchange: z.enum(EXCHANGES),
    symbol: z.string(),
    product: z.enum(PRODUCTS),
    managedBy: z.enum(['OMS', 'EXTERNAL']),
    cycle: z.int().openapi({ description: 'Counts the open-to-close runs of this position.' }),
    status: z.enum(['OPEN', 'CLOSED']),
    quantity: z.int().openapi({ description: 'Signed: a short position is negative.' }),
    protectedQuantity: z.int(),
    protection: z.enum(PROTECTION_POLICIES).nullable().openapi({
      description:
        'The weakest in force; none: no group covers it. Null: not open, or not managed by the OMS.',
    }),
    unprotectedSince: instant.nullable().openapi({
      description: 'Since when some of it has no stop at the exchange although its policy asks for one.',
    }),
    unprotectedSeconds: z.number().nullable().openapi({ description: 'How long that was so in all.' }),
    averagePrice: money.nullable(),
    lastPrice: money.nullable().openapi({ description: 'Null: the price is unknown.' }),
    lastPriceAt: instant.nullable(),
    lastPriceAgeMs: z.int().nullable(),
    realizedPnl: money,
    unrealizedPnl: money.nullable(),
    totalPnl: money.nullable(),
    charges: money,
    netPnl: money.nullable(),
    highestPrice: money,
    lowestPrice: money,
    openedAt: instant,
    closedAt: instant.nullable(),
  })
  .openapi('Position');
export type PositionJson = z.infer<typeof positionSchema>;
export const positionListSchema = listOf(positionSchema);

const budgetWindow = z.object({
  used: z.int(),
  limit: z.int().openapi({ description: '0: without a bound.' }),
  left: z.record(z.enum(CALL_PRIORITIES), z.int().nullable()).openapi({
    description: 'By priority: calls it may still make now; null: any number.',
    example: { kill: 8, protectiveExit: 8, exit: 7, cancel: 7, modify: 6, entry: 6 },
  }),
});

export const riskSchema = z
  .object({
    accountId: z.string(),
    at: instant,
    tradingDay: date,
    tradingState,
    balance: money,
    availableMargin: money.nullable().openapi({ description: "Null: the broker's funds were not read yet." }),
    fundsAt: instant.nullable(),
    fundsAgeMs: z.int().nullable(),
    reservedMargin: money,
    positionMargin: money,
    realizedPnl: money,
    unrealizedPnl: money,
    totalPnl: money,
    charges: money,
    netPnl: money,
    dayPnl: money,
    dailyPnlPct: share,
    peakEquity: money,
    drawdown: money,
    drawdownPct: share,
    riskCapital: money,
    equity: money,
    openingEquity: money,
    grossExposure: money,
    netExposure: money,
    openRisk: money,
    openPositions: z.int(),
    pendingOrders: z.int(),
    activeOrders: z.int(),
    ordersToday: z.int(),
    tradesToday: z.int(),
    oldestPriceAgeMs: z.int().nullable(),
    pricesMissing: z.int(),
    priceAges: z.record(z.string(), z.int().nullable()).openapi({
      description:
        'Milliseconds: age of the oldest price behind each figure, and behind what is used of each limit.',
      example: { unrealizedPnl: 412, dayPnl: 412, MAX_DAILY_LOSS: 412 },
    }),
    monitoredAt: instant.nullable().openapi({ description: 'When the risk monitor last looked.' }),
    limits: z.array(
      z.object({
        name: z.string(),
        limit: z.string(),
        used: z.string().nullable(),
        left: z.string().nullable(),
        baseline: money.nullable(),
      }),
    ),
    orderBudget: z
      .object({ second: budgetWindow, minute: budgetWindow, day: budgetWindow })
      .openapi({ description: "The broker's order budget: calls a second and a minute, placements a day." }),
  })
  .openapi('Risk');
export type RiskJson = z.infer<typeof riskSchema>;

export const daySchema = z
  .object({
    accountId: z.string(),
    day: date,
    openingEquity: money,
    realizedPnl: money,
    charges: money,
    netPnl: money.openapi({ description: 'Realized, less charges.' }),
    cashFlows: money,
    turnover: money,
    ordersCount: z.int(),
    rejectedCount: z.int(),
    tradesCount: z.int(),
    winningTrades: z.int(),
    losingTrades: z.int(),
    updatedAt: instant,
  })
  .openapi('DailyStats');
export type DayJson = z.infer<typeof daySchema>;
export const dayListSchema = listOf(daySchema);

const deliverySchema = z.object({
  channel: z.string(),
  state: z.enum(['PENDING', 'DELIVERED', 'FAILED']),
  attempts: z.int(),
  deliveredAt: instant.nullable(),
  lastError: z.string().nullable(),
  messageId: z.string().nullable().openapi({ description: 'What the channel calls the message.' }),
});

export const alertSchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    severity: z.enum(SEVERITIES),
    type: z.string(),
    message: z.string(),
    details: record,
    orderId: z.string().nullable(),
    at: instant,
    clearedAt: instant.nullable(),
    acknowledgedAt: instant.nullable(),
    acknowledgedBy: z.string().nullable(),
    deliveries: z.array(deliverySchema).openapi({ description: 'By channel; empty for a moment at first.' }),
  })
  .openapi('Alert');
export type AlertJson = z.infer<typeof alertSchema>;
export const alertListSchema = listOf(alertSchema);

const storedLimit = z.object({
  value: z.string(),
  reason: z.string(),
  by: z.string(),
  at: instant,
  expiresAt: instant.nullable().openapi({ description: 'Null: until it is changed again.' }),
});

export const strategySchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    name: z.string(),
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
    protection: z.enum(PROTECTION_POLICIES).nullable(),
    tradingState,
    tradingStateReason: z.string().nullable(),
    limits: z.record(z.string(), storedLimit),
    createdAt: instant,
    updatedAt: instant,
  })
  .openapi('Strategy');
export type StrategyJson = z.infer<typeof strategySchema>;
export const strategyListSchema = listOf(strategySchema);

export const accountSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    capital: money,
    tradingState,
    createdAt: instant,
  })
  .openapi('Account');
export type AccountJson = z.infer<typeof accountSchema>;
export const accountListSchema = listOf(accountSchema);

const tokenFields = {
  id: z.string(),
  name: z.string(),
  role: z.enum(API_ROLES),
  accountId: z.string().nullable(),
  strategyId: z.string().nullable(),
  allowedFrom: z.array(z.string()).nullable().openapi({ description: 'Null: from any address.' }),
};
export const tokenSchema = z
  .object({
    ...tokenFields,
    createdAt: instant,
    revokedAt: instant.nullable(),
    lastUsedAt: instant.nullable().openapi({ description: 'To the minute.' }),
    lastUsedFrom: z.string().nullable(),
  })
  .openapi('Token');
export type TokenJson = z.infer<typeof tokenSchema>;
export const tokenListSchema = listOf(tokenSchema);
export const newTokenSchema = z
  .object({
    ...tokenFields,
    token: z.string().openapi({ description: 'Shown this once; only its hash is kept.' }),
  })
  .openapi('NewToken');

const stateFields = {
  state: tradingState,
  haltId: z.string().nullable(),
  exits: z.enum(['reduceOnly', 'operatorOnly']).openapi({ description: 'Who may exit while HALTED.' }),
  reason: z.string().nullable(),
  by: z.string().nullable(),
  at: instant.nullable(),
};
export const tradingStateSchema = z
  .object({
    accountId: z.string(),
    scope: z.literal('account'),
    ...stateFields,
    strategies: z.array(z.object({ strategyId: z.string(), ...stateFields })),
  })
  .openapi('TradingState');
export const changedTradingStateSchema = tradingStateSchema
  .extend({
    inFlight: z
      .array(z.object({ id: z.string(), status: z.enum(ORDER_STATUSES) }))
      .openapi({ description: 'Orders whose calls were on their way, as they stand now.' }),
    operationId: z.string().nullable().openapi({ description: 'What goes on: cancels and exits.' }),
  })
  .openapi('ChangedTradingState');
export type TradingStateJson = z.infer<typeof tradingStateSchema>;

const limitTexts = z.record(z.string(), z.string());
const limitChanges = z.record(z.string(), storedLimit.extend({ inForce: z.boolean() }));
export const limitsSchema = z
  .object({
    accountId: z.string(),
    limits: limitTexts.openapi({ description: 'In force for the account, by configuration name.' }),
    defaults: limitTexts,
    account: limitChanges,
    strategies: z.record(z.string(), limitChanges),
  })
  .openapi('Limits');
export type LimitsJson = z.infer<typeof limitsSchema>;
