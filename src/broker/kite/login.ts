import { createHash, timingSafeEqual } from 'node:crypto';
import { answerOf, dataOf, toBrokerError } from './faults.ts';
import { asRow, unreadable, word } from './fields.ts';
import { KiteTransport } from './transport.ts';

/** Where people log in with their password and second factor; Kite sends them back to the app's redirect address. */
const LOGIN_PAGE = 'https://kite.zerodha.com/connect/login';

/** The page that a person opens; `state` comes back with the answer (kite.md section 3.2, redirect_params). */
export function kiteLoginUrl(apiKey: string, state: string): string {
  const params = new URLSearchParams({ v: '3', api_key: apiKey });
  params.set('redirect_params', new URLSearchParams({ state }).toString());
  return `${LOGIN_PAGE}?${params.toString()}`;
}

export interface KiteLoginOptions {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly root: string;
  readonly timeoutMs: number;
}

/** Trades a request token, which works once, for the day's access token. Throws BrokerError. */
export async function exchangeRequestToken(
  { apiKey, apiSecret, root, timeoutMs }: KiteLoginOptions,
  requestToken: string,
): Promise<{ readonly brokerUser: string; readonly accessToken: string }> {
  const transport = new KiteTransport({ apiKey, accessToken: '', root, isAnonymous: true });
  try {
    const record = await transport.call(timeoutMs, (client) =>
      client.generateSession(requestToken, apiSecret),
    );
    const answer = answerOf(record);
    if (!answer.ok) throw toBrokerError(answer.error);
    const data = dataOf(answer.value);
    if (!data.ok) throw toBrokerError(data.error);
    const row = asRow(data.value, 'session');
    if (row['api_key'] !== undefined && row['api_key'] !== apiKey) {
      throw unreadable('the session is for another app');
    }
    return { brokerUser: word(row, 'user_id', 'session'), accessToken: word(row, 'access_token', 'session') };
  } finally {
    transport.close();
  }
}

/** Whether whoever wrote it knows the secret. The checksum covers these two fields alone (kite.md section 3.11). */
export function isPostbackSigned(
  of: { readonly orderId: string; readonly orderTimestamp: string; readonly checksum: string },
  apiSecret: string,
): boolean {
  const text = of.orderId + of.orderTimestamp + apiSecret;
  const expected = Buffer.from(createHash('sha256').update(text).digest('hex'));
  const given = Buffer.from(of.checksum.toLowerCase());
  return given.length === expected.length && timingSafeEqual(given, expected);
}
