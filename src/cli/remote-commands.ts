import path from 'node:path';
import { Argument, type Command, Option } from 'commander';
import {
  type Client,
  type EvidenceBody,
  type NewOrder,
  type OrderBody,
  type PreviewBody,
  createClient,
} from '../client/index.ts';
import { readSecret } from '../runtime/data-dir.ts';
import { configOrExit } from '../runtime/process.ts';
import { newId } from '../time/random.ts';
import { explanation } from './explain.ts';
import { sayOf, table } from './format.ts';
import { addHaltCommands } from './halt-commands.ts';
import { addQueueCommands } from './queue-commands.ts';
import { addReconcileCommands } from './reconcile-commands.ts';

interface PlaceOptions {
  readonly limit?: string;
  readonly trigger?: string;
  readonly stop?: string;
  readonly target?: string;
  readonly product: NewOrder['product'];
  readonly id?: string;
  readonly account?: string;
  readonly strategy?: string;
  readonly reduceOnly?: boolean;
  readonly wait: string;
}

/** Commands that speak to the API of a running Sauda, with the admin token of this machine or ADMIN_TOKEN. */
export function addRemoteCommands(program: Command): void {
  const say = sayOf(program);
  addHaltCommands(program, say, connect);
  addReconcileCommands(program, say, connect);
  addQueueCommands(program, say, connect);

  program
    .command('place')
    .description('place an order: sauda place BUY 10 NSE:RELIANCE --limit 2450 --stop 2430 --target 2491')
    .argument('<side>', 'BUY or SELL')
    .argument('<quantity>', 'units')
    .argument('<instrument>', 'EXCHANGE:SYMBOL')
    .option('--limit <price>', 'limit price; without it the order is a MARKET order')
    .option('--trigger <price>', 'trigger price: SL with a limit, SL-M without')
    .option('--stop <price>', 'stopLoss')
    .option('--target <price>', 'takeProfit')
    .addOption(new Option('--product <product>').choices(['MIS', 'CNC', 'NRML', 'MTF']).default('MIS'))
    .option('--id <clientOrderId>', 'the same id never places twice')
    .option('--account <id>')
    .option('--strategy <id>')
    .option('--reduce-only', 'only lower a position')
    .option('--wait <ms>', 'wait for the fill at most so long', '5000')
    .action(async (side: string, quantity: string, instrument: string, options: PlaceOptions) => {
      const client = await connect();
      const order = await client.placeOrder(newOrder(side, quantity, instrument, options), {
        status: 'FILLED',
        timeoutMs: Math.min(30_000, Math.max(0, Number(options.wait) || 0)),
      });
      say(order, () => orderLines([order]));
    });

  program
    .command('preview')
    .description('what the checks would say of an order, as in place; nothing is stored')
    .argument('<side>', 'BUY or SELL')
    .argument('<quantity>', 'units')
    .argument('<instrument>', 'EXCHANGE:SYMBOL')
    .option('--limit <price>', 'limit price; without it the order is a MARKET order')
    .option('--trigger <price>', 'trigger price: SL with a limit, SL-M without')
    .option('--stop <price>', 'stopLoss')
    .option('--target <price>', 'takeProfit')
    .addOption(new Option('--product <product>').choices(['MIS', 'CNC', 'NRML', 'MTF']).default('MIS'))
    .option('--account <id>')
    .option('--strategy <id>')
    .option('--reduce-only', 'only lower a position')
    .action(async (side: string, quantity: string, instrument: string, options: PlaceOptions) => {
      const preview = await (await connect()).previewOrder(newOrder(side, quantity, instrument, options));
      say(preview, () => previewLines(preview));
      if (!preview.passes) process.exitCode = 1;
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
            ['at', 'event', 'from', 'to', 'by'],
            order.timeline.map((step) => [step.at, step.event, step.from ?? '', step.to ?? '', step.actor]),
          ),
          ...(order.guards.length === 0 ? [] : ['', 'its protection', orderLines(order.guards)]),
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
          ['symbol', 'product', 'quantity', 'average', 'last', 'P&L', 'charges', 'net'],
          page.items.map((position) => [
            `${position.exchange}:${position.symbol}`,
            position.product,
            String(position.quantity),
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

  program
    .command('token')
    .description('bearer tokens')
    .command('create')
    .description('make a token; it is shown once')
    .requiredOption('--name <name>')
    .addOption(
      new Option('--role <role>').choices(['viewer', 'trader', 'operator', 'admin']).makeOptionMandatory(),
    )
    .option('--account <id>')
    .option('--strategy <id>')
    .action(async (options: { name: string; role: 'viewer'; account?: string; strategy?: string }) => {
      const token = await (
        await connect()
      ).createToken({
        name: options.name,
        role: options.role,
        ...(options.account === undefined ? {} : { accountId: options.account }),
        ...(options.strategy === undefined ? {} : { strategyId: options.strategy }),
      });
      say(token, () => token.token);
    });
}

async function connect(): Promise<Client> {
  const config = configOrExit();
  const token = config.adminToken ?? (await readSecret(path.join(config.dataDir, 'admin.token')));
  const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host;
  return createClient({ baseUrl: `http://${host}:${config.port}`, token: token ?? '' });
}

function newOrder(side: string, quantity: string, instrument: string, options: PlaceOptions): NewOrder {
  const [exchange = '', symbol = ''] = instrument.split(':');
  const { limit, trigger } = options;
  const stopType = limit === undefined ? 'SL-M' : 'SL';
  const plainType = limit === undefined ? 'MARKET' : 'LIMIT';
  return {
    clientOrderId: options.id ?? `cli-${newId().slice(-12)}`,
    exchange: symbol === '' ? 'NSE' : exchange,
    symbol: symbol === '' ? exchange : symbol,
    side: side.toUpperCase() as NewOrder['side'],
    quantity: Number(quantity),
    orderType: trigger === undefined ? plainType : stopType,
    product: options.product,
    ...(limit === undefined ? {} : { price: limit }),
    ...(trigger === undefined ? {} : { triggerPrice: trigger }),
    ...(options.stop === undefined ? {} : { stopLoss: options.stop }),
    ...(options.target === undefined ? {} : { takeProfit: options.target }),
    ...(options.account === undefined ? {} : { accountId: options.account }),
    ...(options.strategy === undefined ? {} : { strategyId: options.strategy }),
    ...(options.reduceOnly === true ? { reduceOnly: true } : {}),
  };
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
function evidenceLines({ reads, readCount, cleanCount, candidates }: EvidenceBody): string {
  const [newest] = reads;
  const found = reads.filter((read) => read.found).length;
  return [
    `${readCount} reads of the book looked for it, ${cleanCount} of them whole; ${found} of the newest ${reads.length} held it${newest === undefined ? '' : `; the last began ${newest.startedAt}`}`,
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
