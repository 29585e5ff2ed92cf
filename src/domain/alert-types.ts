/**
 * Every type of alert there is, and whether a person may switch it off. ALWAYS: money is lost unheard without it; no
 * setting and no /mute keeps it from anybody. OPTIONAL: may be off or muted, but for those of its alerts that are
 * CRITICAL. NEWS: good to know; where nobody wants it, it is not even written. Pure.
 */
export type AlertClass = 'ALWAYS' | 'OPTIONAL' | 'NEWS';

export const ALERT_TYPES = {
  // How orders end.
  order_rejected: 'ALWAYS',
  order_expired: 'OPTIONAL',
  order_filled: 'NEWS',
  order_cancelled: 'NEWS',

  // Orders that are not as they should be.
  command_failed: 'ALWAYS',
  order_unknown: 'ALWAYS',
  unknown_orders: 'ALWAYS',
  order_never_placed: 'OPTIONAL',
  order_day_missed: 'ALWAYS',
  order_not_in_book: 'ALWAYS',
  order_parked: 'ALWAYS',
  order_budget_spent: 'ALWAYS',
  amo_release_failed: 'ALWAYS',
  command_stuck: 'ALWAYS',
  order_in_transit: 'OPTIONAL',
  order_stuck: 'OPTIONAL',
  trades_missing: 'OPTIONAL',

  // What the broker's book shows.
  broker_contradiction: 'ALWAYS',
  broker_order_not_followed: 'OPTIONAL',
  broker_row_not_applied: 'ALWAYS',
  broker_status_unknown: 'OPTIONAL',
  broker_terms_differ: 'OPTIONAL',
  broker_twin: 'ALWAYS',
  late_modify: 'OPTIONAL',
  late_trade: 'ALWAYS',
  late_twin: 'ALWAYS',
  outside_cancel: 'OPTIONAL',
  outside_modify: 'OPTIONAL',
  outside_trade: 'OPTIONAL',
  trade_corrected: 'ALWAYS',
  reconciliation_difference: 'ALWAYS',
  reconciliation_failing: 'ALWAYS',
  invariant_broken: 'ALWAYS',

  // Limits, and what halts trading.
  daily_loss_limit: 'ALWAYS',
  drawdown_limit: 'ALWAYS',
  position_loss_limit: 'ALWAYS',
  position_loss_exit: 'ALWAYS',
  kill_switch_triggered: 'ALWAYS',
  halt_incomplete: 'ALWAYS',
  flatten_incomplete: 'ALWAYS',
  operation_failing: 'ALWAYS',
  strategy_paused: 'ALWAYS',
  gross_exposure: 'OPTIONAL',
  net_exposure: 'OPTIONAL',
  order_to_trade_ratio: 'OPTIONAL',
  reject_ratio: 'OPTIONAL',
  repeated_execution: 'OPTIONAL',

  // Prices and stops.
  near_stop: 'OPTIONAL',
  missing_stop: 'ALWAYS',
  stale_price: 'OPTIONAL',
  implausible_price: 'OPTIONAL',
  // Protection stands aside until a person has seen it.
  corporate_action_suspected: 'ALWAYS',
  unprotected_position: 'ALWAYS',
  unprotected_overnight: 'OPTIONAL',
  protection_overfilled: 'ALWAYS',
  protection_stuck: 'ALWAYS',
  stop_lost: 'ALWAYS',
  stop_refused: 'ALWAYS',
  stop_outside_band: 'OPTIONAL',
  trailing_stopped: 'OPTIONAL',
  protection_oms: 'OPTIONAL',
  target_refused: 'OPTIONAL',
  gtt_lost: 'OPTIONAL',
  gtt_refused: 'OPTIONAL',
  gtt_triggered: 'ALWAYS',

  // The machine itself.
  alert_undelivered: 'ALWAYS',
  broker_session_expired: 'ALWAYS',
  broker_unreadable: 'ALWAYS',
  channel_unreachable: 'ALWAYS',
  worker_down: 'ALWAYS',
  journal_head: 'OPTIONAL',
} as const satisfies Record<string, AlertClass>;

export type AlertType = keyof typeof ALERT_TYPES;

export function isAlertType(text: string): text is AlertType {
  return Object.hasOwn(ALERT_TYPES, text);
}

/** True when a person may switch it off or mute it. */
export function canBeOff(type: AlertType): boolean {
  return ALERT_TYPES[type] !== 'ALWAYS';
}
