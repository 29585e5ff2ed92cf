import type { OperationRow, OrderRow } from '../db/account-rows.ts';
import { findOperation, readOrderRows } from '../db/stores/operation-store.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Context } from './context.ts';

export interface OperationStory {
  readonly operation: OperationRow;
  /** Null: it is not about one instrument. */
  readonly instrument: Instrument | null;
  /** Its exits, oldest first. */
  readonly orders: readonly OrderRow[];
}

/** An operation with its exits; null when the account has none with this id. */
export async function readOperation(
  context: Pick<Context, 'db' | 'instruments'>,
  accountId: string,
  operationId: string,
): Promise<OperationStory | null> {
  const operation = await findOperation(context.db, accountId, operationId);
  if (operation === null) return null;
  const { instrumentId, orders: ids } = operation.details;
  const instrument = instrumentId === null ? null : await context.instruments.byId(instrumentId);
  const rows = new Map((await readOrderRows(context.db, accountId, ids)).map((row) => [row.id, row]));
  return { operation, instrument, orders: ids.flatMap((id) => rows.get(id) ?? []) };
}
