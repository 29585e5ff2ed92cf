import { decimal, type Decimal, ZERO } from '../../domain/money.ts';
import { BrokerError } from '../errors.ts';
import { parseIst } from './ist.ts';
import { cleanMessage } from './text.ts';

/** Longest id, symbol or word accepted from the broker; real ones are under 40. */
const MAX_WORD_LENGTH = 128;

export type Row = Readonly<Record<string, unknown>>;

/** The answer has not the shape it must have, so none of it is used. */
export function unreadable(message: string, httpStatus = 200): BrokerError {
  return new BrokerError('UNREADABLE', cleanMessage(message), {
    httpStatus,
    retryable: true,
    certainlyNotDone: false,
  });
}

function describe(value: unknown): string {
  if (value === undefined) return 'absent';
  return ((JSON.stringify(value) as string | undefined) ?? typeof value).slice(0, 60);
}

function wrong(where: string, key: string, must: string, value: unknown): BrokerError {
  return unreadable(`${where}.${key} must be ${must}, but is ${describe(value)}`);
}

export function asRow(value: unknown, where: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadable(`${where} must be an object, but is ${describe(value)}`);
  }
  return value as Row;
}

export function asList(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unreadable(`${where} must be a list, but is ${describe(value)}`);
  return value;
}

/** A word that must be there: an id, a symbol, a status. */
export function word(row: Row, key: string, where: string): string {
  const value = row[key];
  if (typeof value !== 'string' || value === '' || value.length > MAX_WORD_LENGTH) {
    throw wrong(where, key, 'a short text', value);
  }
  return value;
}

/** A word the broker may leave out: null and "" and absence are all null. */
export function wordOrNull(row: Row, key: string, where: string): string | null {
  const value = row[key];
  return value === null || value === undefined || value === '' ? null : word(row, key, where);
}

/** Prose for people; capped, never a reason to refuse the row. */
export function proseOrNull(row: Row, key: string): string | null {
  const value = row[key];
  return typeof value === 'string' && value !== '' ? cleanMessage(value) : null;
}

export function side(row: Row, key: string, where: string): 'BUY' | 'SELL' {
  const value = row[key];
  if (value !== 'BUY' && value !== 'SELL') throw wrong(where, key, 'BUY or SELL', value);
  return value;
}

/** A count of units: a whole number from 0. */
export function count(row: Row, key: string, where: string): number {
  const value = row[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw wrong(where, key, 'a whole number from 0', value);
  }
  return value as number;
}

/** A signed count of units. */
export function signedCount(row: Row, key: string, where: string): number {
  const value = row[key];
  if (!Number.isSafeInteger(value)) throw wrong(where, key, 'a whole number', value);
  return value as number;
}

/** A JSON number as an exact decimal of its shortest text. */
export function amount(row: Row, key: string, where: string): Decimal {
  const value = row[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(where, key, 'a number', value);
  return value === 0 ? ZERO : decimal(String(value));
}

export function amountOrNull(row: Row, key: string, where: string): Decimal | null {
  const value = row[key];
  return value === null || value === undefined ? null : amount(row, key, where);
}

/** A price of which Kite writes 0 when there is none. */
export function positiveOrNull(row: Row, key: string, where: string): Decimal | null {
  const value = amountOrNull(row, key, where);
  return value === null || value.isZero() ? null : value;
}

export function instantOrNull(row: Row, key: string, where: string): Date | null {
  const value = row[key];
  if (value === null || value === undefined || value === '') return null;
  const instant = typeof value === 'string' ? parseIst(value) : null;
  if (!instant) throw wrong(where, key, 'an Indian time "YYYY-MM-DD HH:MM:SS"', value);
  return instant;
}

export function words(row: Row, key: string, where: string): readonly string[] {
  const value = row[key];
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw wrong(where, key, 'a list of texts', value);
  }
  return value;
}
