export const API_ROLES = ['viewer', 'trader', 'operator', 'admin'] as const;
export type Role = (typeof API_ROLES)[number];

/** What a decision is about, where that is more than one strategy's own. */
export type Scope = 'account' | 'installation';

/** Who sent a request, as its bearer token says. */
export interface Principal {
  /** Of the token; rate limits count by it. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Bound to this account: every other one is not there for it. */
  readonly accountId: string | null;
  /** Bound to this strategy: it places and sees only its orders. */
  readonly strategyId: string | null;
}

/** Each role may do what the ones before it may. */
export function hasRole(principal: Principal, needed: Role): boolean {
  return API_ROLES.indexOf(principal.role) >= API_ROLES.indexOf(needed);
}

/** How a principal is written into the journal. */
export function actorOf(principal: Principal): string {
  return `api:${principal.name}`;
}
