import { type Command, InvalidArgumentError } from 'commander';
import type { Client, NewAdjustment, ReconciliationBody } from '../client/index.ts';
import { EXIT } from '../runtime/process.ts';
import { table } from './format.ts';

type Say = (value: unknown, text: () => string) => void;

/** Comparing our books with the broker's, and deciding what no trade explains. */
export function addReconcileCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('reconcile')
    .description('compare with the broker now; exit code 1 when something waits for a person or was not read')
    .option('--account <id>')
    .action(async ({ account }: { account?: string }) => {
      const run = await (await connect()).reconcile(account === undefined ? {} : { accountId: account });
      say(run, () => runLines(run));
      const isOpen = run.differences.some(({ state }) => state === 'PROPOSED');
      if (isOpen || run.status === 'FAILED') process.exitCode = EXIT.refused;
    });

  program
    .command('approve')
    .description('take the broker’s figure for ours: sauda approve RUN 0 --reason "sold at the counter"')
    .argument('<run>', 'id of the run')
    .argument('<difference>', 'its number in the run', place)
    .requiredOption('--reason <text>')
    .option('--price <price>', 'at which it changed hands; default: our own average')
    .option('--account <id>')
    .action(
      async (id: string, index: number, options: { reason: string; price?: string; account?: string }) => {
        const { reason, price, account } = options;
        const run = await (
          await connect()
        ).approveDifference(id, index, {
          reason,
          ...(price === undefined ? {} : { price }),
          ...(account === undefined ? {} : { accountId: account }),
        });
        say(run, () => runLines(run));
      },
    );
  addAdjustCommands(program, say, connect);
}

/** What waits for a person, and what a person may say without waiting for a comparison. */
function addAdjustCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('differences')
    .description('what the newest comparison left open; exit code 1 when something waits for a person')
    .option('--account <id>')
    .action(async ({ account }: { account?: string }) => {
      const of = account === undefined ? {} : { accountId: account };
      const { items } = await (await connect()).reconciliations({ ...of, limit: 20 });
      const run = items.find(({ status }) => status === 'CLEAN' || status === 'DIFFERENCES');
      const open = run?.differences.filter(({ state }) => state === 'PROPOSED' || state === 'SEEN') ?? [];
      say({ run: run?.id ?? null, open }, () =>
        run === undefined ? 'no comparison has been made yet' : openLines(run),
      );
      if (open.some(({ state }) => state === 'PROPOSED')) process.exitCode = EXIT.refused;
    });

  program
    .command('adjust')
    .description('say what is held in truth: sauda adjust NSE:RELIANCE MIS 0 --reason "sold at the counter"')
    .argument('<instrument>', 'EXCHANGE:SYMBOL')
    .argument('<product>', 'CNC, MIS, NRML or MTF')
    .argument('<quantity>', 'signed units; 0 is flat', signed)
    .requiredOption('--reason <text>')
    .option('--price <price>', 'at which it changed hands; default: our own average')
    .option('--account <id>')
    .action(
      async (
        instrument: string,
        product: string,
        quantity: number,
        options: { reason: string; price?: string; account?: string },
      ) => {
        const [exchange = '', symbol = ''] = instrument.split(':');
        const { items } = await (
          await connect()
        ).adjustPosition(
          { exchange, symbol },
          {
            ...{
              product: product.toUpperCase() as NewAdjustment['product'],
              quantity,
              reason: options.reason,
            },
            ...(options.price === undefined ? {} : { price: options.price }),
            ...(options.account === undefined ? {} : { accountId: options.account }),
          },
        );
        say(items, () =>
          items
            .map((one) => `${one.exchange}:${one.symbol} ${one.product} ${one.managedBy}: ${one.quantity}`)
            .join('\n'),
        );
      },
    );
}

function signed(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new InvalidArgumentError('whole units, negative when short.');
  return Number(text);
}

function openLines(run: ReconciliationBody): string {
  const lines = run.differences.flatMap((one, n) =>
    one.state === 'PROPOSED' || one.state === 'SEEN'
      ? [
          `${one.exchange}:${one.symbol} ${one.product}: ours ${one.ours}, the broker's ${one.brokers}, ${one.cause}, ${one.state}` +
            (one.state === 'PROPOSED' ? `: sauda approve ${run.id} ${n} --reason "..."` : ''),
        ]
      : [],
  );
  return lines.length === 0 ? `nothing is open since ${run.startedAt}` : lines.join('\n');
}

function place(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('the number of a difference, from 0.');
  return Number(text);
}

function runLines(run: ReconciliationBody): string {
  const { differences } = run;
  const head = `run ${run.id} of ${run.accountId} is ${run.status}: ${run.checked} rows compared`;
  if (run.fault !== null) return `${head}\nnothing was changed: ${run.fault}`;
  if (differences.length === 0) return head;
  return [
    head,
    table(
      ['n', 'kind', 'instrument', 'product', 'ours', 'broker', 'cause', 'state'],
      differences.map((one, n) => [
        String(n),
        one.kind,
        `${one.exchange}:${one.symbol}`,
        one.product,
        String(one.ours),
        String(one.brokers),
        one.cause,
        one.state,
      ]),
    ),
  ].join('\n');
}
