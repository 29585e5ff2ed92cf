import type { AlertChannel } from './port.ts';

export interface AlertLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const LEVELS = { INFO: 'info', WARNING: 'warn', CRITICAL: 'error' } as const;

/** Every alert as a line of the process's log. */
export function createLogChannel(log: AlertLog): AlertChannel {
  return {
    name: 'log',
    minimumSeverity: 'INFO',
    deliver: ({ accountId, alertId, orderId, severity, type, message, reminder }) => {
      const fields = { accountId, alertId, orderId, severity, alertType: type, reminder };
      log[LEVELS[severity]](fields, message);
      return Promise.resolve();
    },
  };
}
