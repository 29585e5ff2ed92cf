import { createHmac } from 'node:crypto';
import type { AlertSeverity } from '../domain/alert-delivery.ts';
import { type AlertChannel, type AlertMessage, ChannelError } from './port.ts';

export interface WebhookOptions {
  /** May hold a secret in its path: never logged, never shown. */
  readonly url: string;
  readonly secret: string;
  readonly minimumSeverity: AlertSeverity;
  /** For one call, until its status is there. */
  readonly timeoutMs: number;
  /** Stands first in what is sent, so that nobody takes paper for money. */
  readonly mode: 'PAPER' | 'LIVE';
  readonly now: () => Date;
}

/**
 * Posts each alert as JSON to one address. `X-Sauda-Signature: v1=HEX` is the HMAC-SHA256 of "TIMESTAMP.BODY" with the
 * shared secret, `X-Sauda-Timestamp` its Unix second, `X-Sauda-Delivery` the id that stays the same when a delivery is
 * tried again. Any 2xx is a receipt; a redirect is a failure, since the signature was meant for this address alone.
 */
export function createWebhookChannel(options: WebhookOptions): AlertChannel {
  return {
    name: 'webhook',
    minimumSeverity: options.minimumSeverity,
    deliver: async (alert, signal) => {
      const body = JSON.stringify(bodyOf(alert, options.mode));
      const timestamp = String(Math.floor(options.now().getTime() / 1000));
      const response = await post(options, signal, {
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'sauda',
          'x-sauda-delivery': alert.deliveryId,
          'x-sauda-timestamp': timestamp,
          'x-sauda-signature': `v1=${signatureOf(options.secret, timestamp, body)}`,
        },
      });
      // What the receiver says beyond its status is not read: it could be of any length.
      await response.body?.cancel().catch(() => undefined);
      if (!response.ok) throw new ChannelError(`the receiver answered ${response.status}`);
    },
  };
}

/** What a receiver computes to know that a call came from us. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

function bodyOf(alert: AlertMessage, mode: WebhookOptions['mode']): Record<string, unknown> {
  const { deliveryId, alertId, at, ...rest } = alert;
  return { mode, deliveryId, id: alertId, ...rest, at: at.toISOString() };
}

async function post(
  { url, timeoutMs }: WebhookOptions,
  signal: AbortSignal,
  call: { readonly body: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(url, {
      method: 'POST',
      ...call,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
  } catch (error) {
    if (timeout.aborted) throw new ChannelError(`no answer within ${timeoutMs} ms`);
    if (signal.aborted) throw new ChannelError('stopped before the receiver answered');
    throw new ChannelError(`not reachable: ${codeOf(error)}`);
  }
}

/** Of a failed call its code alone ("ECONNREFUSED"): the words of the error may repeat the address. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'the connection failed';
}
