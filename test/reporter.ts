/**
 * Ends a test run with the plain line `N passed, N failed`, whatever else is printed. In CI a skipped test counts as
 * failed: there, everything that can be tested must be.
 */
import { writeSync } from 'node:fs';
import type { TestModule } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** What the line says of a test, of a module that could not be loaded, and of errors outside of any test. */
export function tallyTests(
  testStates: Iterable<'passed' | 'failed' | 'skipped' | 'pending'>,
  otherErrors: number,
  continuousIntegration: boolean,
): Tally {
  let passed = 0;
  let failed = otherErrors;
  for (const state of testStates) {
    if (state === 'passed') passed++;
    // Pending is what an interrupted run leaves.
    else if (state !== 'skipped' || continuousIntegration) failed++;
  }
  // A run without tests proves nothing.
  if (passed === 0 && failed === 0) failed = 1;
  return { passed, failed };
}

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const brokenSuites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const suiteErrors = brokenSuites.reduce((sum, suite) => sum + suite.errors().length, 0);
    const continuousIntegration = !['', '0', 'false'].includes(process.env.CI ?? '');
    const { passed, failed } = tallyTests(states, suiteErrors + unhandledErrors.length, continuousIntegration);
    if (failed > 0) process.exitCode = 1;
    // At the very end, after the summary of any other reporter.
    process.once('exit', () => writeSync(1, `${passed} passed, ${failed} failed\n`));
  }
}
