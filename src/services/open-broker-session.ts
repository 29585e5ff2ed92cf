import { putBrokerSession, readBrokerSession } from '../db/stores/broker-session-store.ts';
import { addDays, formatIst, startOfTradingDay, tradingDayOf } from '../domain/calendar.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { Sealer } from '../lib/sealer.ts';
import { brokerSessionContext } from './broker-session.ts';
import type { Context } from './context.ts';

export interface OpenBrokerSession {
  readonly accountId: string;
  readonly actor: string;
  readonly broker: string;
  readonly apiKey: string;
  /** Whose login it was, as the broker says. */
  readonly brokerUser: string;
  readonly accessToken: string;
  readonly now: Date;
}

/**
 * Keeps what a login brought, encrypted, until 06:00 in India (kite.md section 3.2). OTHER_USER: the account's books are
 * those of another user of the broker, whose orders would be taken for ours. The entry comes first.
 */
export async function openBrokerSession(
  context: Pick<Context, 'db' | 'withAccount' | 'queues'>,
  sealer: Sealer,
  of: OpenBrokerSession,
): Promise<Result<{ readonly expiresAt: Date }, 'OTHER_USER'>> {
  const { accountId, actor, broker, apiKey, brokerUser, accessToken, now } = of;
  const before = await readBrokerSession(context.db, accountId);
  if (before !== null && before.brokerUser !== null && before.brokerUser !== brokerUser)
    return err('OTHER_USER');
  const expiresAt = startOfTradingDay(addDays(tradingDayOf(now), 1));
  await context.withAccount({
    accountId,
    actor,
    needs: {},
    run: (view) =>
      view.note('BrokerSessionOpened', accountId, {
        ...{ broker, brokerUser, keyId: sealer.keyId, expiresAt: formatIst(expiresAt) },
        before: { status: before?.status ?? null },
        after: { status: 'LIVE' },
      }),
  });
  await putBrokerSession(context.db, {
    ...{
      accountId,
      broker,
      brokerUser,
      apiKey,
      keyId: sealer.keyId,
      status: 'LIVE',
      loginAt: now,
      expiresAt,
    },
    accessTokenEncrypted: sealer.seal(accessToken, brokerSessionContext({ accountId, broker, apiKey })),
  });
  // The first read sends what the dead session had put off.
  await context.queues.enqueue('poll', `${accountId}-login`, { accountId });
  return ok({ expiresAt });
}
