import type { Endpoint } from './endpoint.ts';
import { accountEndpoints } from './routes/accounts.ts';
import { alertEndpoints } from './routes/alerts.ts';
import { changeOrderEndpoints } from './routes/change-order.ts';
import { dailyStatsEndpoints } from './routes/daily-stats.ts';
import { eventEndpoints } from './routes/events.ts';
import { journalEndpoints } from './routes/journal.ts';
import { limitEndpoints } from './routes/limits.ts';
import { operationEndpoints } from './routes/operations.ts';
import { orderEndpoints } from './routes/orders.ts';
import { placeOrderEndpoint } from './routes/place-order.ts';
import { previewOrderEndpoint } from './routes/preview-order.ts';
import { positionEndpoints } from './routes/positions.ts';
import { priceEndpoints } from './routes/prices.ts';
import { queueEndpoints } from './routes/queues.ts';
import { reconciliationEndpoints } from './routes/reconciliations.ts';
import { resolveOrderEndpoint } from './routes/resolve-order.ts';
import { riskEndpoints } from './routes/risk.ts';
import { signalHookEndpoints } from './routes/signal-hooks.ts';
import { strategyEndpoints } from './routes/strategies.ts';
import { tokenEndpoints } from './routes/tokens.ts';
import { tradeEndpoints } from './routes/trades.ts';
import { tradingStateEndpoints } from './routes/trading-state.ts';

/** Every call of /v1. A new one is a file in routes/ and a row here. */
export const ENDPOINTS: readonly Endpoint[] = [
  placeOrderEndpoint,
  previewOrderEndpoint,
  ...orderEndpoints,
  ...changeOrderEndpoints,
  resolveOrderEndpoint,
  ...tradeEndpoints,
  ...positionEndpoints,
  ...reconciliationEndpoints,
  ...riskEndpoints,
  ...priceEndpoints,
  ...tradingStateEndpoints,
  ...operationEndpoints,
  ...limitEndpoints,
  ...dailyStatsEndpoints,
  ...alertEndpoints,
  ...eventEndpoints,
  ...journalEndpoints,
  ...strategyEndpoints,
  ...accountEndpoints,
  ...tokenEndpoints,
  ...signalHookEndpoints,
  ...queueEndpoints,
];
