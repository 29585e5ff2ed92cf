import type { Command } from 'commander';
import { pathsOf } from './completion.ts';

/** What --help shows of each command; a test reads every one of them with the command's own parser. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  up: ['sauda up', 'sauda up --replay examples/NSE-INFY-2026-03-02-minute.json'],
  demo: ['sauda demo'],
  paper: ['sauda paper --replay candles.json --instrument NSE:INFY'],
  migrate: ['sauda migrate'],
  doctor: ['sauda doctor', 'sauda doctor --json'],
  place: [
    'sauda place BUY 10 NSE:RELIANCE --limit 2450 --stop 2430 --target 2491',
    'sauda place SELL 10 NSE:RELIANCE --reduce-only',
  ],
  preview: ['sauda preview BUY 10 NSE:RELIANCE --limit 2450 --stop 2430'],
  orders: ['sauda orders --status open', 'sauda orders --symbol RELIANCE --limit 5'],
  order: ['sauda order ID'],
  explain: ['sauda explain ID'],
  cancel: ['sauda cancel ID'],
  resolve: ['sauda resolve ID never-placed --reason "called the broker"'],
  positions: ['sauda positions'],
  risk: ['sauda risk'],
  halt: ['sauda halt --reason "news"', 'sauda halt --cancel-open --flatten'],
  reduce: ['sauda reduce --reason "close to the bell"'],
  resume: ['sauda resume --reason "checked"'],
  flatten: ['sauda flatten', 'sauda flatten NSE:INFY --product MIS'],
  reconcile: ['sauda reconcile'],
  differences: ['sauda differences'],
  adjust: ['sauda adjust NSE:RELIANCE MIS 0 --reason "sold at the counter"'],
  approve: ['sauda approve RUN 0 --reason "sold at the counter"'],
  queues: ['sauda queues'],
  'queue/jobs': ['sauda queue jobs submit --state failed'],
  'queue/pause': ['sauda queue pause submit --reason "a release"'],
  'queue/resume': ['sauda queue resume submit --reason "released"'],
  'queue/retry': ['sauda queue retry submit ID'],
  'token/create': ['sauda token create --name desk --role operator --from 10.0.0.0/8'],
  'token/list': ['sauda token list'],
  'token/revoke': ['sauda token revoke ID'],
  'hook/create': [
    'sauda hook create --name cross --strategy chart --instruments NSE:INFY --max-quantity 10 --max-age 30',
  ],
  'hook/list': ['sauda hook list'],
  'hook/revoke': ['sauda hook revoke ID'],
  'strategy/list': ['sauda strategy list'],
  'strategy/create': ['sauda strategy create alpha --limit MAX_QUANTITY_PER_ORDER=5 --reason "small start"'],
  'strategy/enable': ['sauda strategy enable alpha --reason "looked at"'],
  'strategy/disable': ['sauda strategy disable alpha --reason "too many rejects"'],
  journal: ['sauda journal --actor api:desk', 'sauda journal --account system'],
  events: ['sauda events --since 120', 'sauda events --follow --json'],
  alerts: ['sauda alerts'],
  ack: ['sauda ack ID'],
  limits: ['sauda limits'],
  limit: ['sauda limit MAX_POSITIONS=8 --reason "two more pairs" --until 2026-12-31T15:30:00+05:30'],
  login: ['sauda login'],
  'live/confirm': ['sauda live confirm'],
  audit: ['sauda audit'],
  export: ['sauda export --from 2026-11-01 --out journal.gz'],
  'verify-export': ['sauda verify-export journal.gz'],
  backup: ['sauda backup ./backup-1'],
  restore: ['sauda restore ./backup-1 --verify'],
  'completion/bash': [
    'sauda completion bash > /etc/bash_completion.d/sauda',
    'source <(sauda completion bash)',
  ],
  'completion/zsh': ['source <(sauda completion zsh)'],
};

/** Below the options of each command, how it is used. */
export function addExamples(program: Command): void {
  for (const { path, command } of pathsOf(program)) {
    const lines = EXAMPLES[path] ?? [];
    if (lines.length > 0) {
      command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
    }
  }
}
