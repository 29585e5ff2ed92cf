import os from 'node:os';
import { type Command, Option } from 'commander';
import { type Client, type NewTradingState, type OperationBody } from '../client/index.ts';
import { type HaltHere, type HaltedAccount, haltHere } from '../runtime/halt-here.ts';
import { EXIT, configForHaltOrExit } from '../runtime/process.ts';
import { table } from './format.ts';

interface HaltOptions {
  readonly account?: string;
  readonly strategy?: string;
  readonly reason: string;
  readonly cancelOpen?: boolean;
  readonly flatten?: boolean;
  readonly exits?: 'reduceOnly' | 'operatorOnly';
}

interface ResumeOptions extends Pick<HaltOptions, 'account' | 'strategy' | 'reason'> {
  readonly releases?: string;
  readonly newDailyLossPct?: string;
  readonly rebasePeak?: boolean;
}

interface FlattenOptions {
  readonly account?: string;
  readonly strategy?: string;
  readonly product?: 'MIS' | 'CNC' | 'NRML' | 'MTF';
  readonly reason?: string;
}

type Say = (value: unknown, text: () => string) => void;

/**
 * The kill switch. `halt` and `reduce` go straight to Postgres, so that they work while everything else is down;
 * what loosens, or closes, goes through the API.
 */
export function addHaltCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  const tighten = (name: 'halt' | 'reduce', state: HaltHere['state'], description: string) =>
    program
      .command(name)
      .description(description)
      .option('--account <id>', 'of this account alone; default: every account')
      .option('--strategy <id>', 'of this strategy alone')
      .option('--reason <text>', 'for the journal and for whoever releases it', `sauda ${name}`)
      .option('--cancel-open', 'cancel every working order that could raise a position')
      .option('--flatten', 'close every managed position, too')
      .addOption(new Option('--exits <who>', 'who may still exit').choices(['reduceOnly', 'operatorOnly']))
      .action(async (options: HaltOptions) => {
        const done = await haltHere(configForHaltOrExit(), {
          accountId: options.account ?? null,
          state,
          scope: options.strategy === undefined ? 'account' : 'strategy',
          strategyId: options.strategy ?? null,
          reason: options.reason,
          by: `cli:${userName()}`,
          cancelOpen: options.cancelOpen === true,
          flatten: options.flatten === true,
          ...(options.exits === undefined ? {} : { exits: options.exits }),
        });
        const { accounts, failed } = done;
        const [only] = accounts;
        const isOne = accounts.length === 1 && failed.length === 0 && only !== undefined;
        say(isOne ? only : done, () =>
          [
            ...accounts.map((account) => haltLines(account, options.strategy)),
            ...failed.map(({ accountId, error }) => `account ${accountId} was NOT changed: ${error}`),
          ].join('\n'),
        );
        if (failed.length > 0) process.exitCode = EXIT.refused;
      });
  tighten('halt', 'HALTED', 'stop trading: no entries; needs nothing but Postgres');
  tighten('reduce', 'REDUCING', 'take only orders that lower positions; needs nothing but Postgres');

  program
    .command('resume')
    .description('release a halt, or go back from reducing')
    .requiredOption('--reason <text>', 'why it is safe again')
    .option('--account <id>')
    .option('--strategy <id>', 'of this strategy alone')
    .option('--releases <haltId>', 'the halt that is meant')
    .option(
      '--new-daily-loss-pct <share>',
      'after a daily loss: its limit for the rest of the day, e.g. 0.08',
    )
    .option('--rebase-peak', 'after a drawdown: measure it from the equity of now')
    .action(async (options: ResumeOptions) => {
      const done = await (await connect()).setTradingState(releaseOf(options));
      say(done, () => `trading is ${done.state}`);
    });

  program
    .command('flatten')
    .description('close managed positions: all, or of one instrument')
    .argument('[instrument]', 'EXCHANGE:SYMBOL')
    .option('--account <id>')
    .option('--strategy <id>', 'what this strategy holds')
    .addOption(new Option('--product <product>').choices(['MIS', 'CNC', 'NRML', 'MTF']))
    .option('--reason <text>')
    .action(
      async (instrument: string | undefined, { account, strategy, product, reason }: FlattenOptions) => {
        const [exchange, symbol] = instrument?.split(':') ?? [];
        const operation = await (
          await connect()
        ).flatten({
          ...(account === undefined ? {} : { accountId: account }),
          ...(strategy === undefined ? {} : { strategyId: strategy }),
          ...(product === undefined ? {} : { product }),
          ...(reason === undefined ? {} : { reason }),
          ...(exchange === undefined ? {} : { exchange: exchange as 'NSE' }),
          ...(symbol === undefined ? {} : { symbol }),
        });
        say(operation, () => operationLines(operation));
      },
    );
}

function releaseOf(options: ResumeOptions): NewTradingState {
  const { account, strategy, releases, newDailyLossPct, rebasePeak } = options;
  return {
    state: 'ACTIVE',
    reason: options.reason,
    ...(account === undefined ? {} : { accountId: account }),
    ...(strategy === undefined ? {} : { scope: 'strategy', strategyId: strategy }),
    ...(releases === undefined ? {} : { releases }),
    ...(newDailyLossPct === undefined ? {} : { newDailyLossPct }),
    ...(rebasePeak === true ? { rebasePeak } : {}),
  };
}

function haltLines(done: HaltedAccount, strategy: string | undefined): string {
  const whose =
    strategy === undefined ? `account ${done.accountId}` : `strategy ${strategy} of ${done.accountId}`;
  return [
    `trading of ${whose} is ${done.state}${done.changed ? '' : ' (it was already)'}`,
    ...(done.haltId === null ? [] : [`halt ${done.haltId}`]),
    `${done.ended.length} orders ended before they were sent`,
    done.inFlight.length === 0
      ? 'nothing was on its way to the broker'
      : `on their way to the broker:\n${table(
          ['order', 'status'],
          done.inFlight.map(({ id, status }) => [id, status]),
        )}`,
    ...(done.operationId === null ? [] : [`operation ${done.operationId} goes on`]),
  ].join('\n');
}

function operationLines(operation: OperationBody): string {
  return [
    `operation ${operation.id} is ${operation.state}`,
    ...operation.orders.map(
      (order) => `  ${order.id} ${order.side} ${order.quantity} ${order.symbol} ${order.status}`,
    ),
    ...operation.left.map(({ what, quantity, why }) => `  left: ${what} ${quantity ?? ''} ${why}`),
  ].join('\n');
}

export function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return 'unknown';
  }
}
