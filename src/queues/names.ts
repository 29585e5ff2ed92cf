import { err, ok, type Result } from '../lib/result.ts';

/**
 * The queues and what their jobs carry: ids only, never state. A job says "look"; its handler loads the row, decides
 * again and writes. Everything here may be lost (FLUSHALL) and may arrive twice.
 */
export const QUEUE_NAMES = [
  'validate',
  'submit',
  'exit',
  'command',
  'operation',
  'poll',
  'reconcile',
  'mark',
  'risk',
  'alert',
] as const;

export type QueueName = (typeof QUEUE_NAMES)[number];

export interface OrderPayload {
  readonly accountId: string;
  readonly orderId: string;
}

export interface OperationPayload {
  readonly accountId: string;
  readonly operationId: string;
}

export interface AccountPayload {
  readonly accountId: string;
}

export interface ChannelPayload {
  readonly channel: string;
}

export interface Payloads {
  readonly validate: OrderPayload;
  readonly submit: OrderPayload;
  /** Exits, which must not wait behind entries. */
  readonly exit: OrderPayload;
  /** Cancels and modifies of an order that is at the broker; nor must these. */
  readonly command: OrderPayload;
  /** Halts and flattens. */
  readonly operation: OperationPayload;
  readonly poll: AccountPayload;
  readonly reconcile: AccountPayload;
  readonly mark: AccountPayload;
  readonly risk: AccountPayload;
  readonly alert: ChannelPayload;
}

/** Which fields each payload has; a queue added to the union must be added here. */
const FIELDS = {
  validate: ['accountId', 'orderId'],
  submit: ['accountId', 'orderId'],
  exit: ['accountId', 'orderId'],
  command: ['accountId', 'orderId'],
  operation: ['accountId', 'operationId'],
  poll: ['accountId'],
  reconcile: ['accountId'],
  mark: ['accountId'],
  risk: ['accountId'],
  alert: ['channel'],
} as const satisfies { [Name in QueueName]: readonly (keyof Payloads[Name])[] };

const MAX_ID_LENGTH = 64;
const JOB_ID = /^[A-Za-z0-9._-]{1,150}$/;
const ONLY_DIGITS = /^\d+$/;

/** The id of an order's job, or of a command's by its calls: a new version is new work, the same twice is the same. */
export function orderJobId(orderId: string, version: number): string {
  return `${orderId}-${version}`;
}

/** BullMQ refuses a colon and a whole number as an id; other characters have no business in one. */
export function isJobId(text: string): boolean {
  return JOB_ID.test(text) && !ONLY_DIGITS.test(text);
}

/** Reads what a job of another process, perhaps of another version, carries; other fields are dropped. */
export function parsePayload<Name extends QueueName>(
  name: Name,
  data: unknown,
): Result<Payloads[Name], string> {
  if (typeof data !== 'object' || data === null) return err(`a job of ${name} carries no object`);
  const payload: Record<string, string> = {};
  for (const field of FIELDS[name]) {
    const value: unknown = Reflect.get(data, field);
    if (typeof value !== 'string' || value === '' || value.length > MAX_ID_LENGTH) {
      return err(`a job of ${name} carries no ${field}`);
    }
    payload[field] = value;
  }
  return ok(payload as unknown as Payloads[Name]);
}
