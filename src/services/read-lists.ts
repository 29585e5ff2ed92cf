/** Lists that are no more than their rows. Transports reach the stores through here (design.md section 8). */
export { listDays, listStrategies } from '../db/stores/account-read-store.ts';
export { type DeliveryRow, readDeliveries } from '../db/stores/alert-delivery-store.ts';
export {
  findAlertsByCode,
  listAlerts,
  listStandingAlerts,
  listUnseenAlerts,
} from '../db/stores/alert-read-store.ts';
export { listOrders } from '../db/stores/order-read-store.ts';
export { listTrades } from '../db/stores/trade-read-store.ts';
export { readJobFailures as listJobFailures } from '../db/stores/queue-store.ts';
export { readWorkers as listWorkers } from '../db/stores/worker-presence-store.ts';
export { listKillSwitchEvents } from '../db/stores/operation-store.ts';
export type { AlertRow, DayRow, KillSwitchEventRow, StrategyRow, TradeRow } from '../db/account-rows.ts';
