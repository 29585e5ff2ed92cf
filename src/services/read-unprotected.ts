import type { Database } from '../db/client.ts';
import { type Unprotected, readUnprotected } from '../db/stores/protection-store.ts';

/** How much, and for how long, each account's positions are and were without their stops. */
export async function readUnprotectedSeconds(db: Database): Promise<readonly Unprotected[]> {
  return readUnprotected(db);
}
