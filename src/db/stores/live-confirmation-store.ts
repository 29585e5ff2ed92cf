import { SYSTEM_ACCOUNT } from '../../domain/ids.ts';
import type { Database } from '../client.ts';

/** What confirmations are kept under in the journal, which is all that is kept of them. */
export const LIVE_ENTITY = 'live';
export const LIVE_CONFIRMED = 'LiveConfirmed';

/** Whether a person confirmed that orders of this app go to the exchange. */
export async function isLiveConfirmed(db: Database, app: string): Promise<boolean> {
  const { rows } = await db.reads.query({
    name: 'sauda_live_confirmed',
    text: `select 1 from journal where account_id = $1 and entity = $2 and kind = $3
      and data::jsonb ->> 'app' = $4 limit 1`,
    values: [SYSTEM_ACCOUNT, LIVE_ENTITY, LIVE_CONFIRMED, app],
  });
  return rows.length > 0;
}
