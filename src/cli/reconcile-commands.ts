import { type Command, InvalidArgumentError } from 'commander';
import type { Client, ReconciliationBody } from '../client/index.ts';
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
