import { err, ok, type Result } from '../lib/result.ts';

/**
 * Identifiers are branded strings: an order's id cannot be handed over where an account's is asked.
 * They are made only by the parsers here; new ones come from src/time/random.ts.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A lower-case UUID. */
export type OrderId = Branded<'OrderId'>;
/** 1 to 64 of A-Z a-z 0-9 . _ - ; "system" is the account of what belongs to none. */
export type AccountId = Branded<'AccountId'>;
/** 1 to 64 of A-Z a-z 0-9 . _ - . */
export type StrategyId = Branded<'StrategyId'>;
/** 1 to 64 of A-Z a-z 0-9 . _ - ; chosen by the caller, unique per account. */
export type ClientOrderId = Branded<'ClientOrderId'>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Reads an order id; upper-case hex is taken and stored in lower case. */
export function parseOrderId(text: string): Result<OrderId, string> {
  const id = text.toLowerCase();
  return UUID.test(id) ? ok(id as OrderId) : err(`"${text.slice(0, 64)}" is not a UUID`);
}

export function parseAccountId(text: string): Result<AccountId, string> {
  return parseName<AccountId>(text);
}

export function parseStrategyId(text: string): Result<StrategyId, string> {
  return parseName<StrategyId>(text);
}

export function parseClientOrderId(text: string): Result<ClientOrderId, string> {
  return parseName<ClientOrderId>(text);
}

function parseName<Id extends string>(text: string): Result<Id, string> {
  if (NAME.test(text)) return ok(text as Id);
  return err(`"${text.slice(0, 64)}" is not 1 to 64 of A-Z a-z 0-9 . _ -`);
}

/** The account of what belongs to no account: tokens, workers, strangers. */
export const SYSTEM_ACCOUNT = 'system' as AccountId;
