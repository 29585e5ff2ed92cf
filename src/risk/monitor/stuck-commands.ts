import { type MonitorRule, seconds } from './monitor.ts';

/** A cancel or a modify that is not done after this is told, milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * A cancel or a modify that comes to no end, whatever it waits for: a login, the broker, a book that can not be read
 * (design.md invariant 7). A cancel leaves an order working that nobody wants.
 */
export const stuckCommands: MonitorRule = {
  name: 'STUCK_COMMANDS',
  run: ({ commands }) =>
    commands.flatMap(({ id, kind, orderId, clientOrderId, symbol, side, quantity, status, ageMs }) => {
      // Of an order in doubt it waits by design; the doubt has alerts of its own.
      if (ageMs <= PATIENCE_MS || status === 'UNKNOWN') return [];
      const verb = kind === 'CANCEL' ? 'cancel' : 'modify';
      return [
        {
          condition: `risk:command_stuck:${id}`,
          type: 'command_stuck',
          severity: kind === 'CANCEL' ? ('CRITICAL' as const) : ('WARNING' as const),
          message: `${side} ${quantity} ${symbol} (${clientOrderId}) is ${status}: a ${verb} of it has not come to an end for ${seconds(ageMs)}, over ${seconds(PATIENCE_MS)}`,
          details: { commandId: id, command: kind, status, ageMs },
          orderId,
        },
      ];
    }),
};
