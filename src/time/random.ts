import { uuidv7 } from 'uuidv7';

/** What code that needs fresh ids takes as a parameter; `newId` in production, a counter in a simulation. */
export type IdSource = () => string;

/** A new id: a lower-case UUIDv7, which sorts by its time of birth to the millisecond. */
export const newId: IdSource = uuidv7;
