import { defineConfig } from 'vitest/config';
import { FailureReporter } from './test/support/failure-reporter.ts';

/** Set by .ci/run alone: how often a test that failed among real servers is tried again. Each such test is named. */
const retry = Number(process.env['TEST_RETRIES'] ?? '0');

const shared = {
  env: { TZ: 'Asia/Kolkata' },
  pool: 'forks' as const,
  setupFiles: ['test/support/property-seed.ts', 'test/support/arm-mutant.ts'],
  // Only what would never end meets these: waits have deadlines of their own that say what was waited for.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 60_000, interval: 20 } },
};

export default defineConfig({
  test: {
    // Not in `shared`: the servers start once, and both projects use them.
    globalSetup: ['test/support/global-setup.ts'],
    maxWorkers: 2,
    teardownTimeout: 60_000,
    reporters: ['default', new FailureReporter()],
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: { ...shared, name: 'whole', include: ['test/{integration,simulation}/**/*.test.ts'], retry },
      },
    ],
  },
});
