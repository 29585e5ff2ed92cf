import type { Account } from './account.ts';
import type { CallTwist, PaperExchange } from './exchange.ts';
import type { Call, Faults } from './faults.ts';
import type { Form } from './order-form.ts';
import type { LimitedCall, RateCounters } from './rate-limits.ts';
import type { Settings } from './settings.ts';
import type { Answer, HeldConnections } from './wire.ts';

/** What the REST routes work with. */
export interface RestParts {
  readonly exchange: PaperExchange;
  readonly faults: Faults;
  readonly rates: RateCounters;
  readonly held: HeldConnections;
  readonly settings: () => Settings;
  readonly nowMs: () => number;
  /** Called after every order call: something may be due earlier now. */
  readonly wake: () => void;
  /** Calls so far by name. */
  readonly counters: Map<string, number>;
  /** Order calls in the order they came, refused and unanswered ones too. */
  readonly orderCalls: OrderCall[];
}

/** A call that counts towards the order limits. */
export interface OrderCall {
  readonly at: number;
  readonly user: string;
  readonly call: Call;
}

/** A call that passed authentication, with its body read. */
export interface RestCall {
  readonly account: Account;
  readonly path: (name: string) => string;
  readonly query: (name: string) => string | null;
  readonly queries: (name: string) => readonly string[];
  readonly form: Form;
  readonly text: string;
  readonly twist: CallTwist;
  readonly nowMs: number;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly call: Call;
  readonly limit: LimitedCall;
  readonly handle: (call: RestCall) => Answer;
}
