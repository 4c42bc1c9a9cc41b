import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  averageValueReplicas,
  combineProposals,
  externalPerPodReplicas,
  type HpaTolerances,
  invalidMetric,
  type PodClasses,
  resourceUtilizationReplicas,
} from './replica-calculator.ts';

const tenPercent: HpaTolerances = { scaleUp: 0.1, scaleDown: 0.1 };

/** Pods by the levels of the measured ones. */
function pods(levels: number[], unready = 0, missing = 0): PodClasses {
  const average = levels.reduce((sum, level) => sum + level, 0) / levels.length;
  return { measured: levels.length, average, unready, missing };
}

// Levels, targets and results of pkg/controller/podautoscaler/replica_calculator_test.go, Kubernetes v1.36.3:
// levels there are milli-cores of pods that request 1 core, here percent of the request.
describe('resourceUtilizationReplicas gives what the tests of Kubernetes expect', () => {
  it.each<
    [name: string, current: number, target: number, pods: PodClasses, expected: number, tolerances?: HpaTolerances]
  >([
    ['scale up', 3, 30, pods([30, 50, 70]), 5],
    ['scale up: unready pod scales less', 3, 30, pods([50, 70], 1), 4],
    ['no scale: unready pods ignored', 3, 30, pods([40], 2), 3],
    ['scale up: failed pods ignored', 2, 30, pods([50, 70]), 4],
    ['scale down', 5, 50, pods([10, 30, 50, 25, 25]), 3],
    ['scale down: exclude unready pods', 5, 50, pods([10, 30, 50], 2), 2],
    ['scale down: exclude unscheduled pods', 5, 50, pods([10], 4), 1],
    ['Tolerance', 3, 100, pods([102, 102, 102]), 3],
    ['ConfigurableTolerance outside of 0 %', 3, 100, pods([101, 101, 101]), 4, { scaleUp: 0, scaleDown: 0 }],
    ['ConfigurableTolerance within 200 % up', 3, 100, pods([190, 190, 190]), 3, { scaleUp: 2, scaleDown: 0.1 }],
    ['ConfigurableTolerance outside 8 % up', 3, 100, pods([109, 109, 109]), 4, { scaleUp: 0.08, scaleDown: 2 }],
    ['ConfigurableTolerance within 36 % down', 3, 100, pods([65, 65, 65]), 3, { scaleUp: 0.1, scaleDown: 0.36 }],
    ['ConfigurableTolerance outside 34 % down', 3, 100, pods([65, 65, 65]), 2, { scaleUp: 0.1, scaleDown: 0.34 }],
    ['SuperfluousMetrics', 4, 100, pods([400, 950, 300, 700]), 24],
    ['MissingMetrics', 4, 100, pods([40, 9.5], 0, 2), 3],
    ['MissingMetricsNoChangeEq', 2, 100, pods([100], 0, 1), 2],
    ['MissingMetricsNoChangeGt', 2, 100, pods([190], 0, 1), 2],
    ['MissingMetricsNoChangeLt', 2, 100, pods([60], 0, 1), 2],
    ['MissingMetricsUnreadyChange', 3, 50, pods([45], 1, 1), 3],
    ['MissingMetricsUnreadyScaleUp', 3, 50, pods([200], 1, 1), 4],
    ['MissingMetricsUnreadyScaleDown', 4, 50, pods([10, 10], 1, 1), 3],
    ['MissingMetricsScaleDownTargetOver100', 4, 300, pods([6, 6], 1, 1), 2],
    ['DuringRollingUpdateWithMaxSurge', 2, 50, pods([10, 10], 0, 1), 2],
    ['EmptyMetrics', 4, 100, { measured: 0, average: Number.NaN, unready: 0, missing: 4 }, invalidMetric],
  ])('%s', (_name, current, target, classes, expected, tolerances = tenPercent) => {
    expect(resourceUtilizationReplicas(current, target, classes, tolerances)).toBe(expected);
  });

  it('cuts utilisation to whole percent and counts both ends of the tolerance as inside', () => {
    const at = (percent: number) => resourceUtilizationReplicas(10, 70, pods(Array(10).fill(percent)), tenPercent);
    expect([at(63), at(77), at(77.99), at(62.99), at(78)]).toEqual([10, 10, 10, 9, 12]);
  });

  it('does not lose a percent to the rounding of 32-bit floats', () => {
    const justBelow = 70 - 2 ** -17; // the 32-bit float before 70
    const exact: HpaTolerances = { scaleUp: 0, scaleDown: 0 };
    expect(Math.fround(justBelow)).toBe(justBelow);
    expect(resourceUtilizationReplicas(100, 70, pods(Array(100).fill(justBelow)), exact)).toBe(100);
  });
});

