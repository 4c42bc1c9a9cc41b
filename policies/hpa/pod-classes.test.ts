import { describe, expect, it } from 'vitest';
import { groupPods, type HpaPod } from './pod-classes.ts';

const now = 10_000;
/** The periods that the tests of Kubernetes use. */
const options = { cpuInitializationSeconds: 120, initialReadinessDelaySeconds: 10 };
const metric = (age: number, windowSeconds: number) => ({ value: 1, second: now - age, windowSeconds });
const unknownAge = { value: 1, second: Number.NEGATIVE_INFINITY, windowSeconds: 0 };
const ready = (status: boolean, age: number) => ({ status, lastTransitionSecond: now - age });

// Cases of TestGroupPods in pkg/controller/podautoscaler/replica_calculator_test.go, Kubernetes v1.36.3.
describe('groupPods', () => {
  const fresh: HpaPod = { phase: 'Running', startSecond: now - 60, ready: ready(true, 30), metric: metric(0, 30) };
  it.each<
    [
      name: string,
      resource: 'cpu' | 'other',
      pod: HpaPod,
      expected: [measured: number, unready: number, missing: number],
    ]
  >([
    ['a ready pod - memory', 'other', { phase: 'Running', metric: unknownAge }, [1, 0, 0]],
    ['a pod without ready condition', 'cpu', { phase: 'Running', startSecond: now, metric: unknownAge }, [0, 1, 0]],
    ['ready, fresh metrics during initialization', 'cpu', fresh, [1, 0, 0]],
    ['ready, no fresh metrics during initialization', 'cpu', { ...fresh, metric: metric(0, 60) }, [0, 1, 0]],
    [
      'never ready, after initialization',
      'cpu',
      { phase: 'Running', startSecond: now - 600, ready: ready(false, 594), metric: unknownAge },
      [0, 1, 0],
    ],
    [
      'ready, no fresh metrics after initialization',
      'cpu',
      { phase: 'Running', startSecond: now - 180, ready: ready(true, 180), metric: metric(120, 60) },
      [1, 0, 0],
    ],
    [
      'unready, but was ready after initialization',
      'cpu',
      { phase: 'Running', startSecond: now - 600, ready: ready(false, 540), metric: unknownAge },
      [1, 0, 0],
    ],
    [
      'unready since just the readiness delay',
      'cpu',
      { phase: 'Running', startSecond: now - 600, ready: ready(false, 590), metric: unknownAge },
      [1, 0, 0],
    ],
    ['a missing pod', 'cpu', { phase: 'Running', startSecond: now - 180 }, [0, 0, 1]],
    ['a pending pod', 'cpu', { phase: 'Pending' }, [0, 1, 0]],
    ['a pod being deleted', 'cpu', { phase: 'Pending', deleting: true, metric: unknownAge }, [0, 0, 0]],
    ['a failed pod', 'cpu', { phase: 'Failed', metric: unknownAge }, [0, 0, 0]],
  ])('%s', (_name, resource, pod, [measured, unready, missing]) => {
    expect(groupPods([pod], resource, now, options)).toMatchObject({ measured, unready, missing });
  });

  it('averages the measured pods alone', () => {
    const pod = (value: number, isReady: boolean): HpaPod => ({
      phase: 'Running',
      startSecond: 0,
      ready: { status: isReady, lastTransitionSecond: 5 },
      metric: { value, second: now, windowSeconds: 30 },
    });
    const classes = groupPods([pod(40, true), pod(60, true), pod(900, false)], 'cpu', now, options);
    expect(classes).toEqual({ measured: 2, average: 50, unready: 1, missing: 0 });
  });
});
