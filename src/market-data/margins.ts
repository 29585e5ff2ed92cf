import type { BrokerOrderRequest, BrokerPort } from '../broker/port.ts';
import { type Instrument, isEquity, isOption } from '../domain/instrument.ts';
import { type Decimal, decimal } from '../domain/money.ts';
import type { Order } from '../domain/order.ts';

/**
 * What the broker blocks for an order, per unit (trading.md section 3, BALANCE). Delivery shares and bought options
 * cost their value. Intraday shares cost a share of it that the broker names, 20% while it can not be asked.
 * Sold options and futures need the broker's figure; without a fresh one there is none.
 */
export interface MarginReader {
  /** Rupees per unit at `value` rupees per unit; null: no figure. Never calls the broker. */
  peek(order: Order, instrument: Instrument, valuePerUnit: Decimal): Decimal | null;
  /** False when the broker should be asked before the order is judged: its figure is missing or has grown old. */
  isKnown(order: Order, instrument: Instrument): boolean;
  /** Asks the broker when `peek` needs a figure it does not have; resolves in any case. */
  refresh(order: Order, instrument: Instrument, valuePerUnit: Decimal): Promise<void>;
  /** Rupees the order would block beside all that is held, as the broker said lately; null: no figure. */
  readonly peekAdded: (order: Order) => Decimal | null;
  /** Asks the broker for that when there is no figure or an old one; resolves in any case. */
  readonly refreshAdded: (order: Order, price: Decimal) => Promise<void>;
}

const INTRADAY_FLOOR = decimal('0.2');
const INTRADAY_KEEP_MS = 600_000;
const BASKET_KEEP_MS = 5000;
/** Figures of orders of one moment: old ones are worth nothing. */
const ADDED_AT_MOST = 1000;

interface Kept {
  /** Share of value for intraday shares; rupees per unit for the rest. */
  readonly figure: Decimal;
  readonly atMs: number;
}

type Kind = 'value' | 'intraday' | 'broker';

function kindOf(order: Order, instrument: Instrument): Kind {
  if (isEquity(instrument.exchange)) return order.product === 'MIS' ? 'intraday' : 'value';
  return isOption(instrument.instrumentType) && order.side === 'BUY' ? 'value' : 'broker';
}

export function createMarginReader(
  broker: (accountId: string) => BrokerPort,
  monotonicMs: () => number,
  log: { warn(fields: object, message: string): void },
): MarginReader {
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<void>>();
  const added = new Map<string, Kept>();
  const addedKeyOf = (order: Order) => `${keyOf(order)}/${order.quantity}`;
  const peekAdded = (order: Order): Decimal | null => {
    const found = added.get(addedKeyOf(order));
    return found !== undefined && monotonicMs() - found.atMs <= BASKET_KEEP_MS ? found.figure : null;
  };
  const keyOf = (order: Order) => `${order.accountId}/${order.instrumentId}/${order.product}/${order.side}`;
  const fresh = (order: Order, keepMs: number): Decimal | null => {
    const found = kept.get(keyOf(order));
    return found !== undefined && monotonicMs() - found.atMs <= keepMs ? found.figure : null;
  };

  const ask = async (order: Order, kind: Kind, value: Decimal, price: Decimal): Promise<void> => {
    const atMs = monotonicMs();
    try {
      const [total] = await broker(order.accountId).getOrderMargins([marginRequest(order, price)]);
      if (total === undefined || total.lte(0)) return;
      const perUnit = total.div(order.quantity);
      kept.set(keyOf(order), { figure: kind === 'intraday' ? perUnit.div(value) : perUnit, atMs });
    } catch (error) {
      // An unreachable calculator must not be asked before every order.
      if (kind === 'intraday')
        kept.set(keyOf(order), { figure: INTRADAY_FLOOR, atMs: atMs - INTRADAY_KEEP_MS + 30_000 });
      log.warn({ err: error, orderId: order.id }, 'the margin could not be read from the broker');
    }
  };

  const isKnown = (order: Order, instrument: Instrument): boolean => {
    const kind = kindOf(order, instrument);
    return kind === 'value' || fresh(order, kind === 'intraday' ? INTRADAY_KEEP_MS : BASKET_KEEP_MS) !== null;
  };

  return {
    peek: (order, instrument, valuePerUnit) => {
      switch (kindOf(order, instrument)) {
        case 'value':
          return valuePerUnit;
        case 'intraday':
          return valuePerUnit.times(fresh(order, INTRADAY_KEEP_MS) ?? INTRADAY_FLOOR);
        case 'broker':
          return fresh(order, BASKET_KEEP_MS);
      }
    },
    isKnown,
    peekAdded,
    refreshAdded: async (order, price) => {
      if (peekAdded(order) !== null) return;
      const atMs = monotonicMs();
      try {
        const figure = await broker(order.accountId).getAddedMargin(marginRequest(order, price));
        if (added.size >= ADDED_AT_MOST) added.clear();
        added.set(addedKeyOf(order), { figure, atMs });
      } catch (error) {
        log.warn({ err: error, orderId: order.id }, 'the margin beside what is held could not be read');
      }
    },
    refresh: async (order, instrument, valuePerUnit) => {
      if (isKnown(order, instrument)) return;
      const kind = kindOf(order, instrument);
      const key = keyOf(order);
      // The broker is asked by the price of the contract, which the value holds times its multiplier.
      const price = valuePerUnit.div(instrument.multiplier ?? 1);
      const running =
        asking.get(key) ?? ask(order, kind, valuePerUnit, price).finally(() => asking.delete(key));
      asking.set(key, running);
      await running;
    },
  };
}

function marginRequest(order: Order, price: Decimal): BrokerOrderRequest {
  return {
    variety: order.variety,
    exchange: order.exchange,
    tradingsymbol: order.symbol,
    transactionType: order.side,
    orderType: 'LIMIT',
    product: order.product,
    validity: 'DAY',
    quantity: order.quantity,
    price: price.toDecimalPlaces(4),
  };
}
