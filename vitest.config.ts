import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

const clusterTests = '**/*.cluster.test.ts';
const exclude = [...configDefaults.exclude, 'runs/**', '**/.venv/**'];

export default defineConfig({
  test: {
    // Processes, since the native tensor backend is a C++ library with process-wide state.
    pool: 'forks',
    reporters: ['default', './test/reporter.ts'],
    sequence: { sequencer: LongestFirst },
    coverage: { provider: 'v8', include: ['{env,policies,training,agent,operator,cli}/**/*.ts', 'cli.ts'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...exclude, clusterTests],
          testTimeout: 30_000,
          // Not one less than there are processors: on two that would be one at a time.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: [clusterTests],
          exclude,
          // Runs only when a test of this project is selected.
          globalSetup: ['./test/cluster-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // After the others. They mostly wait, and few at a time, since control planes need processors as well.
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
        },
      },
    ],
  },
});
