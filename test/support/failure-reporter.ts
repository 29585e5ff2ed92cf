import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Names, at the end and one a line, every test that failed and every one that failed and then passed when tried
 * again: nothing that failed stays unseen, however much is printed after the run.
 */
export class FailureReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const error of module.errors()) print('failed', module.relativeModuleId, error.message);
      for (const test of module.children.allTests()) {
        const word =
          test.result().state === 'failed'
            ? 'failed'
            : test.diagnostic()?.flaky === true
              ? 'flaky'
              : undefined;
        if (word !== undefined)
          print(word, `${module.relativeModuleId} > ${test.fullName}`, firstError(test));
      }
    }
  }
}

function print(word: string, name: string, reason: string): void {
  process.stdout.write(`${word}: ${name} (at first: ${reason.split('\n')[0] ?? ''})\n`);
}

function firstError(test: TestCase): string {
  return test.result().errors?.[0]?.message ?? 'no error';
}
