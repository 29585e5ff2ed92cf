import { Gauge, type Registry } from 'prom-client';
import type { SystemMetrics } from '../services/read-metrics.ts';

const STATES = ['ACTIVE', 'REDUCING', 'HALTED'] as const;

/** Gauges of the whole system, filled at each scrape from one reading of the rows. */
export function createSystemGauges(registry: Registry): (system: SystemMetrics) => void {
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name: `sauda_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const rejected = gauge('orders_rejected', 'Orders of the trading day that were rejected', ['by', 'check']);
  const alerts = gauge('alerts_open', 'Alerts that stand and nobody acknowledged', ['severity', 'type']);
  const differences = gauge(
    'reconciliation_differences',
    'Differences from the broker that nothing explains or settled, in the newest run',
    ['account'],
  );
  const age = gauge('reconciliation_age_seconds', 'Since the newest finished run began', ['account']);
  const failed = gauge('reconciliation_failed', '1: the newest run failed', ['account']);
  const broken = gauge('invariants_broken', 'Invariants of the books that the reconciler found broken', [
    'account',
  ]);
  const workers = gauge('workers_alive', 'Processes that beat lately', ['role', 'version']);
  const state = gauge('trading_state', '1 for the state that is in force', ['account', 'state']);
  const money = gauge('money_rupees', 'Equity, net P&L of the day, balance, margins and drawdown', [
    ...(['account', 'figure'] as const),
  ]);
  const shares = gauge('money_share', 'The day’s P&L and the drawdown as shares', ['account', 'figure']);
  const limits = gauge('limit', 'Limits in force that are numbers; 0: off', ['account', 'limit']);
  const used = gauge('limit_used', 'What is used of a limit, in its own unit', ['account', 'limit']);
  const budget = gauge('broker_budget_left', 'Order calls that each priority may still make', [
    ...(['account', 'window', 'priority'] as const),
  ]);
  const all = [
    rejected,
    alerts,
    differences,
    age,
    failed,
    broken,
    workers,
    state,
    money,
    shares,
    limits,
    used,
    budget,
  ];

  return (system) => {
    for (const one of all) one.reset();
    for (const { by, check, count } of system.rejections) rejected.set({ by, check }, count);
    for (const { severity, type, count } of system.alerts) alerts.set({ severity, type }, count);
    for (const run of system.reconciliations) {
      differences.set({ account: run.accountId }, run.differences);
      age.set({ account: run.accountId }, run.ageSeconds);
      failed.set({ account: run.accountId }, run.isFailed ? 1 : 0);
    }
    for (const { role, version, alive } of system.workers) workers.set({ role, version }, alive);
    for (const { id: account, tradingState, invariantsBroken } of system.accounts) {
      broken.set({ account }, invariantsBroken);
      for (const one of STATES) state.set({ account, state: one }, one === tradingState ? 1 : 0);
    }
    for (const { accountId: account, risk } of system.risks) {
      const figures = {
        equity: risk.equity,
        day_pnl: risk.dayPnl,
        balance: risk.balance,
        available_margin: risk.availableMargin,
        reserved_margin: risk.reservedMargin,
        drawdown: risk.drawdown,
      };
      for (const [figure, value] of Object.entries(figures)) {
        if (value !== null) money.set({ account, figure }, value.toNumber());
      }
      shares.set({ account, figure: 'day_pnl' }, risk.dailyPnlPct.toNumber());
      shares.set({ account, figure: 'drawdown' }, risk.drawdownPct.toNumber());
      for (const { name: limit, limit: text, used: part } of risk.limits) {
        setNumber(text, (value) => limits.set({ account, limit }, value));
        if (part !== null) setNumber(part, (value) => used.set({ account, limit }, value));
      }
      for (const [window, { left }] of Object.entries(risk.orderBudget)) {
        for (const [priority, count] of Object.entries(left)) {
          if (count !== null) budget.set({ account, window, priority }, count);
        }
      }
    }
  };
}

/** Lists and words are limits, too, and no gauge shows them. */
function setNumber(text: string, set: (value: number) => void): void {
  if (text !== '' && Number.isFinite(Number(text))) set(Number(text));
}
