import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Names every test that failed and then passed when tried again, one a line: nothing that failed stays unseen. */
export class FlakyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        if (test.diagnostic()?.flaky === true) process.stdout.write(`flaky: ${describe(test)}\n`);
      }
    }
  }
}

function describe(test: TestCase): string {
  const [first] = test.result().errors ?? [];
  const reason = first?.message.split('\n')[0] ?? 'no error';
  return `${test.module.relativeModuleId} > ${test.fullName} (at first: ${reason})`;
}
