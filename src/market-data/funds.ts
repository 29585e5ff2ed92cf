import type { BrokerPort } from '../broker/port.ts';
import type { Database } from '../db/client.ts';
import { type Exchange } from '../domain/instrument.ts';
import type { Decimal } from '../domain/money.ts';

export type FundsSegment = 'equity' | 'commodity';

/** MCX has funds of its own; everything else uses the equity segment (kite.md section 3.1). */
export function fundsSegmentOf(exchange: Exchange): FundsSegment {
  return exchange === 'MCX' ? 'commodity' : 'equity';
}

/** The broker's funds as of the start of the read that brought them (database clock). */
export interface FundsSnapshot {
  readonly net: Decimal;
  readonly readAt: Date;
  readonly ageMs: number;
}

export interface FundsReader {
  /** The newest snapshot this process knows, of any age; null when there is none. */
  peek(accountId: string, segment: FundsSegment): FundsSnapshot | null;
  /** Reads the broker's funds unless a snapshot is younger than `maxAgeMs`; resolves in any case. */
  refresh(accountId: string, maxAgeMs: number): Promise<void>;
}

export interface FundsReaderOptions {
  readonly db: Database;
  readonly broker: (accountId: string) => BrokerPort;
  readonly monotonicMs: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

interface Kept {
  readonly net: Decimal;
  readonly readAt: Date;
  readonly atMs: number;
}

export function createFundsReader({ db, broker, monotonicMs, log }: FundsReaderOptions): FundsReader {
  const kept = new Map<string, Kept>();
  const reading = new Map<string, Promise<void>>();

  const read = async (accountId: string): Promise<void> => {
    try {
      const clock = await db.reads.query<{ now: Date }>('select sauda.clock() as now');
      const readAt = clock.rows[0]?.now ?? new Date(0);
      const atMs = monotonicMs();
      const funds = await broker(accountId).getMargins();
      const rows = (['equity', 'commodity'] as const).flatMap((segment) => {
        const net = funds[segment]?.net;
        if (net === undefined) return [];
        kept.set(`${accountId}/${segment}`, { net, readAt, atMs });
        return [{ account_id: accountId, segment, net: net.toFixed(4), read_at: readAt.toISOString() }];
      });
      await storeFunds(db, rows);
    } catch (error) {
      log.warn({ err: error, accountId }, 'funds could not be read from the broker');
    }
  };

  return {
    peek: (accountId, segment) => {
      const snapshot = kept.get(`${accountId}/${segment}`);
      return snapshot === undefined
        ? null
        : { net: snapshot.net, readAt: snapshot.readAt, ageMs: monotonicMs() - snapshot.atMs };
    },
    refresh: async (accountId, maxAgeMs) => {
      const newest = kept.get(`${accountId}/equity`) ?? kept.get(`${accountId}/commodity`);
      if (newest !== undefined && monotonicMs() - newest.atMs <= maxAgeMs) return;
      const running = reading.get(accountId) ?? read(accountId).finally(() => reading.delete(accountId));
      reading.set(accountId, running);
      await running;
    },
  };
}

async function storeFunds(db: Database, rows: readonly Record<string, unknown>[]): Promise<void> {
  if (rows.length === 0) return;
  await db.beats.query({
    name: 'sauda_store_funds',
    text: `insert into broker_funds as f (account_id, segment, net, read_at)
      select s.account_id, s.segment, s.net, s.read_at
      from json_populate_recordset(null::broker_funds, $1::json) s
      on conflict (account_id, segment) do update set net = excluded.net, read_at = excluded.read_at
      where excluded.read_at >= f.read_at`,
    values: [JSON.stringify(rows)],
  });
}
