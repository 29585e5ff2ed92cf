import { type Command, Option } from 'commander';
import type { Client, NewToken, TokenBody } from '../client/index.ts';
import { table } from './format.ts';

interface CreateOptions {
  readonly name: string;
  readonly role: NewToken['role'];
  readonly account?: string;
  readonly strategy?: string;
  readonly from?: readonly string[];
}

/** Bearer tokens: made, listed, revoked. */
export function addTokenCommands(
  program: Command,
  say: (value: unknown, text: () => string) => void,
  connect: () => Promise<Client>,
): void {
  const token = program.command('token').description('bearer tokens: create, list, revoke');
  token
    .command('create')
    .description('make a token; it is shown once: sauda token create --name desk --role operator')
    .requiredOption('--name <name>')
    .addOption(
      new Option('--role <role>').choices(['viewer', 'trader', 'operator', 'admin']).makeOptionMandatory(),
    )
    .option('--account <id>', 'bind it to an account')
    .option('--strategy <id>', 'bind it to a strategy of that account')
    .option('--from <networks...>', 'addresses and networks that may use it: 10.0.0.0/8 127.0.0.1')
    .action(async ({ name, role, account, strategy, from }: CreateOptions) => {
      const created = await (
        await connect()
      ).createToken({
        ...{ name, role },
        ...(account === undefined ? {} : { accountId: account }),
        ...(strategy === undefined ? {} : { strategyId: strategy }),
        ...(from === undefined ? {} : { allowedFrom: from }),
      });
      say(created, () => created.token);
    });
  token
    .command('list')
    .description('every token, without its secret')
    .action(async () => {
      const { items } = await (await connect()).tokens({ limit: '500' });
      say(items, () => tokenLines(items));
    });
  token
    .command('revoke')
    .description('end a token at once: sauda token revoke ID')
    .argument('<id>')
    .action(async (id: string) => {
      const revoked = await (await connect()).revokeToken(id);
      say(revoked, () => `${revoked.name} is revoked since ${revoked.revokedAt ?? ''}`);
    });
}

function tokenLines(tokens: readonly TokenBody[]): string {
  return table(
    ['id', 'name', 'role', 'for', 'from', 'last used', 'revoked'],
    tokens.map((one) => [
      one.id,
      one.name,
      one.role,
      [one.accountId ?? 'all', ...(one.strategyId === null ? [] : [one.strategyId])].join('/'),
      one.allowedFrom?.join(' ') ?? 'anywhere',
      one.lastUsedAt === null ? 'never' : `${one.lastUsedAt} ${one.lastUsedFrom ?? ''}`.trimEnd(),
      one.revokedAt ?? '',
    ]),
  );
}
