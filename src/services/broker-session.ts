import {
  type BrokerSessionRow,
  expireBrokerSession,
  readBrokerSession,
} from '../db/stores/broker-session-store.ts';
import type { Sealer } from '../lib/sealer.ts';
import type { Clock } from '../time/clock.ts';
import type { Context, Log } from './context.ts';

/** How long a token that was read is used; another process learns of a login by then. */
const KEEP_MS = 1000;

export interface BrokerSessions {
  /** The account's token of today, in clear, for one call; "" when nobody is logged in. Never throws. */
  token(accountId: string): Promise<string>;
  /** The broker refused this token: its session is over, and no call is made with it again. */
  refused(accountId: string, token: string): Promise<void>;
}

export interface BrokerSessionsOptions {
  readonly db: Context['db'];
  readonly withAccount: Context['withAccount'];
  readonly sealer: Sealer;
  readonly apiKey: string;
  /** Of the configuration, used while nobody has logged in; null: none. */
  readonly fallback: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly actor: string;
}

/** What a sealed token belongs to: it opens for this account, broker and app alone. */
export function brokerSessionContext({
  accountId,
  broker,
  apiKey,
}: Pick<BrokerSessionRow, 'accountId' | 'broker' | 'apiKey'>): string {
  return `sauda/broker-session/${broker}/${apiKey}/${accountId}`;
}

/** The sessions of one process: rows are the truth, and clear text is nowhere but in memory. */
export function createBrokerSessions(options: BrokerSessionsOptions): BrokerSessions {
  const { db, sealer, apiKey, fallback, clock, log, actor } = options;
  const known = new Map<
    string,
    { readonly token: string; readonly sealed: string | null; readonly untilMs: number }
  >();
  const unreadable = new Set<string>();

  const open = (row: BrokerSessionRow | null, accountId: string): string => {
    if (row === null) return fallback ?? '';
    const isOver = row.expiresAt === null || row.expiresAt <= clock.now();
    if (row.status !== 'LIVE' || row.accessTokenEncrypted === null || isOver || row.apiKey !== apiKey)
      return '';
    const token = sealer.open(row.accessTokenEncrypted, brokerSessionContext(row));
    if (token === null && !unreadable.has(row.accessTokenEncrypted)) {
      unreadable.add(row.accessTokenEncrypted);
      log.error(
        { accountId, key: row.keyId },
        'the broker session can not be opened with this ENCRYPTION_KEY: log in again',
      );
    }
    return token ?? '';
  };
  const token: BrokerSessions['token'] = async (accountId) => {
    const found = known.get(accountId);
    if (found !== undefined && found.untilMs > clock.monotonicMs()) return found.token;
    try {
      const row = await readBrokerSession(db, accountId);
      const read = { token: open(row, accountId), sealed: row?.accessTokenEncrypted ?? null };
      known.set(accountId, { ...read, untilMs: clock.monotonicMs() + KEEP_MS });
      return read.token;
    } catch (error) {
      // What was read before is good until the broker says otherwise.
      log.warn({ err: error, accountId }, 'the broker session could not be read');
      return found?.token ?? '';
    }
  };
  return {
    token,
    refused: async (accountId, refused) => {
      const found = known.get(accountId);
      if (found?.token !== refused || found.sealed === null) return;
      known.delete(accountId);
      if (!(await expireBrokerSession(db, accountId, found.sealed))) return;
      await options.withAccount({
        accountId,
        actor,
        needs: {},
        run: (view) => view.note('BrokerSessionEnded', accountId, { reason: 'the broker refused its token' }),
      });
    },
  };
}
