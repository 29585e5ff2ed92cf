import type { ChatRole, PromptAction } from '../domain/chat.ts';
import { readTradingState } from '../services/read-accounts.ts';
import { listStrategies } from '../services/read-lists.ts';
import { acknowledge, mute } from './alert-commands.ts';
import type { Asker, Desk } from './desk.ts';
import { findOrderOf, orderView } from './order-view.ts';
import { type RichText, bold, code, concat, lines, plain } from './rich-text.ts';
import {
  alertsView,
  fundsView,
  healthView,
  ordersView,
  pnlView,
  positionsView,
  queuesView,
  riskView,
  statusView,
  strategiesView,
} from './views.ts';

/** say: an answer. view: one that can be refreshed in place. ask: a question that has to be confirmed. */
export type Reply =
  | {
      readonly kind: 'say';
      readonly text: RichText;
      readonly url?: { readonly text: string; readonly url: string };
    }
  | { readonly kind: 'view'; readonly text: RichText; readonly refresh: string }
  | { readonly kind: 'ask'; readonly action: PromptAction };

export interface Command {
  readonly name: string;
  readonly role: ChatRole;
  readonly usage: string;
  readonly description: string;
  /** With an argument it changes something without a question: refused when it was said too long ago. */
  readonly changes?: true;
  readonly run: (desk: Desk, argument: string, asker: Asker) => Promise<Reply>;
}

const say = (text: RichText | string): Reply => ({
  kind: 'say',
  text: typeof text === 'string' ? plain(text) : text,
});

function view(
  name: string,
  description: string,
  read: (desk: Desk, argument: string, asker: Asker) => Promise<RichText>,
  usage = '',
): Command {
  return {
    ...{ name, role: 'viewer', usage, description },
    run: async (desk, argument, asker) => {
      // A button takes 64 bytes: only what chooses the view goes into it, and never what else was written.
      const chosen = usage.includes(argument) ? argument : '';
      const data = `v:${name}${chosen === '' ? '' : `:${chosen}`}`;
      return { kind: 'view', text: await read(desk, argument, asker), refresh: data };
    },
  };
}

function ask(
  name: string,
  usage: string,
  description: string,
  action: (desk: Desk, argument: string, asker: Asker) => Promise<PromptAction | string>,
): Command {
  return {
    ...{ name, role: 'operator', usage, description },
    run: async (desk, argument, asker) => {
      const asked = await action(desk, argument, asker);
      return typeof asked === 'string' ? say(asked) : { kind: 'ask', action: asked };
    },
  };
}

const reasonOf = (argument: string, { userId }: Asker): string =>
  argument === '' ? `asked for in Telegram by ${userId}` : argument;

/** What the bot understands. Placing orders, going from paper to live and credentials are not among it, on purpose. */
export const COMMANDS: readonly Command[] = [
  view('status', 'what may be traded, and the day against its limits', statusView),
  view('orders', 'open orders, those of today, or the rejected ones', ordersView, '[open|today|rejected]'),
  {
    ...{ name: 'order', role: 'viewer', usage: 'ID', description: 'one order and what happened to it' },
    run: async (desk, argument) =>
      say(argument === '' ? 'Which order? /order ID' : await orderView(desk, argument)),
  },
  view('positions', 'open positions', positionsView),
  view('pnl', "the day's profit and loss", pnlView),
  view('risk', 'limits, and what is used of them', riskView),
  view('funds', 'margin and equity', fundsView),
  view('strategies', 'strategies and whether they trade', strategiesView),
  view('queues', 'jobs that wait', queuesView),
  view('alerts', 'alerts that stand', alertsView),
  view('health', 'the parts of the system', healthView),
  {
    ...{ name: 'version', role: 'viewer', usage: '', description: 'which build runs' },
    run: (desk) => Promise.resolve(say(`Sauda ${desk.version}`)),
  },
  {
    ...{ name: 'help', role: 'viewer', usage: '', description: 'this list' },
    run: (_desk, _argument, asker) => Promise.resolve(say(helpText(asker.role))),
  },
  {
    ...{ name: 'whoami', role: 'viewer', usage: '', description: 'your ids and your role' },
    run: (_desk, _argument, { userId, chatId, role }) =>
      Promise.resolve(say(concat('User ', code(userId), ', chat ', code(chatId), ', role ', bold(role)))),
  },
  ask('halt', '[reason]', 'stop every entry and cancel working ones', (_desk, argument, asker) =>
    Promise.resolve({ kind: 'halt', reason: reasonOf(argument, asker) }),
  ),
  ask('reduce', '[reason]', 'only orders that shrink a position', (_desk, argument, asker) =>
    Promise.resolve({ kind: 'reduce', reason: reasonOf(argument, asker) }),
  ),
  ask('cancelall', '[reason]', 'cancel every working entry', (_desk, argument, asker) =>
    Promise.resolve({ kind: 'cancelAll', reason: reasonOf(argument, asker) }),
  ),
  ask('pause', 'STRATEGY', 'no more entries of a strategy', askPause),
  ask('resume', '[STRATEGY]', 'trade again (code)', askResume),
  ask('flatten', '[STRATEGY]', 'close every managed position (code)', askFlatten),
  ask('resolve', 'ORDER adopt|never [BROKER_ORDER]', 'end the doubt about an order (code)', askResolve),
  { ...{ name: 'login', role: 'operator', usage: '', description: 'log in at the broker' }, run: login },
  {
    ...{
      name: 'mute',
      role: 'operator',
      usage: 'TYPE MINUTES',
      description: 'no messages of a type for a while',
    },
    changes: true,
    run: async (desk, argument, asker) => say(await mute(desk, argument, asker)),
  },
  {
    ...{ name: 'ack', role: 'operator', usage: '[CODE|all]', description: 'an alert was seen' },
    changes: true,
    run: async (desk, argument, asker) => say(await acknowledge(desk, argument, asker)),
  },
];

