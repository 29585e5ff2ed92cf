import { dailyLoss } from './daily-loss.ts';
import { drawdown } from './drawdown.ts';
import { exposure } from './exposure.ts';
import { missingStop } from './missing-stop.ts';
import {
  CONDITION_PREFIX,
  type Finding,
  type MonitorInput,
  type MonitorRule,
  type Severity,
  type Told,
  severer,
} from './monitor.ts';
import { nearStop } from './near-stop.ts';
import { orderToTrade } from './order-to-trade.ts';
import { positionLoss } from './position-loss.ts';
import { prices } from './prices.ts';
import { rejects } from './rejects.ts';
import { repeatedExecution } from './repeated-execution.ts';
import { stuckCommands } from './stuck-commands.ts';
import { stuckOrders } from './stuck-orders.ts';
import { unknownOrders } from './unknown-orders.ts';

/** What is watched during the trade. Adding a rule is one file and one row. */
export const MONITOR_RULES: readonly MonitorRule[] = [
  dailyLoss,
  drawdown,
  exposure,
  positionLoss,
  missingStop,
  nearStop,
  prices,
  rejects,
  orderToTrade,
  repeatedExecution,
  stuckOrders,
  stuckCommands,
  unknownOrders,
];

export function runRules(input: MonitorInput): readonly Finding[] {
  return MONITOR_RULES.flatMap((rule) => rule.run(input));
}

/** How the standing alerts become what the findings say. */
export interface AlertPlan {
  /** Conditions that hold no more. */
  readonly clear: readonly string[];
  /** Conditions that began or worsened. What eased goes on standing as it was told, and as it was acknowledged. */
  readonly raise: readonly Told[];
}

/** One alert per condition, by its severity; alerts of others are not touched. */
export function planAlerts(findings: readonly Finding[], standing: ReadonlyMap<string, Severity>): AlertPlan {
  const named = new Set(findings.map(({ condition }) => condition));
  const ours = [...standing.keys()].filter((condition) => condition.startsWith(CONDITION_PREFIX));
  return {
    clear: ours.filter((condition) => !named.has(condition)),
    raise: findings.filter(
      (finding): finding is Told =>
        finding.severity !== null && isWorse(finding.severity, standing.get(finding.condition) ?? null),
    ),
  };
}

function isWorse(severity: Severity, standing: Severity | null): boolean {
  return standing === null || severer(severity, standing) !== standing;
}
