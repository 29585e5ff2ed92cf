import type { Config } from '../config/config.ts';
import { createAccountTransactions } from '../db/account-transaction.ts';
import { connectDatabase } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';
import { confirmLive } from '../services/confirm-live.ts';
import { withDatabaseHere } from './database-here.ts';
import { liveAppIn } from './live-here.ts';

/** Writes the confirmation, with nothing but Postgres. False: the configuration is not live, there is nothing to confirm. */
export async function confirmLiveHere(config: Config, actor: string): Promise<boolean> {
  const app = liveAppIn(config);
  if (app === null) return false;
  await withDatabaseHere(config, 'sauda live confirm', async (url) => {
    await migrate(url);
    const database = connectDatabase(url, { applicationName: 'sauda-live' });
    try {
      await confirmLive(createAccountTransactions(database), { app, actor });
    } finally {
      await database.close();
    }
  });
  return true;
}