export function findCommand(name: string): Command | null {
  return COMMANDS.find((command) => command.name === (name === 'start' ? 'help' : name)) ?? null;
}

function helpText(role: ChatRole): RichText {
  const mine = COMMANDS.filter((command) => role === 'operator' || command.role === 'viewer');
  return lines(
    bold('Commands'),
    ...mine.map(({ name, usage, description }) =>
      plain(`/${name}${usage === '' ? '' : ` ${usage}`} - ${description}`),
    ),
  );
}

async function strategyOf({ context, accountId }: Desk, id: string): Promise<boolean> {
  return (await listStrategies(context.db, { accountId, only: id, limit: 1 })).length === 1;
}

async function askPause(desk: Desk, argument: string, asker: Asker): Promise<PromptAction | string> {
  const [strategyId = '', ...why] = argument.split(/\s+/);
  if (strategyId === '') return 'Which strategy? /pause STRATEGY';
  if (!(await strategyOf(desk, strategyId)))
    return `There is no strategy ${strategyId.slice(0, 64)}; see /strategies.`;
  return { kind: 'pause', strategyId, reason: reasonOf(why.join(' '), asker) };
}

async function askResume(desk: Desk, argument: string): Promise<PromptAction | string> {
  if (argument !== '') {
    if (await strategyOf(desk, argument)) return { kind: 'resume', strategyId: argument, releases: null };
    return `There is no strategy ${argument.slice(0, 64)}; see /strategies.`;
  }
  const { state, haltId } = await readTradingState(desk.context.db, desk.accountId);
  if (state === 'ACTIVE') return 'Trading is ACTIVE: there is nothing to resume.';
  return { kind: 'resume', strategyId: null, releases: haltId };
}

async function askFlatten(desk: Desk, argument: string): Promise<PromptAction | string> {
  if (argument === '') return { kind: 'flatten', strategyId: null };
  if (await strategyOf(desk, argument)) return { kind: 'flatten', strategyId: argument };
  return `There is no strategy ${argument.slice(0, 64)}; see /strategies.`;
}

async function askResolve(desk: Desk, argument: string): Promise<PromptAction | string> {
  const [which = '', decision = '', brokerOrderId = null] = argument.split(/\s+/);
  const decisions = { adopt: 'adopt', never: 'neverPlaced', neverplaced: 'neverPlaced' } as const;
  const decided = Object.entries(decisions).find(([word]) => word === decision.toLowerCase())?.[1];
  if (decided === undefined) return 'How? /resolve ORDER adopt [BROKER_ORDER], or /resolve ORDER never';
  if (brokerOrderId !== null && !/^\w{1,32}$/.test(brokerOrderId))
    return 'A broker order id is letters and digits.';
  const order = await findOrderOf(desk, which);
  if (order === null) return `There is no order ${which.slice(0, 64)}.`;
  if (order.status !== 'UNKNOWN') return `The order is ${order.status}: there is no doubt to end.`;
  return { kind: 'resolve', orderId: order.id, decision: decided, brokerOrderId };
}

function login({ loginUrl }: Desk): Promise<Reply> {
  if (loginUrl === null)
    return Promise.resolve(
      say('There is nothing to log in to: this is paper trading, or ZERODHA_API_SECRET is not set.'),
    );
  const text = lines(plain('Log in at the broker, on its own page. Never write a password or a token here.'));
  return Promise.resolve({ kind: 'say', text, url: { text: 'Log in to Kite', url: loginUrl() } });
}
