/** Rules that hold between several variables of the environment. */
import type { Environment } from './environment.ts';
import { telegramProblems } from './telegram.ts';

export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
}

/** What Kite takes (kite.md section 3.5). Other servers that speak its wire may take more. */
const KITE_BUDGET = [
  ['ORDER_CALLS_PER_SECOND', 10],
  ['ORDER_CALLS_PER_MINUTE', 400],
  ['ORDER_PLACEMENTS_PER_DAY', 5000],
] as const;

/** Rules about several variables; silent where one of them could not be read, which is a problem of its own. */
export function crossProblems(env: Environment, unreadable: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (variable: string, problem: string, ...others: readonly string[]) => {
    if (![variable, ...others].some((name) => unreadable.has(name))) problems.push({ variable, problem });
  };
  if (env.QUEUE_BACKEND === 'redis' && env.REDIS_URL === undefined) {
    add('REDIS_URL', 'is needed with QUEUE_BACKEND=redis');
  }
  if (env.BROKER === 'kite') {
    if (!env.LIVE_TRADING) add('LIVE_TRADING', 'must be yes with BROKER=kite: this places real orders');
    if (env.ZERODHA_API_KEY === undefined) add('ZERODHA_API_KEY', 'is needed with BROKER=kite');
    if (env.DEMO === 'on') add('DEMO', 'is refused with BROKER=kite');
    for (const [name, most] of KITE_BUDGET) {
      if (env[name] > 0 && env[name] <= most) continue;
      add(
        name,
        `must be from 1 to ${most} with BROKER=kite: Kite refuses what is over it, and may block the app`,
      );
    }
  }
  if (env.DEMO === 'on' && env.KITE_API_ROOT !== undefined)
    add('DEMO', 'is on only with the built-in paper exchange');
  if ((env.ENTRY_CALLS_PER_SECOND ?? 0) > env.ORDER_CALLS_PER_SECOND && env.ORDER_CALLS_PER_SECOND > 0) {
    add('ENTRY_CALLS_PER_SECOND', 'must not be more than ORDER_CALLS_PER_SECOND', 'ORDER_CALLS_PER_SECOND');
  }
  if (env.ALERT_WEBHOOK_URL !== undefined && env.ALERT_WEBHOOK_SECRET === undefined) {
    add('ALERT_WEBHOOK_SECRET', 'is needed with ALERT_WEBHOOK_URL: receivers check the signature');
  }
  for (const [variable, problem] of telegramProblems(env)) add(variable, problem);
  if (env.SAUDA_FAILPOINTS !== undefined && env.NODE_ENV === 'production') {
    add('SAUDA_FAILPOINTS', 'is refused in production');
  }
  if (env.SAUDA_MUTANT !== undefined && (env.NODE_ENV === 'production' || env.BROKER === 'kite')) {
    add('SAUDA_MUTANT', 'is refused in production and with BROKER=kite: it is a planted bug', 'BROKER');
  }
  return problems;
}
