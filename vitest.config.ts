import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'runs/**', '**/.venv/**'],
    // Processes, since the native tensor backend is a C++ library with process-wide state.
    pool: 'forks',
    testTimeout: 30_000,
    reporters: ['default', './test/reporter.ts'],
    coverage: { provider: 'v8', include: ['{env,policies,training,agent,operator,cli}/**/*.ts', 'cli.ts'] },
  },
});
