import { err, ok, type Result } from '../lib/result.ts';
import type { Account } from './account.ts';
import type { Gtt, GttTerms } from './gtt.ts';
import type { Journal } from './journal.ts';
import { inputError, type KiteError } from './kite-error.ts';
import type { Market } from './market.ts';
import type { OrderRequest } from './order.ts';
import type { Paise } from './paise.ts';
import { checkTerms } from './rules.ts';

interface GttParts {
  readonly market: Market;
  readonly journal: Journal | null;
  readonly nowMs: () => number;
  readonly accounts: ReadonlyMap<string, Account>;
  readonly place: (account: Account, request: OrderRequest) => Result<string, KiteError>;
}

const FIRST_ID = 100_000;
const MAX_ACTIVE = 500;

const NOT_FOUND: KiteError = {
  status: 404,
  errorType: 'GeneralException',
  message: "Couldn't find that `trigger_id`.",
};

/** Triggers of all users: they wait at the broker, over days, and place one LIMIT order when their price is reached. */
export class Gtts {
  private readonly parts: GttParts;
  private readonly byId = new Map<number, Gtt>();
  private lastId = FIRST_ID;

  constructor(parts: GttParts) {
    this.parts = parts;
  }

  restore(saved: Iterable<Gtt>): void {
    for (const gtt of saved) {
      this.byId.set(gtt.id, gtt);
      this.lastId = Math.max(this.lastId, gtt.id);
    }
  }

  clear(): void {
    this.byId.clear();
  }

  get hasActive(): boolean {
    return [...this.byId.values()].some(({ status }) => status === 'active');
  }

  /** The user's triggers, ended ones included, oldest first. */
  of({ id }: Account): Gtt[] {
    return [...this.byId.values()].filter(({ user }) => user === id);
  }

  find(account: Account, id: number): Result<Gtt, KiteError> {
    const gtt = this.byId.get(id);
    return gtt === undefined || gtt.user !== account.id ? err(NOT_FOUND) : ok(gtt);
  }

  place(account: Account, terms: GttTerms): Result<number, KiteError> {
    if (this.of(account).filter(({ status }) => status === 'active').length >= MAX_ACTIVE) {
      return inputError(`Maximum allowed active GTTs is ${MAX_ACTIVE}.`);
    }
    const refusal = this.refusalOf(terms);
    if (refusal !== null) return inputError(refusal);
    const now = this.parts.nowMs();
    this.lastId += 1;
    this.keep({
      ...{ ...terms, id: this.lastId, user: account.id, status: 'active', result: null },
      ...{ setAt: this.parts.market.quote(terms.token).last, createdAt: now, updatedAt: now },
    });
    this.parts.journal?.flush();
    return ok(this.lastId);
  }

  modify(account: Account, id: number, terms: GttTerms): Result<number, KiteError> {
    const found = this.findActive(account, id);
    if (!found.ok) return found;
    const refusal = this.refusalOf(terms);
    if (refusal !== null) return inputError(refusal);
    const setAt = this.parts.market.quote(terms.token).last;
    this.keep({ ...found.value, ...terms, setAt, updatedAt: this.parts.nowMs() });
    this.parts.journal?.flush();
    return ok(id);
  }

  delete(account: Account, id: number): Result<number, KiteError> {
    const found = this.findActive(account, id);
    if (!found.ok) return found;
    this.keep({ ...found.value, status: 'deleted', updatedAt: this.parts.nowMs() });
    this.parts.journal?.flush();
    return ok(id);
  }

  /** Fires what the last prices have reached. `tokens` null means every instrument. */
  runTick(tokens: ReadonlySet<number> | null): void {
    for (const gtt of [...this.byId.values()]) {
      if (gtt.status !== 'active' || (tokens !== null && !tokens.has(gtt.token))) continue;
      const { last } = this.parts.market.quote(gtt.token);
      const leg = reachedLeg(gtt, gtt.setAt, last);
      if (leg !== null) this.fire(gtt, leg, last);
    }
  }

  private fire(gtt: Gtt, leg: number, last: Paise): void {
    const account = this.parts.accounts.get(gtt.user);
    const terms = gtt.legs[leg];
    if (account === undefined || terms === undefined) return;
    const at = this.parts.nowMs();
    const fired: Gtt = { ...gtt, status: 'triggered', updatedAt: at };
    this.keep({ ...fired, result: { leg, at, last, outcome: null } });
    const request: OrderRequest = {
      ...{ ...terms, token: gtt.token, variety: 'regular', tag: null, orderType: 'LIMIT', validity: 'DAY' },
      ...{ trigger: 0, disclosed: 0, ttl: 0, protection: 0 },
    };
    const quote = this.parts.market.quote(gtt.token);
    const context = { quote, side: terms.side, product: terms.product, protectionNeeded: true, filled: 0 };
    const checked = checkTerms(request, context);
    const placed = checked.ok ? this.parts.place(account, request) : checked;
    const outcome = placed.ok ? { orderId: placed.value } : { refusal: placed.error.message };
    this.keep({ ...fired, result: { leg, at, last, outcome } });
    this.parts.journal?.flush();
  }

  private refusalOf({ token, triggers, legs }: GttTerms): string | null {
    const { last, tick, instrument } = this.parts.market.quote(token);
    const [low = 0, high] = triggers;
    if ([...triggers, ...legs.map(({ price }) => price)].some((price) => price <= 0 || price % tick !== 0)) {
      return 'Trigger and order prices should be above zero and multiples of the tick size.';
    }
    if (legs.some(({ quantity }) => quantity <= 0 || quantity % instrument.lotSize !== 0)) {
      return `Quantity should be in multiples of the lot size ${instrument.lotSize}.`;
    }
    if (high !== undefined && low >= high) return 'Invalid trigger values: the lower one comes first.';
    if (low === last || reachedLeg({ triggers }, last, last) !== null) return 'Trigger already met.';
    return null;
  }

  private findActive(account: Account, id: number): Result<Gtt, KiteError> {
    const found = this.find(account, id);
    if (!found.ok || found.value.status === 'active') return found;
    return inputError(`The trigger is already ${found.value.status}.`);
  }

  private keep(gtt: Gtt): void {
    this.byId.set(gtt.id, gtt);
    this.parts.journal?.gtt(gtt);
  }
}

/** The leg whose value `last` has reached; null: none. */
function reachedLeg({ triggers }: Pick<GttTerms, 'triggers'>, setAt: Paise, last: Paise): number | null {
  const [low = 0, high] = triggers;
  if (high === undefined) return (low < setAt ? last <= low : last >= low) ? 0 : null;
  if (last <= low) return 0;
  return last >= high ? 1 : null;
}
