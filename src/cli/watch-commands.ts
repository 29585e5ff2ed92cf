import { type Command, InvalidArgumentError } from 'commander';
import type { AlertBody, Client, EventBody, LimitsBody } from '../client/index.ts';
import { table } from './format.ts';

type Say = (value: unknown, text: () => string) => void;

interface EventOptions {
  readonly account?: string;
  readonly since?: number;
  readonly follow?: boolean;
  readonly limit: number;
}

interface SetOptions {
  readonly account?: string;
  readonly strategy?: string;
  readonly reason: string;
  readonly until?: string;
}

/** Watching what happens, alerts, and the limits. */
export function addWatchCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  addEventCommand(program, say, connect);
  addAlertCommands(program, say, connect);
  addLimitCommands(program, say, connect);
}

function addEventCommand(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('events')
    .description("entries of the account's journal; with --follow as they happen, once each and in order")
    .option('--account <id>')
    .option('--since <seq>', 'those after this number', whole)
    .option('--follow', 'go on until Ctrl-C, across restarts of the server')
    .option('--limit <n>', 'without --follow: at most so many', whole, 30)
    .action(async ({ account, since, follow, limit }: EventOptions) => {
      const client = await connect();
      const of = account === undefined ? {} : { accountId: account };
      if (follow === true) {
        const isJson = program.opts<{ json?: boolean }>().json === true;
        for await (const event of client.events({ ...of, ...(since === undefined ? {} : { since }) })) {
          process.stdout.write(`${isJson ? JSON.stringify(event) : eventLine(event)}\n`);
        }
        return;
      }
      const { items } = await client.journal({ ...of, limit });
      const shown = items.filter(({ seq }) => since === undefined || seq > since).reverse();
      say(shown, () => shown.map(eventLine).join('\n'));
    });
}

function addAlertCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('alerts')
    .description('alerts, newest first, with who was told')
    .option('--account <id>')
    .option('--limit <n>', 'at most so many', whole, 30)
    .action(async ({ account, limit }: { account?: string; limit: number }) => {
      const { items } = await (await connect()).alerts({ accountId: account, limit });
      say(items, () => alertLines(items));
    });
  program
    .command('ack')
    .description('say that you have seen an alert; twice is the same as once')
    .argument('<id>', 'as "sauda alerts" shows it')
    .option('--account <id>')
    .action(async (id: string, { account }: { account?: string }) => {
      const of = account === undefined ? {} : { accountId: account };
      const alert = await (await connect()).acknowledgeAlert(id, of);
      say(alert, () => `seen by ${alert.acknowledgedBy ?? ''} at ${alert.acknowledgedAt ?? ''}`);
    });
}

function addLimitCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('limits')
    .description('the limits in force, and where each comes from')
    .option('--account <id>')
    .action(async ({ account }: { account?: string }) => {
      const limits = await (await connect()).limits({ accountId: account });
      say(limits, () => limitLines(limits));
    });
  program
    .command('limit')
    .description('change limits while trading goes on; NAME= takes a change back')
    .argument('<NAME=value...>')
    .option('--account <id>')
    .option('--strategy <id>', 'of this strategy alone')
    .option('--until <time>', 'RFC 3339: what was before holds again then')
    .requiredOption('--reason <text>', 'for the journal')
    .action(async (changes: string[], { account, strategy, until, reason }: SetOptions) => {
      const limits = Object.fromEntries(changes.map(changeOf));
      const now = await (
        await connect()
      ).changeLimits({
        ...{ limits, reason },
        ...(account === undefined ? {} : { accountId: account }),
        ...(strategy === undefined ? {} : { strategyId: strategy }),
        ...(until === undefined ? {} : { expiresAt: until }),
      });
      say(now, () => limitLines(now));
    });
}

function changeOf(text: string): [string, string | null] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`${text} is not NAME=value.`);
  const value = text.slice(at + 1);
  return [text.slice(0, at), value === '' ? null : value];
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number.');
  return Number(text);
}

function eventLine({
  seq,
  at,
  event,
  entity,
  actor,
  data,
}: Pick<EventBody, 'seq' | 'at' | 'event' | 'entity' | 'actor' | 'data'>): string {
  const facts = Object.entries(data)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '')
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
  return `#${seq} ${at} ${event} ${entity} by ${actor}${facts === '' ? '' : `: ${facts}`}`;
}

function alertLines(alerts: readonly AlertBody[]): string {
  if (alerts.length === 0) return 'none';
  return table(
    ['id', 'at', 'severity', 'type', 'state', 'told', 'message'],
    alerts.map((one) => [
      one.id,
      one.at,
      one.severity,
      one.type,
      one.acknowledgedAt !== null
        ? `seen by ${one.acknowledgedBy ?? '?'}`
        : one.clearedAt === null
          ? 'stands'
          : 'over',
      one.deliveries.map(({ channel, state }) => `${channel} ${state}`).join(' '),
      one.message,
    ]),
  );
}

function limitLines({ limits, defaults, account, strategies }: LimitsBody): string {
  const changeText = (name: string): string => {
    const change = account[name];
    return change?.inForce === true ? `${change.by}: ${change.reason}` : '';
  };
  const own = Object.entries(strategies).flatMap(([strategy, changes]) =>
    Object.entries(changes).map(([name, { value, by, reason }]) => [
      `${strategy} ${name}`,
      value,
      '',
      `${by}: ${reason}`,
    ]),
  );
  return table(
    ['limit', 'in force', 'configured', 'changed by'],
    [
      ...Object.entries(limits).map(([name, value]) => [name, value, defaults[name] ?? '', changeText(name)]),
      ...own,
    ],
  );
}
