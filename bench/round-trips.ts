import pg from 'pg';

/** Statements of one transaction (or outside any), by what they are for. */
export interface Trips {
  /** Waits for an answer of the server; statements sent together share one. */
  readonly roundTrips: number;
  readonly statements: number;
  /** Statements besides begin and commit. */
  readonly besidesFrame: number;
}

export interface StepTrips extends Trips {
  readonly step: string;
}

interface Call {
  readonly text: string;
  /** Sent while an earlier statement of the same connection was unanswered. */
  readonly together: boolean;
}

let calls: Call[] | null = null;
const open = new WeakMap<pg.Client, number>();

type Query = (this: pg.Client, ...args: unknown[]) => unknown;
const prototype = pg.Client.prototype as unknown as { query: Query };
const original = prototype.query;

prototype.query = function counted(...args) {
  if (calls === null) return original.apply(this, args);
  const [config] = args as [string | { readonly text: string }];
  const before = open.get(this) ?? 0;
  calls.push({ text: typeof config === 'string' ? config : config.text, together: before > 0 });
  open.set(this, before + 1);
  const answered = (): void => void open.set(this, (open.get(this) ?? 1) - 1);
  // A pool passes a callback, a transaction awaits a promise.
  const last = args.at(-1);
  if (typeof last === 'function') {
    args[args.length - 1] = (...outcome: unknown[]): void => {
      answered();
      Reflect.apply(last, undefined, outcome);
    };
    return original.apply(this, args);
  }
  const result = original.apply(this, args) as Promise<unknown>;
  result.then(answered, answered);
  return result;
};

/** Runs something alone and counts what it sends to Postgres, transaction by transaction in their order. */
export async function countRoundTrips<T>(
  run: () => Promise<T>,
): Promise<{ value: T; transactions: Trips[] }> {
  calls = [];
  try {
    const value = await run();
    return { value, transactions: split(calls).map(tripsOf) };
  } finally {
    calls = null;
  }
}

/** Each begin opens a new part; what comes before the first and after a commit belongs to its neighbour. */
function split(all: readonly Call[]): Call[][] {
  const groups: Call[][] = [[]];
  let begun = 0;
  for (const call of all) {
    if (isBegin(call) && ++begun > 1) groups.push([]);
    groups.at(-1)?.push(call);
  }
  return groups;
}

function tripsOf(group: readonly Call[]): Trips {
  return {
    roundTrips: group.filter((call) => !call.together).length,
    statements: group.length,
    besidesFrame: group.filter((call) => !isFrame(call)).length,
  };
}

const isBegin = ({ text }: Call) => /^begin\b/i.test(text);
const isFrame = ({ text }: Call) => /^(begin|commit|rollback)$/i.test(text.trim());
