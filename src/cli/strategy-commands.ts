import type { Command } from 'commander';
import type { Client, JournalEntryBody, StrategyBody } from '../client/index.ts';
import { table } from './format.ts';

interface CreateOptions {
  readonly name?: string;
  readonly account?: string;
  readonly disabled?: boolean;
  readonly limit?: readonly string[];
  readonly reason: string;
}

interface JournalOptions {
  readonly account?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly entity?: string;
  readonly limit: string;
}

/** Strategies before and after their first order, and who did what. */
export function addStrategyCommands(
  program: Command,
  say: (value: unknown, text: () => string) => void,
  connect: () => Promise<Client>,
): void {
  const strategy = program.command('strategy').description('strategies: list, create, enable, disable');
  strategy
    .command('list')
    .option('--account <id>')
    .action(async ({ account }: { account?: string }) => {
      const { items } = await (await connect()).strategies({ accountId: account, limit: '500' });
      say(items, () => strategyLines(items));
    });
  strategy
    .command('create')
    .description(
      'make one before its first order: sauda strategy create alpha --limit MAX_QUANTITY_PER_ORDER=5 --reason "small start"',
    )
    .argument('<id>')
    .option('--name <name>')
    .option('--account <id>')
    .option('--disabled', 'it may not enter until it is enabled')
    .option('--limit <NAME=value...>', 'a limit that it starts with')
    .requiredOption('--reason <text>', 'for the journal')
    .action(async (id: string, { name, account, disabled, limit = [], reason }: CreateOptions) => {
      const limits = Object.fromEntries(limit.map((one) => one.split('=', 2) as [string, string]));
      const made = await (
        await connect()
      ).createStrategy({
        ...{ id, reason, limits, enabled: disabled !== true },
        ...(name === undefined ? {} : { name }),
        ...(account === undefined ? {} : { accountId: account }),
      });
      say(made, () => strategyLines([made]));
    });
  for (const verb of ['enable', 'disable'] as const) {
    strategy
      .command(verb)
      .description(verb === 'enable' ? 'let it enter positions' : 'forbid it to enter; its exits pass')
      .argument('<id>')
      .option('--account <id>')
      .requiredOption('--reason <text>', 'for the journal')
      .action(async (id: string, { account, reason }: { account?: string; reason: string }) => {
        const of = account === undefined ? {} : { accountId: account };
        const client = await connect();
        const changed = await client.changeStrategy(id, { ...of, reason, enabled: verb === 'enable' });
        say(changed, () => strategyLines([changed]));
      });
  }

  program
    .command('journal')
    .description('who did what, newest first: sauda journal --actor api:anita')
    .option('--account <id>', '"system": tokens, queues, prices')
    .option('--actor <name>')
    .option('--kind <event>')
    .option('--entity <id>')
    .option('--limit <n>', 'at most so many', '30')
    .action(async ({ account, actor, kind, entity, limit }: JournalOptions) => {
      const { items } = await (await connect()).journal({ accountId: account, actor, kind, entity, limit });
      say(items, () => journalLines(items));
    });
}

function strategyLines(strategies: readonly StrategyBody[]): string {
  return table(
    ['id', 'name', 'may enter', 'trading', 'limits of its own'],
    strategies.map((one) => [
      one.id,
      one.name,
      one.enabled ? 'yes' : `no: ${one.disabledReason ?? ''}`,
      one.tradingState,
      Object.entries(one.limits)
        .map(([name, { value }]) => `${name}=${value}`)
        .join(' '),
    ]),
  );
}

function journalLines(entries: readonly JournalEntryBody[]): string {
  return table(
    ['seq', 'at', 'event', 'about', 'by', 'from'],
    entries.map((one) => [
      String(one.seq),
      one.at,
      one.event,
      one.entity,
      one.actor,
      one.origin === null ? '' : `${one.origin.ip ?? 'here'} ${one.origin.requestId}`,
    ]),
  );
}
