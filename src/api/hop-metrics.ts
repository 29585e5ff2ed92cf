import { Histogram, type Registry } from 'prom-client';
import type { JournalLine } from '../services/read-metrics.ts';

/**
 * How long each hop of an order takes, over all worker processes: read from the journal at every scrape, where each
 * step stands with the database's clock, so that no process has to count and none is forgotten. Entries from before the
 * first scrape are not looked at; with several API processes each tells the same, so one of them is scraped.
 */
export interface HopPorts {
  /** Entries after the given numbers, a bounded number of them. */
  readonly readAfter: (seen: ReadonlyMap<string, number>) => Promise<readonly JournalLine[]>;
  readonly readHeads: () => Promise<Map<string, number>>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Pages that one scrape reads; a longer backlog goes on at the next. */
const PAGES = 50;
/** Orders between two of their steps. */
const ORDERS_AT_MOST = 20_000;

/** Which hop ends with an entry, and with which entry it began. */
const ENDS: Readonly<Record<string, { readonly hop: string; readonly from: readonly string[] }>> = {
  OrderValidated: { hop: 'check', from: ['OrderAccepted'] },
  OrderRejected: { hop: 'check', from: ['OrderAccepted'] },
  SubmissionClaimed: { hop: 'claim', from: ['OrderValidated'] },
  OrderSubmitted: { hop: 'broker', from: ['SubmissionClaimed'] },
  SubmissionUnknown: { hop: 'broker', from: ['SubmissionClaimed'] },
};

export function createHopMetrics(registry: Registry, ports: HopPorts | undefined) {
  const hops = new Histogram({
    name: 'sauda_hop_duration_seconds',
    help: 'accept: request to answer; check: accepted to checked; claim: to its claim; broker: to the answer, with the wait for its place in the budget; fill: at the exchange (whole seconds there) to our books',
    labelNames: ['hop'],
    buckets: SECONDS,
    registers: [registry],
  });
  const last = new Map<string, { readonly kind: string; readonly atMs: number }>();
  let seen: Map<string, number> | null = null;

  const take = ({ kind, entity, at, data }: JournalLine): void => {
    const atMs = Date.parse(at);
    const before = last.get(entity);
    const end = ENDS[kind];
    if (end !== undefined && before !== undefined && end.from.includes(before.kind)) {
      hops.observe({ hop: end.hop }, Math.max(0, atMs - before.atMs) / 1000);
    }
    if (kind === 'TradeRecorded' && typeof data['tradedAt'] === 'string') {
      hops.observe({ hop: 'fill' }, Math.max(0, atMs - Date.parse(data['tradedAt'])) / 1000);
    }
    if (kind === 'OrderAccepted' || kind === 'OrderValidated' || kind === 'SubmissionClaimed') {
      if (last.size >= ORDERS_AT_MOST) last.clear();
      last.set(entity, { kind, atMs });
    } else if (end !== undefined) last.delete(entity);
  };

  return {
    accepted: (seconds: number): void => {
      hops.observe({ hop: 'accept' }, seconds);
    },
    /** Reads on from where the last scrape ended. */
    follow: async (): Promise<void> => {
      if (ports === undefined) return;
      if (seen === null) {
        seen = await ports.readHeads();
        return;
      }
      for (let page = 0; page < PAGES; page++) {
        const lines = await ports.readAfter(seen);
        if (lines.length === 0) return;
        for (const line of lines) {
          take(line);
          seen.set(line.accountId, line.seq);
        }
      }
    },
  };
}
