import type { Config } from '../config/config.ts';

const KITE_ROOT = 'https://api.kite.trade';

/** Where the broker is: the given root, the built-in paper exchange, or Kite itself. */
export function brokerRootOf(config: Config, paperUrl: string | null): string {
  if (config.kiteApiRoot !== null) return config.kiteApiRoot;
  return config.broker === 'kite' ? KITE_ROOT : (paperUrl ?? `http://127.0.0.1:${config.paper.port}`);
}
