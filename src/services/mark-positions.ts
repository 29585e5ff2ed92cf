import { markOpenPositions, readInstrumentsOfInterest } from '../db/stores/mark-store.ts';
import type { Context } from './context.ts';

/**
 * One beat of market data: reads the quotes of everything held or waiting (one call a second at most), then marks
 * open positions to the newest prices in one statement, without any account's lock.
 */
export async function markPositions(context: Context, { pull }: { readonly pull: boolean }): Promise<void> {
  const ids = await readInstrumentsOfInterest(context.db);
  if (ids.length === 0) return;
  if (pull) {
    const instruments = await context.instruments.byIds(ids);
    try {
      await context.prices.pull([...instruments.values()]);
    } catch (error) {
      context.log.warn({ err: error }, 'quotes could not be read; prices grow old');
    }
  }
  await markOpenPositions(context.db);
}