describe('averageValueReplicas gives what the tests of Kubernetes expect', () => {
  it.each<[name: string, current: number, target: number, pods: PodClasses, expected: number]>([
    ['ScaleUpCM', 3, 15, pods([20, 10, 30]), 4],
    ['ScaleUpCMUnreadyHotCpuNoLessScale', 3, 15, pods([50, 10, 30]), 6],
    ['ScaleUpCMUnreadyHotCpuScaleWouldScaleDown', 3, 15, pods([50, 15, 30]), 7],
    ['ScaleDownCM', 5, 20, pods([12, 12, 12, 12, 12]), 3],
    ['ToleranceCM', 3, 20, pods([20, 21, 21]), 3],
    ['PlainMetricMissingMetricsNoChangeEq', 5, 20, pods([20, 19, 21], 0, 2), 5],
    ['DuringRollingUpdateWithMaxSurgeCM', 2, 17, pods([10, 10], 0, 1), 2],
  ])('%s', (_name, current, target, classes, expected) => {
    expect(averageValueReplicas(current, target, classes, tenPercent)).toBe(expected);
  });
});

describe('externalPerPodReplicas gives what the tests of Kubernetes expect', () => {
  it.each<[name: string, status: number, target: number, usage: number, expected: number]>([
    ['ScaleUpPerPodCMExternal', 3, 2150, 8600, 4],
    ['ScaleDownPerPodCMExternal', 5, 2867, 8600, 3],
    ['TolerancePerPodCMExternal', 3, 2900, 8600, 3],
    ['ExternalPerPodMetricReplicaOverflow', 1, 1, Number.MAX_SAFE_INTEGER, 2 ** 31 - 1],
  ])('%s', (_name, status, target, usage, expected) => {
    expect(externalPerPodReplicas(status, target, usage, tenPercent)).toBe(expected);
  });

  it('is invalid without a metric', () => {
    expect(externalPerPodReplicas(3, 100, Number.NaN, tenPercent)).toBe(invalidMetric);
  });
});

describe('combineProposals', () => {
  it.each([
    ['all valid: the largest', 7, 0, 2, 5, 7],
    ['all valid: also downwards', 3, 0, 2, 5, 3],
    ['one invalid: up is allowed (TestScaleUpOneMetricEmpty)', 4, 1, 2, 3, 4],
    ['one invalid: down is not (TestNoScaleDownOneMetricEmpty)', 3, 1, 2, 5, invalidMetric],
    ['none valid', invalidMetric, 2, 2, 5, invalidMetric],
  ])('%s', (_name, largest, invalid, metrics, current, expected) => {
    expect(combineProposals(largest, invalid, metrics, current)).toBe(expected);
  });
});

describe('any workload whose pods are all accounted for', () => {
  const workload = fc.record({
    measured: fc.integer({ min: 1, max: 30 }),
    unready: fc.integer({ min: 0, max: 10 }),
    missing: fc.integer({ min: 0, max: 10 }),
    target: fc.integer({ min: 1, max: 200 }),
  });
  const percent = fc.double({ min: 0, max: 500, noNaN: true });
  type Workload = { measured: number; unready: number; missing: number; target: number };
  const replicas = ({ measured, unready, missing, target }: Workload, average: number) =>
    resourceUtilizationReplicas(
      measured + unready + missing,
      target,
      { measured, average, unready, missing },
      tenPercent,
    );

  it('never wants fewer replicas at more usage', () => {
    fc.assert(
      fc.property(workload, percent, percent, (pods, a, b) => {
        expect(replicas(pods, Math.min(a, b))).toBeLessThanOrEqual(replicas(pods, Math.max(a, b)));
      }),
    );
  });

  it('moves only in the direction of the usage ratio, and not inside the tolerance', () => {
    fc.assert(
      fc.property(workload, percent, (pods, average) => {
        const current = pods.measured + pods.unready + pods.missing;
        const ratio = Math.floor(average + 1e-4) / pods.target;
        const change = Math.sign(replicas(pods, average) - current);
        if (ratio >= 0.9 && ratio <= 1.1) expect(change).toBe(0);
        else expect([0, Math.sign(ratio - 1)]).toContain(change);
      }),
    );
  });

  it('settles: once a scale-up is ready and shares the load evenly, no further one follows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        percent,
        fc.integer({ min: 20, max: 100 }),
        (count, average, target) => {
          const all = (n: number, usage: number) => replicas({ measured: n, unready: 0, missing: 0, target }, usage);
          const next = all(count, average);
          fc.pre(next > count);
          expect(all(next, (average * count) / next)).toBeLessThanOrEqual(next);
        },
      ),
    );
  });
});
