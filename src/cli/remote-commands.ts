import path from 'node:path';
import { Argument, type Command } from 'commander';
import {
  type Client,
  type EvidenceBody,
  type NewOrder,
  type OrderBody,
  type OrderDetailBody,
  type PositionBody,
  type PreviewBody,
  createClient,
} from '../client/index.ts';
import { readSecret } from '../runtime/data-dir.ts';
import { configOrExit, EXIT } from '../runtime/process.ts';
import { addBrokerCommands } from './broker-commands.ts';
import { explanation } from './explain.ts';
import { sayOf, table } from './format.ts';
import { addHaltCommands } from './halt-commands.ts';
import { addHookCommands } from './hook-commands.ts';
import { addQueueCommands } from './queue-commands.ts';
import { newOrder, type OrderOptions, waitMs, withOrderArguments } from './order-arguments.ts';
import { addReconcileCommands } from './reconcile-commands.ts';
import { addStrategyCommands } from './strategy-commands.ts';
import { addTokenCommands } from './token-commands.ts';
import { addWatchCommands } from './watch-commands.ts';

interface PlaceOptions extends OrderOptions {
  readonly wait: number;
}

/** Commands that speak to the API of a running Sauda, with the admin token of this machine or ADMIN_TOKEN. */
export function addRemoteCommands(program: Command): void {
  const say = sayOf(program);
  addHaltCommands(program, say, connect);
  addReconcileCommands(program, say, connect);
  addQueueCommands(program, say, connect);
  addTokenCommands(program, say, connect);
  addHookCommands(program, say, connect);
  addStrategyCommands(program, say, connect);
  addWatchCommands(program, say, connect);
  addBrokerCommands(program, say, apiAddress);

  withOrderArguments(program.command('place'))
    .description(
      'place an order: sauda place BUY 10 NSE:RELIANCE --limit 2450 --stop 2430 --target 2491; exit code 1 when it is rejected',
    )
    .option('--id <clientOrderId>', 'the same id never places twice')
    .option('--wait <ms>', 'wait for the fill at most so long', waitMs, 5000)
    .action(async (side: NewOrder['side'], quantity: number, instrument: string, options: PlaceOptions) => {
      const client = await connect();
      const order = await client.placeOrder(newOrder(side, quantity, instrument, options), {
        status: 'FILLED',
        timeoutMs: options.wait,
      });
      say(order, () =>
        order.statusReason === null ? orderLines([order]) : `${orderLines([order])}\n${order.statusReason}`,
      );
      if (order.status === 'REJECTED') process.exitCode = EXIT.refused;
    });

  withOrderArguments(program.command('preview'))
    .description('what the checks would say of an order, as in place; nothing is stored')
    .action(async (side: NewOrder['side'], quantity: number, instrument: string, options: OrderOptions) => {
      const preview = await (await connect()).previewOrder(newOrder(side, quantity, instrument, options));
      say(preview, () => previewLines(preview));
      if (!preview.passes) process.exitCode = EXIT.refused;
    });

  program
    .command('orders')
    .description('list orders, newest first')
    .option('--status <status>', 'a status, or open')
    .option('--symbol <symbol>')
    .option('--limit <n>', 'at most so many', '30')
    .action(async ({ status, symbol, limit }: { status?: string; symbol?: string; limit: string }) => {
      const page = await (await connect()).orders({ status, symbol, limit });
      say(page, () => orderLines(page.items));
    });

  program
    .command('order')
    .description('one order with its checks, trades and timeline')
    .argument('<id>')
    .action(async (id: string) => {
      const order = await (await connect()).order(id);
      say(order, () =>
        [
          orderLines([order]),
          ...(order.statusReason === null ? [] : [`reason: ${order.statusReason}`]),
          '',
          table(
            ['check', 'verdict', 'message'],
            order.checks.map((c) => [c.check, c.verdict, c.message]),
          ),
          ...(order.evidence === null ? [] : ['', evidenceLines(order.evidence)]),
          '',
          table(
            ['at', 'of', 'event', 'from', 'to', 'by'],
            order.timeline.map((step) => [
              step.at,
              stepOf(step),
              step.event,
              step.from ?? '',
              step.to ?? '',
              step.actor,
            ]),
          ),
          ...(order.guards.length === 0 ? [] : ['', 'its protection', guardLines(order.guards)]),
          ...(order.parent === null ? [] : ['', `${order.role} of`, orderLines([order.parent])]),
        ].join('\n'),
      );
    });

  program
    .command('explain')
    .description('why an order is as it is: request, checks with numbers, steps, evidence, fills, position')
    .argument('<id>')
    .action(async (id: string) => {
      const client = await connect();
      const order = await client.order(id);
      const positions = await client.positionsOf(order);
      say({ order, positions }, () => explanation(order, positions));
    });

  program
    .command('cancel')
    .description('cancel an order; twice is the same as once')
    .argument('<id>')
    .action(async (id: string) => {
      const order = await (await connect()).cancelOrder(id);
      say(
        order,
        () => `${orderLines([order])}${order.pendingCommand === null ? '' : '\nthe cancel is on its way'}`,
      );
    });

  program
    .command('resolve')
    .description('end the doubt about an order: sauda resolve ID never-placed --reason "called the broker"')
    .argument('<id>')
    .addArgument(
      new Argument('<decision>', 'what is known now').choices(['adopt', 'never-placed', 'expired']),
    )
    .option('--broker-order-id <id>', 'adopt: the broker order that it is')
    .requiredOption('--reason <text>')
    .action(async (id: string, decision: string, options: { brokerOrderId?: string; reason: string }) => {
      const { brokerOrderId, reason } = options;
      const order = await (
        await connect()
      ).resolveOrder(id, {
        decision: decision === 'never-placed' ? 'neverPlaced' : decision === 'adopt' ? 'adopt' : 'expired',
        reason,
        ...(brokerOrderId === undefined ? {} : { brokerOrderId }),
      });
      say(order, () => orderLines([order]));
    });

  program
    .command('positions')
    .description('open positions')
    .action(async () => {
      const page = await (await connect()).positions();
      say(page, () =>
        table(
          ['symbol', 'product', 'quantity', 'protected', 'average', 'last', 'P&L', 'charges', 'net'],
          page.items.map((position) => [
            `${position.exchange}:${position.symbol}`,
            position.product,
            String(position.quantity),
            protectedText(position),
            position.averagePrice ?? '',
            position.lastPrice ?? 'unknown',
            position.totalPnl ?? '',
            position.charges,
            position.netPnl ?? '',
          ]),
        ),
      );
    });

  program
    .command('risk')
    .description("the account's money and limits")
    .action(async () => {
      const risk = await (await connect()).risk();
      say(risk, () =>
        table(
          ['', ''],
          Object.entries(risk)
            .filter(([, value]) => typeof value !== 'object')
            .map(([name, value]) => [name, String(value)]),
        ),
      );
    });
}

