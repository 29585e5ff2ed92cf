/** Work that the dispatcher runs itself, by name: one run of a name at a time, and never more waiting than one. */
export interface DirectRuns {
  run(name: string, work: () => Promise<unknown>): void;
}

/**
 * Runs at most `width` at once; what comes meanwhile waits and is run in its order, none is dropped. A name that waits or
 * runs already is not taken again. What waits is bounded by how many names there are.
 */
export function createDirectRuns(width: number, onError: (name: string, error: unknown) => void): DirectRuns {
  const running = new Set<string>();
  const waiting = new Map<string, () => Promise<unknown>>();
  const start = (): void => {
    for (const [name, work] of waiting) {
      if (running.size >= width) return;
      waiting.delete(name);
      running.add(name);
      void work()
        .catch((error: unknown) => onError(name, error))
        .finally(() => {
          running.delete(name);
          start();
        });
    }
  };
  return {
    run: (name, work) => {
      if (running.has(name) || waiting.has(name)) return;
      waiting.set(name, work);
      start();
    },
  };
}
