import { createHash, randomBytes } from 'node:crypto';
import type { SignalHookRow } from '../db/account-rows.ts';
import type { SignalBounds } from '../domain/signal.ts';
import type { Context } from './context.ts';
import { registerStrategy } from './place-order.ts';

/** 192 bits: the address is the secret, since a charting service can send no header. */
const SECRET_BYTES = 24;

export interface CreateSignalHook extends SignalBounds {
  readonly accountId: string;
  readonly actor: string;
  readonly name: string;
  readonly strategyId: string;
}

/** The sha256 (hex) by which a hook is found. */
export function signalTokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/**
 * Makes an address for alerts, bound to a strategy, instruments and a size. The secret part is in the answer and nowhere
 * else: only its sha256 is stored. Throws UnknownAccountError.
 */
export async function createSignalHook(
  context: Pick<Context, 'withAccount' | 'newId'>,
  { accountId, actor, name, strategyId, instruments, maxQuantity, maxAgeMs }: CreateSignalHook,
): Promise<{ readonly hook: SignalHookRow; readonly token: string }> {
  const id = context.newId();
  const token = randomBytes(SECRET_BYTES).toString('base64url');
  const hook = await context.withAccount({
    accountId,
    actor,
    needs: { strategies: true },
    run: (view) => {
      registerStrategy(view, strategyId);
      const bounds = { instruments: [...instruments], maxQuantity, maxAgeMs };
      const row = {
        ...{ accountId, id, name, strategyId, ...bounds },
        ...{ tokenHash: signalTokenHash(token), settled: [], createdAt: view.now, revokedAt: null },
      };
      view.putSignalHook(row, 'SignalHookCreated', { name, strategyId, ...bounds });
      return row;
    },
  });
  return { hook, token };
}
