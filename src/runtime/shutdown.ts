/** Everything ends within this, or the process ends anyway: a hard kill must be safe (reliability.md section 2). */
const FORCE_AFTER_MS = 4500;
/** npm passes Ctrl-C on a second time: within this it is the same one. */
const SAME_SIGNAL_MS = 2000;

/**
 * Runs `stop` at the first SIGINT or SIGTERM and ends the process with 0, or with the exit code that was set before. A second signal later than two seconds
 * ends it at once.
 */
export function stopOnSignal(stop: (signal: string) => Promise<void>, tell: (line: string) => void): void {
  let firstAt: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt !== null) {
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
      process.exit(130);
    }
    firstAt = performance.now();
    setTimeout(() => {
      tell('some parts did not stop in time; ending anyway, nothing committed is lost');
      process.exit(0);
    }, FORCE_AFTER_MS).unref();
    stop(signal).then(
      () => process.exit(process.exitCode ?? 0),
      (error: unknown) => {
        tell(`stopping failed: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
