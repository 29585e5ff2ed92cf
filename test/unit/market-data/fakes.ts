import type { BrokerPort, BrokerQuote } from '../../../src/broker/port.ts';
import type { Database } from '../../../src/db/client.ts';
import { decimal } from '../../../src/domain/money.ts';

type Handler = (values: readonly unknown[]) => readonly object[] | Promise<readonly object[]>;

/** A database that answers its `reads` and `beats` pools by the name, or the text, of a statement; others answer nothing. */
export function fakeDatabase(handlers: Readonly<Record<string, Handler>> = {}) {
  const queries: { readonly name: string; readonly values: readonly unknown[] }[] = [];
  const query = async (
    statement:
      string | { readonly name?: string; readonly text: string; readonly values?: readonly unknown[] },
    more: readonly unknown[] = [],
  ) => {
    const name = typeof statement === 'string' ? statement : (statement.name ?? statement.text);
    const values = typeof statement === 'string' ? more : (statement.values ?? []);
    queries.push({ name, values });
    return { rows: (await handlers[name]?.(values)) ?? [] };
  };
  return { db: { reads: { query }, beats: { query } } as unknown as Database, queries };
}

/** A broker of which a test gives the methods it expects to be called; any other call fails the test. */
export function fakeBroker(methods: Partial<BrokerPort>): BrokerPort {
  return new Proxy({} as BrokerPort, {
    get: (_, name) => {
      const method = methods[name as keyof BrokerPort];
      if (method !== undefined) return method;
      return () => {
        throw new Error(`the broker was not expected to be asked for ${String(name)}`);
      };
    },
  });
}

export function quote(lastPrice: string, changes: Partial<BrokerQuote> = {}): BrokerQuote {
  return {
    lastPrice: decimal(lastPrice),
    previousClose: null,
    bestBid: null,
    bestOffer: null,
    lowerCircuit: null,
    upperCircuit: null,
    at: null,
    ...changes,
  };
}

/** A log that keeps its warnings. */
export function fakeLog() {
  const warnings: string[] = [];
  return { warnings, log: { warn: (_fields: object, message: string) => void warnings.push(message) } };
}

/** A promise that a test settles. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
