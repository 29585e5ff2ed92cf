import type { Database } from '../db/client.ts';
import { endLease, takeLease } from '../db/stores/lease-store.ts';

/**
 * A lease is short and prolonged while its work goes on: what a process held that was killed is free again after this,
 * milliseconds. One that was stopped, and wakes after its lease ended, may work beside another: work under a lease must
 * stand that (reads carry their start, rows are decided again under the account's lock).
 */
export const LEASE_MS = 4000;
const PROLONG_EVERY_MS = 1000;

export interface Lease {
  readonly lease: string;
  readonly holder: string;
}

/**
 * Prolongs a lease that was just taken, until `end`; never for longer than `atMostMs`, so that work which does not come
 * back does not keep it for ever.
 */
export function prolongLease(
  db: Database,
  { lease, holder }: Lease,
  atMostMs: number,
): { end(): Promise<void> } {
  const beganMs = performance.now();
  let prolonging: Promise<unknown> = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (performance.now() - beganMs > atMostMs) clearInterval(timer);
    else if (idle) {
      idle = false;
      // Missed, the lease is perhaps lost: then two work, which is allowed.
      prolonging = takeLease(db, lease, holder, LEASE_MS)
        .catch(() => undefined)
        .finally(() => (idle = true));
    }
  }, PROLONG_EVERY_MS);
  return {
    end: async () => {
      clearInterval(timer);
      await prolonging;
    },
  };
}

/** Does `work` under a lease of this name and gives it back; null when somebody else holds it. */
export async function holdLease<T>(
  db: Database,
  { atMostMs, ...lease }: Lease & { readonly atMostMs: number },
  work: () => Promise<T>,
): Promise<T | null> {
  if (!(await takeLease(db, lease.lease, lease.holder, LEASE_MS))) return null;
  const prolonged = prolongLease(db, lease, atMostMs);
  try {
    return await work();
  } finally {
    await prolonged.end();
    await endLease(db, lease.lease, lease.holder);
  }
}
