import { type Command, InvalidArgumentError } from 'commander';
import type { Client, SignalHookBody } from '../client/index.ts';
import { table } from './format.ts';

interface CreateOptions {
  readonly name: string;
  readonly strategy: string;
  readonly instruments: readonly string[];
  readonly maxQuantity: number;
  readonly maxAge?: number;
  readonly account?: string;
}

/** Addresses that a charting service posts its alerts to: made, listed, revoked. */
export function addHookCommands(
  program: Command,
  say: (value: unknown, text: () => string) => void,
  connect: () => Promise<Client>,
): void {
  const hook = program.command('hook').description('addresses for alerts of a chart: create, list, revoke');
  hook
    .command('create')
    .description('make an address that a chart posts its alerts to; it is shown once')
    .requiredOption('--name <name>')
    .requiredOption('--strategy <id>', 'whose orders the alerts become')
    .requiredOption('--instruments <exchange:symbol...>', 'what alone may be ordered')
    .requiredOption('--max-quantity <units>', 'of one order, or a position that is aimed at', whole)
    .option('--max-age <seconds>', 'an older alert is refused (60)', whole)
    .option('--account <id>')
    .action(async ({ name, strategy, instruments, maxQuantity, maxAge, account }: CreateOptions) => {
      const made = await (
        await connect()
      ).createHook({
        ...{ name, strategyId: strategy, instruments, maxQuantity },
        ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * 1000 }),
        ...(account === undefined ? {} : { accountId: account }),
      });
      say(made, () => made.path);
    });
  hook
    .command('list')
    .description('every address, without its secret')
    .option('--account <id>')
    .action(async ({ account }: { account?: string }) => {
      const { items } = await (await connect()).hooks({ accountId: account, limit: '500' });
      say(items, () => hookLines(items));
    });
  hook
    .command('revoke')
    .description('end an address at once: the next alert to it is refused')
    .argument('<id>')
    .option('--account <id>')
    .action(async (id: string, { account }: { account?: string }) => {
      const of = account === undefined ? {} : { accountId: account };
      const revoked = await (await connect()).revokeHook(id, of);
      say(revoked, () => `${revoked.name} is revoked since ${revoked.revokedAt ?? ''}`);
    });
}

function whole(text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new InvalidArgumentError('a whole number from 1.');
  return value;
}

function hookLines(hooks: readonly SignalHookBody[]): string {
  return table(
    ['id', 'name', 'strategy', 'instruments', 'most', 'age', 'revoked'],
    hooks.map((one) => [
      one.id,
      one.name,
      one.strategyId,
      one.instruments.join(' '),
      String(one.maxQuantity),
      `${one.maxAgeMs / 1000} s`,
      one.revokedAt ?? '',
    ]),
  );
}
