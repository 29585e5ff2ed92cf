import { control, userOf } from './book.ts';
import type { Pipeline } from '../pipeline.ts';

export interface OutsideOrder {
  readonly symbol?: string;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: number;
  /** LIMIT at this price; MARKET without one. */
  readonly price?: string;
  readonly product?: string;
  /** program: it carries `tag`. */
  readonly as?: 'app' | 'rms' | 'program';
  readonly tag?: string;
}

/** What happens at the broker without the OMS: the account's user in the app, RMS, the exchange. */
export interface Outside {
  /** Places an order and gives its broker order id. */
  place(order: OutsideOrder): Promise<string>;
  cancel(brokerOrderId: string): Promise<void>;
  modify(brokerOrderId: string, terms: Readonly<Record<string, string>>): Promise<void>;
  /** RMS squares off every MIS position of the user. */
  squareOff(): Promise<void>;
  /** The book shows this word in place of the order's status; null: the status again. */
  show(brokerOrderId: string, status: string | null): Promise<void>;
  /** Ends a live order as the exchange does. */
  end(brokerOrderId: string, status: 'REJECTED' | 'CANCELLED', message: string): Promise<void>;
  execute(brokerOrderId: string, quantity: number, price: string): Promise<void>;
  correctTrade(tradeId: string, quantity: number, price: string): Promise<void>;
  bustTrade(tradeId: string): Promise<void>;
}

export function outsideOf(pipeline: Pipeline, account = 'main'): Outside {
  const { exchange } = pipeline;
  const user = userOf(account);
  const post = (path: string, body: object = {}) => control(exchange, 'POST', path, body);
  /** As the user's own app: Kite's wire with the user's token. */
  const app = async (
    method: string,
    brokerOrderId: string,
    terms: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const token = user === 'PAPER' ? 'paper' : `paper-${user}`;
    const response = await fetch(`${exchange.url}/orders/regular/${brokerOrderId}`, {
      method,
      headers: {
        authorization: `token paper:${token}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(method === 'PUT' ? { body: new URLSearchParams(terms) } : {}),
    });
    if (response.status !== 200) throw new Error(`${method} ${brokerOrderId}: ${await response.text()}`);
  };
  return {
    place: async ({ symbol = 'RELIANCE', side, quantity, price, product = 'MIS', as = 'app', tag }) => {
      const answer = await post('/orders', {
        ...{ user, as, quantity, product, exchange: 'NSE', tradingsymbol: symbol, transaction_type: side },
        ...(price === undefined ? { order_type: 'MARKET' } : { order_type: 'LIMIT', price }),
        ...(tag === undefined ? {} : { tag }),
      });
      return String(answer['order_id']);
    },
    cancel: (id) => app('DELETE', id),
    modify: (id, terms) => app('PUT', id, terms),
    squareOff: async () => {
      await post(`/square-off/${user}`);
    },
    show: async (id, status) => {
      await post(`/orders/${id}/show`, { status });
    },
    end: async (id, status, message) => {
      await post(`/orders/${id}/status`, { status, message });
    },
    execute: async (id, quantity, price) => {
      await post(`/orders/${id}/execute`, { quantity, price });
    },
    correctTrade: async (id, quantity, price) => {
      await post(`/trades/${id}/correct`, { quantity, price });
    },
    bustTrade: async (id) => {
      await post(`/trades/${id}/bust`);
    },
  };
}