async function connect(): Promise<Client> {
  return createClient(await apiAddress());
}

async function apiAddress(): Promise<{ readonly baseUrl: string; readonly token: string }> {
  const config = configOrExit();
  const token = config.adminToken ?? (await readSecret(path.join(config.dataDir, 'admin.token')));
  const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host;
  return { baseUrl: `http://${host}:${config.port}`, token: token ?? '' };
}

function previewLines(preview: PreviewBody): string {
  const { largestQuantity: largest } = preview;
  const limitedBy = largest.limitedBy === null ? '' : ` (${largest.limitedBy}: ${largest.message ?? ''})`;
  return [
    preview.passes
      ? 'would pass'
      : `would be refused by ${preview.failedCheck ?? ''}: ${preview.reason ?? ''}`,
    '',
    table(
      ['check', 'verdict', 'message'],
      preview.checks.map((check) => [check.check, check.verdict, check.message]),
    ),
    '',
    table(
      ['', ''],
      [
        ['margin', preview.margin ?? 'unknown'],
        ['charges', preview.charges],
        [
          'worst loss',
          `${preview.worstLoss ?? 'unknown'}, ${preview.netWorstLoss ?? 'unknown'} with charges`,
        ],
        ['reward / risk', `${preview.riskReward ?? 'unknown'}, ${preview.netRiskReward ?? 'unknown'} net`],
        ['largest quantity', `${largest.quantity}${limitedBy}`],
      ],
    ),
  ].join('\n');
}

/** What a person decides by when an order is in doubt. */
function evidenceLines(evidence: EvidenceBody): string {
  const { reads, readCount, cleanCount, tradeReadCount, strayTradeCount, candidates } = evidence;
  const [newest] = reads;
  const found = reads.filter((read) => read.found).length;
  return [
    `${readCount} reads of the book looked for it, ${cleanCount} of them whole; ${found} of the newest ${reads.length} held it${newest === undefined ? '' : `; the last began ${newest.startedAt}`}`,
    `${tradeReadCount} reads of the tradebook beside them; ${strayTradeCount} held fills that may be its`,
    ...(candidates.length === 0
      ? ['no other broker order of today could be it']
      : [
          table(
            ['it may be', 'order', 'status', 'filled', 'seen'],
            candidates.map((one) => [
              one.brokerOrderId,
              `${one.side} ${one.quantity}`,
              one.status,
              String(one.filledQuantity),
              one.firstSeenAt,
            ]),
          ),
        ]),
  ].join('\n');
}

/** "20 exchange"; "15/20 exchange, naked since ..." while a part has no stop. */
function protectedText(position: PositionBody): string {
  const { quantity, protection, protectedQuantity, unprotectedSince } = position;
  if (protection !== 'exchange') return protection ?? '';
  const part = protectedQuantity === Math.abs(quantity) ? '' : `/${Math.abs(quantity)}`;
  const since = unprotectedSince === null ? '' : `, naked since ${unprotectedSince}`;
  return `${protectedQuantity}${part} exchange${since}`;
}

/** Whose step it is, where there are guards: their ids end differently, and begin alike. */
function stepOf({ role, orderId }: OrderDetailBody['timeline'][number]): string {
  return role === 'ENTRY' ? '' : `${role} ${orderId.slice(-6)}`;
}

function guardLines(guards: readonly OrderBody[]): string {
  return table(
    ['id', 'role', 'order', 'trigger', 'limit', 'status', 'filled'],
    guards.map((guard) => [
      guard.id,
      guard.role,
      `${guard.side} ${guard.quantity} ${guard.orderType}`,
      guard.triggerPrice ?? '',
      guard.price ?? '',
      guard.failedCheck === null ? guard.status : `${guard.status} ${guard.failedCheck}`,
      `${guard.filledQuantity}/${guard.quantity}`,
    ]),
  );
}

function orderLines(orders: readonly OrderBody[]): string {
  return table(
    ['id', 'clientOrderId', 'order', 'status', 'filled', 'average'],
    orders.map((order) => [
      order.id,
      order.clientOrderId,
      `${order.side} ${order.quantity} ${order.exchange}:${order.symbol} ${order.orderType}${order.price === null ? '' : ` ${order.price}`} ${order.product}`,
      order.failedCheck === null ? order.status : `${order.status} ${order.failedCheck}`,
      `${order.filledQuantity}/${order.quantity}`,
      order.averagePrice ?? '',
    ]),
  );
}
