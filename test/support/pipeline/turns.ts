/** Lets a few cases of one file run side by side: most of a crash is waiting, and each has servers of its own. */
export interface Turns {
  /** Runs `work` when it is its turn. */
  take<T>(work: () => Promise<T>): Promise<T>;
}

/** More at once would ask the database server for too many connections. */
const AT_ONCE = 3;

export function takingTurns(atOnce = AT_ONCE): Turns {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  return {
    take: async (work) => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}
