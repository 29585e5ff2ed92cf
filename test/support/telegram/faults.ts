interface Where {
  /** Every method when left out. */
  readonly method?: string;
  readonly chatId?: number;
  /** How often; Infinity until `heal`. Default 1. */
  readonly times?: number;
}

export type Fault = Where &
  (
    | {
        readonly kind: 'answer';
        readonly status: number;
        readonly description?: string;
        readonly retryAfter?: number;
        /** The chat has this id now. */
        readonly migrateTo?: number;
      }
    /** The socket ends without an answer; with afterEffect what was asked has happened. */
    | { readonly kind: 'drop'; readonly afterEffect?: boolean }
    | { readonly kind: 'hang' }
  );

/** Failures on demand, in the order in which they were asked for. */
export class FaultList {
  #faults: { readonly fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  take(method: string, payload: Readonly<Record<string, unknown>>): Fault | null {
    const found = this.#faults.find(
      ({ fault, left }) =>
        left > 0 &&
        (fault.method === undefined || fault.method === method) &&
        (fault.chatId === undefined || fault.chatId === Number(payload['chat_id'])),
    );
    if (found === undefined) return null;
    found.left -= 1;
    return found.fault;
  }
}
