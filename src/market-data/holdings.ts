import type { BrokerPort } from '../broker/port.ts';
import { instrumentKey } from '../domain/instrument.ts';

/** Shares that were in the demat account when the day began, T1 included, by "EXCHANGE:SYMBOL". */
export type Holdings = ReadonlyMap<string, number>;

export interface HoldingsReader {
  /** The newest reading, unless it has grown too old to say anything of today; null: not known. */
  peek(accountId: string): Holdings | null;
  /** False when the broker should be asked before a sale is judged. */
  isKnown(accountId: string): boolean;
  /** Asks the broker unless its answer, or its failure, is young enough; resolves in any case. */
  refresh(accountId: string): Promise<void>;
}

const KEEP_MS = 60_000;
const FORGET_MS = 600_000;
/** A broker that could not be asked is not asked again before every sale. */
const FAILURE_KEEP_MS = 10_000;

export function createHoldingsReader(
  broker: (accountId: string) => BrokerPort,
  monotonicMs: () => number,
  log: { warn(fields: object, message: string): void },
): HoldingsReader {
  const kept = new Map<string, { readonly holdings: Holdings; readonly atMs: number }>();
  const askAgainAtMs = new Map<string, number>();
  const asking = new Map<string, Promise<void>>();

  const ask = async (accountId: string): Promise<void> => {
    const atMs = monotonicMs();
    try {
      const rows = await broker(accountId).getHoldings();
      const holdings = new Map<string, number>();
      for (const { exchange, tradingsymbol: symbol, openingQuantity } of rows) {
        const key = instrumentKey({ exchange, symbol });
        holdings.set(key, (holdings.get(key) ?? 0) + openingQuantity);
      }
      kept.set(accountId, { holdings, atMs });
      askAgainAtMs.set(accountId, atMs + KEEP_MS);
    } catch (error) {
      askAgainAtMs.set(accountId, monotonicMs() + FAILURE_KEEP_MS);
      log.warn({ err: error, accountId }, 'holdings could not be read from the broker');
    }
  };

  const isKnown = (accountId: string) => monotonicMs() < (askAgainAtMs.get(accountId) ?? -Infinity);
  return {
    peek: (accountId) => {
      const found = kept.get(accountId);
      return found !== undefined && monotonicMs() - found.atMs <= FORGET_MS ? found.holdings : null;
    },
    isKnown,
    refresh: async (accountId) => {
      if (isKnown(accountId)) return;
      const running = asking.get(accountId) ?? ask(accountId).finally(() => asking.delete(accountId));
      asking.set(accountId, running);
      await running;
    },
  };
}
