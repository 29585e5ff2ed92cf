import type { BrokerLogin } from '../api/kite-login.ts';
import { exchangeRequestToken, isPostbackSigned, kiteLoginUrl } from '../broker/kite/login.ts';
import type { Config } from '../config/config.ts';
import { type Sealer, createSealer } from '../lib/sealer.ts';
import { brokerRootOf } from './broker-root.ts';
import { openDataDir, readOrCreateSecret } from './data-dir.ts';

const KEY_FILE = 'encryption.key';
const KEY_BYTES = 32;

/**
 * The key of what is stored encrypted: ENCRYPTION_KEY, or one that is made once and kept 0600 in DATA_DIR; processes
 * that start at once agree on one. Processes that do not share DATA_DIR need ENCRYPTION_KEY.
 */
export async function sealerOf(config: Config): Promise<Sealer> {
  if (config.encryptionKey !== null) return createSealer(config.encryptionKey);
  const directory = await openDataDir(config.dataDir);
  return createSealer(Buffer.from(await readOrCreateSecret(directory, KEY_FILE, KEY_BYTES), 'base64url'));
}

/** Null where there is nothing to log in to: on paper, or without the app's secret. */
export function brokerLoginOf(config: Config, sealer: Sealer | null): BrokerLogin | null {
  const { zerodha } = config;
  if (config.broker !== 'kite' || sealer === null || zerodha === null || zerodha.apiSecret === null)
    return null;
  const { apiKey, apiSecret } = zerodha;
  const root = brokerRootOf(config, null);
  return {
    ...{ broker: 'kite', apiKey, sealer },
    url: (state) => kiteLoginUrl(apiKey, state),
    exchange: (requestToken) =>
      exchangeRequestToken({ apiKey, apiSecret, root, timeoutMs: config.brokerTimeoutMs }, requestToken),
    isPostbackSigned: (of) => isPostbackSigned(of, apiSecret),
  };
}
