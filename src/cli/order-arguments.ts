import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { NewOrder } from '../client/index.ts';
import { PROTECTION_POLICIES } from '../domain/protection-policy.ts';
import { newId } from '../time/random.ts';

/** What `place` and `preview` are told. */
export interface OrderOptions {
  readonly limit?: string;
  readonly trigger?: string;
  readonly stop?: string;
  readonly target?: string;
  readonly product: NewOrder['product'];
  readonly id?: string;
  readonly account?: string;
  readonly strategy?: string;
  readonly reduceOnly?: boolean;
  readonly protection?: NewOrder['protection'];
  readonly trail?: NewOrder['trailingStop'];
  readonly gtt?: boolean;
}

const MAX_WAIT_MS = 30_000;

/** Adds what says which order is meant; what can not be an order is wrong usage (exit code 2). */
export function withOrderArguments(command: Command): Command {
  return command
    .addArgument(new Argument('<side>', 'BUY or SELL').argParser(side))
    .addArgument(new Argument('<quantity>', 'units').argParser(quantity))
    .argument('<instrument>', 'EXCHANGE:SYMBOL')
    .option('--limit <price>', 'limit price; without it the order is a MARKET order', price)
    .option('--trigger <price>', 'trigger price: SL with a limit, SL-M without', price)
    .option('--stop <price>', 'stopLoss', price)
    .option('--target <price>', 'takeProfit', price)
    .addOption(new Option('--product <product>').choices(['MIS', 'CNC', 'NRML', 'MTF']).default('MIS'))
    .option('--account <id>')
    .option('--strategy <id>')
    .option('--reduce-only', 'only lower a position')
    .addOption(
      new Option(
        '--protection <policy>',
        'its stop rests at the exchange, is watched by oms, or there is none; default: as configured',
      ).choices(PROTECTION_POLICIES),
    )
    .option(
      '--trail <distance[:step]>',
      'the stop follows the best price, so many rupees behind it, in steps of so many',
      trail,
    )
    .option('--gtt', 'a GTT at the broker as well, over days');
}

export function newOrder(
  side: NewOrder['side'],
  quantity: number,
  instrument: string,
  options: OrderOptions,
): NewOrder {
  const [exchange = '', symbol = ''] = instrument.split(':');
  const { limit, trigger } = options;
  const stopType = limit === undefined ? 'SL-M' : 'SL';
  const plainType = limit === undefined ? 'MARKET' : 'LIMIT';
  return {
    clientOrderId: options.id ?? `cli-${newId().slice(-12)}`,
    exchange: symbol === '' ? 'NSE' : exchange,
    symbol: symbol === '' ? exchange : symbol,
    side,
    quantity,
    orderType: trigger === undefined ? plainType : stopType,
    product: options.product,
    ...(limit === undefined ? {} : { price: limit }),
    ...(trigger === undefined ? {} : { triggerPrice: trigger }),
    ...(options.stop === undefined ? {} : { stopLoss: options.stop }),
    ...(options.target === undefined ? {} : { takeProfit: options.target }),
    ...(options.account === undefined ? {} : { accountId: options.account }),
    ...(options.strategy === undefined ? {} : { strategyId: options.strategy }),
    ...(options.reduceOnly === true ? { reduceOnly: true } : {}),
    ...(options.protection === undefined ? {} : { protection: options.protection }),
    ...(options.trail === undefined ? {} : { trailingStop: options.trail }),
    ...(options.gtt === true ? { gtt: true } : {}),
  };
}

export function waitMs(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('whole milliseconds.');
  return Math.min(MAX_WAIT_MS, Number(text));
}

function side(text: string): NewOrder['side'] {
  const wanted = text.toUpperCase();
  if (wanted === 'BUY' || wanted === 'SELL') return wanted;
  throw new InvalidArgumentError('BUY or SELL.');
}

function quantity(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new InvalidArgumentError('a whole number from 1.');
  return value;
}

function trail(text: string): NonNullable<NewOrder['trailingStop']> {
  const [distance = '', step = '0', ...more] = text.split(':');
  if (more.length > 0) throw new InvalidArgumentError('a distance, such as 20, or with its step, 20:5.');
  return { distance: price(distance), step: price(step) };
}

function price(text: string): string {
  if (!/^\d{1,12}(\.\d{1,4})?$/.test(text))
    throw new InvalidArgumentError('a price is digits, such as 2450.05.');
  return text;
}
