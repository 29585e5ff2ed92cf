/** Everything ends within this, or the process ends anyway: a hard kill must be safe (reliability.md section 2). */
const FORCE_AFTER_MS = 3500;
/** What a forced end still takes to end what would outlive the process: together under five seconds. */
const LAST_RESORT_MS = 1100;
/** npm passes Ctrl-C on a second time: within this it is the same one. */
const SAME_SIGNAL_MS = 2000;

export interface StopOptions {
  readonly tell: (line: string) => void;
  /** Ends, at once, what outlives this process; run before a forced end, and waited for a second at most. */
  readonly lastResort?: () => Promise<unknown>;
}

/**
 * Runs `stop` at the first SIGINT or SIGTERM and ends the process with 0, or with the exit code that was set before. A second signal later than two seconds
 * ends it at once.
 */
export function stopOnSignal(stop: (signal: string) => Promise<void>, options: StopOptions): void {
  const { tell, lastResort = () => Promise.resolve() } = options;
  let firstAt: number | null = null;
  let forced = false;
  const force = async (code: number): Promise<void> => {
    if (forced) return;
    forced = true;
    const tooLate = new Promise((resolve) => setTimeout(resolve, LAST_RESORT_MS));
    await Promise.race([lastResort().catch(() => undefined), tooLate]);
    process.exit(code);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt !== null) {
      if (performance.now() - firstAt >= SAME_SIGNAL_MS) void force(130);
      return;
    }
    firstAt = performance.now();
    setTimeout(() => {
      tell('some parts did not stop in time; ending anyway, nothing committed is lost');
      void force(0);
    }, FORCE_AFTER_MS).unref();
    stop(signal).then(
      () => process.exit(process.exitCode ?? 0),
      (error: unknown) => {
        tell(`stopping failed: ${error instanceof Error ? error.message : String(error)}`);
        void force(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
