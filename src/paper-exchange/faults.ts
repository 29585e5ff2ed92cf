import { err, ok, type Result } from '../lib/result.ts';
import type { ErrorType } from './kite-error.ts';
import type { Random } from './prng.ts';
import { isRecord } from './settings.ts';

const CALLS = [
  'placeOrder',
  'modifyOrder',
  'cancelOrder',
  'orders',
  'trades',
  'orderHistory',
  'positions',
  'holdings',
  'margins',
  'quote',
  'instruments',
  'orderMargins',
  'session',
  'profile',
  'placeGtt',
  'modifyGtt',
  'cancelGtt',
  'gtts',
] as const;
export type Call = (typeof CALLS)[number];

/** What goes wrong. The names say whether the request was taken. */
const FAULT_KINDS = [
  'acceptThenTimeout',
  'acceptThenReset',
  'timeout',
  'reset',
  'refuse',
  'serverErrorAfterAccept',
  'serverError',
  'rateLimited',
  'forbidden',
  'htmlOk',
  'htmlOkAfterAccept',
  'badRequestTimedOutAfterAccept',
  'lateVisibility',
  'slow',
  'emptyList',
  'truncated',
  'rejectAtExchange',
] as const;
type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly id: string;
  readonly call: Call | 'any';
  readonly kind: FaultKind;
  /** How many more times; -1 is for ever. */
  remaining: number;
  hits: number;
  readonly delayMs: number;
  readonly message: string | null;
  readonly errorType: ErrorType;
  /** Only calls of this user; null is everybody. */
  readonly user: string | null;
  readonly probability: number;
  /** lateVisibility: the request is not answered either. */
  readonly silent: boolean;
}

const ERROR_TYPES: readonly ErrorType[] = [
  'TokenException',
  'UserException',
  'OrderException',
  'InputException',
  'MarginException',
  'HoldingException',
  'NetworkException',
  'DataException',
  'GeneralException',
  'PermissionException',
];
const MAX_FAULTS = 1000;
const MAX_DELAY_MS = 3_600_000;
const DEFAULT_DELAY_MS = 1000;
const WRITES: ReadonlySet<Call | 'any'> = new Set(['placeOrder', 'modifyOrder', 'cancelOrder', 'any']);
const GTT_WRITES: ReadonlySet<Call> = new Set(['placeGtt', 'modifyGtt', 'cancelGtt']);
const FIELDS = new Set([
  'call',
  'kind',
  'count',
  'delayMs',
  'message',
  'errorType',
  'user',
  'probability',
  'silent',
]);

/** The faults that are waiting, first in first out. */
export class Faults {
  private readonly list: Fault[] = [];
  private readonly random: Random;
  private lastId = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Adds a fault from the control port's JSON; an error text names the bad field. */
  add(body: unknown): Result<Fault, string> {
    if (this.list.length >= MAX_FAULTS) return err(`there are ${MAX_FAULTS} faults already`);
    const parsed = parseFault(body, String(this.lastId + 1));
    if (!parsed.ok) return parsed;
    this.lastId += 1;
    this.list.push(parsed.value);
    return parsed;
  }

  /** The fault that strikes this call, if any; it is used up by one. */
  take(call: Call, user: string): Fault | null {
    for (const fault of this.list) {
      if (fault.call !== 'any' && fault.call !== call) continue;
      if (fault.user !== null && fault.user !== user) continue;
      if (!strikes(fault.kind, call)) continue;
      if (fault.probability < 1 && this.random() >= fault.probability) continue;
      fault.hits += 1;
      if (fault.remaining > 0) fault.remaining -= 1;
      if (fault.remaining === 0) this.list.splice(this.list.indexOf(fault), 1);
      return fault;
    }
    return null;
  }

  remove(id: string): boolean {
    const index = this.list.findIndex((fault) => fault.id === id);
    if (index === -1) return false;
    this.list.splice(index, 1);
    return true;
  }

  clear(): void {
    this.list.length = 0;
  }

  all(): readonly Fault[] {
    return this.list;
  }
}

/** Some kinds mean something for some calls only; under `any` they wait for one of those. */
function strikes(kind: FaultKind, call: Call): boolean {
  if (kind === 'lateVisibility') return call === 'placeOrder';
  if (kind === 'rejectAtExchange') return WRITES.has(call);
  if (kind === 'emptyList') return !WRITES.has(call) && !GTT_WRITES.has(call);
  return true;
}

function parseFault(body: unknown, id: string): Result<Fault, string> {
  if (!isRecord(body)) return err('a fault is a JSON object');
  const unknown = Object.keys(body).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) return err(`unknown field ${unknown}`);
  const call = [...CALLS, 'any' as const].find((name) => name === body['call']);
  if (call === undefined) return err(`call must be one of ${CALLS.join(', ')}, any`);
  const kind = FAULT_KINDS.find((name) => name === body['kind']);
  if (kind === undefined) return err(`kind must be one of ${FAULT_KINDS.join(', ')}`);
  if (call !== 'any' && !strikes(kind, call)) return err(`kind ${kind} cannot strike ${call}`);
  const { count = 1, delayMs = DEFAULT_DELAY_MS, probability = 1, silent = false } = body;
  if (!isInteger(count) || (count < 1 && count !== -1))
    return err('count must be -1 or a whole number from 1');
  if (!isInteger(delayMs) || delayMs < 0 || delayMs > MAX_DELAY_MS) {
    return err(`delayMs must be a whole number from 0 to ${MAX_DELAY_MS}`);
  }
  if (typeof probability !== 'number' || !(probability > 0 && probability <= 1)) {
    return err('probability must be above 0 and at most 1');
  }
  if (typeof silent !== 'boolean') return err('silent must be true or false');
  const { message = null, user = null } = body;
  if (message !== null && typeof message !== 'string') return err('message must be a text');
  if (user !== null && typeof user !== 'string') return err('user must be a text');
  const errorType = ERROR_TYPES.find((name) => name === (body['errorType'] ?? 'InputException'));
  if (errorType === undefined) return err(`errorType must be one of ${ERROR_TYPES.join(', ')}`);
  return ok({
    id,
    call,
    kind,
    remaining: count,
    hits: 0,
    delayMs,
    message,
    errorType,
    user,
    probability,
    silent,
  });
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}
