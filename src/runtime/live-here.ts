import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { isLiveConfirmed, liveAppOf } from '../services/confirm-live.ts';

/** Real orders were not confirmed; the message says how. */
export class LiveNotConfirmedError extends Error {
  override readonly name = 'LiveNotConfirmedError';

  constructor() {
    super(
      'BROKER=kite places real orders with real money, and nobody has confirmed that for this ZERODHA_API_KEY.\n' +
        'Read "Safety first" in README.md, then run: sauda live confirm',
    );
  }
}

/** Throws LiveNotConfirmedError where real orders would go out that nobody has confirmed. On paper it is silent. */
export async function requireLiveConfirmed(config: Config, database: Database): Promise<void> {
  const app = liveAppIn(config);
  if (app !== null && !(await isLiveConfirmed(database, app))) throw new LiveNotConfirmedError();
}

/** The app that real orders go through; null: on paper there is none. */
export function liveAppIn({ broker, zerodha }: Config): string | null {
  return broker === 'kite' && zerodha !== null ? liveAppOf(zerodha.apiKey) : null;
}
