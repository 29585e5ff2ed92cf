/** What a strategy imports: a typed client of the HTTP API. Nothing of the server comes with it. */
export { type Client, type Wait, createClient } from './client.ts';
export { ApiError, type FieldProblem, NotReachableError, WaitTimeoutError } from './errors.ts';
export type { EventsOptions } from './events.ts';
export { hasReached, isFinished } from './reached.ts';
export type { ClientOptions } from './transport.ts';
export type * from './steering-types.ts';
export type * from './types.ts';
