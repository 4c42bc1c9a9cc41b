import { expect, test } from 'vitest';
import { dependencyViolations } from './dependency-rule.ts';
import { repositoryFiles } from './repository-files.ts';

test('no file imports to its right', () => {
  const files = repositoryFiles('.ts');
  expect(files.length).toBeGreaterThan(10);
  const violations = files.flatMap(({ path, read }) => dependencyViolations(path, read()));
  expect(violations).toEqual([]);
});

test.each([
  ['env/a/b.ts', `import { x } from '../../policies/x.ts';`],
  ['env/b.ts', `import type { X } from '../training/x.ts';`],
  ['env/b.ts', `export * from '../cli.ts';`],
  ['policies/x.ts', `const { y } = await import('../agent/y.ts');`],
  ['training/x.ts', `import {\n  y,\n} from '../operator/y.ts';`],
  ['agent/x.ts', `import '../training/y.ts';`],
  ['operator/x.ts', `import { y } from '../cli/y.ts';`],
  ['operator/x.ts', `import { describeCluster } from '../test/cluster.ts';`],
  ['env/x.test.ts', `import { y } from '../operator/y.ts';`],
  ['training/x.ts', `import { y } from '../bench/y.ts';`],
  ['training/x.ts', `import * as tf from '@tensorflow/tfjs';`],
  ['policies/actor-critic/network.ts', `type Tensor = import("@tensorflow/tfjs-core").Tensor;`],
  ['policies/x.ts', `const tf = require('@tensorflow/tfjs-node');`],
  ['agent/x.ts', `import { KubeConfig } from '@kubernetes/client-node';`],
  ['operator/closed-loop/reconcile.ts', `import { PrometheusDriver } from 'prometheus-query';`],
  ['newcomer/x.ts', ''],
])('a violation is caught: %s with %s', (file, source) => {
  expect(dependencyViolations(file, source)).toHaveLength(1);
});

test.each([
  ['env/a/b.ts', `import { x } from '../c/x.ts';`],
  ['policies/x.ts', `import { y } from '../env/y.ts';`],
  ['operator/x.ts', `import { y } from '../policies/y.ts';`],
  ['cli.ts', `import { y } from './operator/y.ts'; import './cli/z.ts';`],
  ['bench/x.ts', `import { y } from '../training/y.ts'; import '@tensorflow/tfjs';`],
  ['policies/actor-critic/tensor-backend.ts', `require('@tensorflow/tfjs');`],
  ['env/cluster/prometheus.ts', `import { PrometheusDriver } from 'prometheus-query';`],
  ['operator/runtime/informer.ts', `import { makeInformer } from '@kubernetes/client-node';`],
])('what is allowed is let through: %s with %s', (file, source) => {
  expect(dependencyViolations(file, source)).toEqual([]);
});
