import { describe, expect, test } from 'vitest';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { Difference } from '../promotion/spread.ts';
import { watchingSteps } from './next-steps.ts';
import { standingOf } from './standing.ts';
import { type Autoscaler, type Scaler, scalersOf, type WorkloadKind } from './survey.ts';
import { withoutServerFields } from './take-over.ts';
import { words } from './verdict.ts';

const autoscaler = (name: string, ref: object, more: object = {}): Autoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name, namespace: 'shop', ...more },
  spec: { scaleTargetRef: ref },
});

test('who scales the application: its workloads by kind, its group, and KEDA only once', () => {
  const kinds = new Map<string, WorkloadKind>([
    ['web', 'Deployment'],
    ['db', 'StatefulSet'],
  ]);
  const ownerReferences = [{ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'web', uid: 'u' }];
  const hpas = [
    autoscaler('a', { kind: 'Deployment', name: 'web' }),
    autoscaler('another-kind', { kind: 'Deployment', name: 'db' }),
    autoscaler('b', { kind: 'StatefulSet', name: 'db' }),
    autoscaler('c', { kind: 'ScalingGroup', name: 'shop' }),
    autoscaler('other-group', { kind: 'ScalingGroup', name: 'bank' }),
    autoscaler('keda-hpa-web', { kind: 'Deployment', name: 'web' }, { ownerReferences }),
  ];
  const found = scalersOf('shop', kinds, hpas, [autoscaler('web', { name: 'web' })]);
  expect(found.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
    'horizontalPodAutoscaler a',
    'horizontalPodAutoscaler b',
    'horizontalPodAutoscaler c',
    'scaledObject web',
  ]);
});

test('what was removed is kept as somebody would write it', () => {
  const stored = autoscaler(
    'web',
    { kind: 'Deployment', name: 'web' },
    {
      uid: 'u',
      resourceVersion: '7',
      managedFields: [{ manager: 'kubectl' }],
      labels: { app: 'web' },
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', team: 'shop' },
    },
  );
  expect(withoutServerFields({ ...stored, ...{ status: { currentReplicas: 3 } } })).toEqual({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, annotations: { team: 'shop' } },
    spec: stored.spec,
  });
});

describe('a verdict is plain', () => {
  const spread = (mean: number, half: number) => ({ mean, low: mean - half, high: mean + half });
  const difference = (violations: number, pods: number, half = 0.1): Difference => ({
    violationPoints: spread(violations, half),
    podHoursPercent: spread(pods, half),
  });
  test.each([
    [difference(-0.5, -8), /^it is better than the tuned HPA \(−0\.50 \[−0\.60, −0\.40\] points .* 95 % bounds\)\.$/],
    [
      difference(0.5, -8),
      /^it is not better in both than the tuned HPA: it is surely longer above the SLA, and surely with fewer pods \(/,
    ],
    [
      difference(-0.5, 8),
      /^it is not better in both than the tuned HPA: it surely needs more pods, and surely shorter above the SLA \(/,
    ],
    [difference(0.5, 8), /it is surely longer above the SLA and surely needs more pods \(/],
    [difference(-0.01, -0.05), /^it cannot be told apart from the tuned HPA/],
  ])('%#', (found, text) => {
    expect(words(found)).toMatch(text);
  });
});

describe('what holds up the first proposal', () => {
  const condition = (type: string, status: string, reason: string, message = 'why') => ({
    type,
    status,
    reason,
    message,
  });
  const loop = (status: object | undefined) =>
    ({ kind: 'ClosedLoop', metadata: { name: 'web', generation: 2 }, status }) as unknown as ClosedLoop;
  const tuner = (status: object | undefined) =>
    ({ kind: 'DeliberativeLoop', metadata: { name: 'web' }, status }) as unknown as DeliberativeLoop;
  const seen = (closedLoop: object | undefined, deliberativeLoop: object | undefined) =>
    standingOf(
      { scalingGroup: undefined, closedLoop: loop(closedLoop), deliberativeLoop: tuner(deliberativeLoop) },
      Date.parse('2026-01-01T00:00:10Z') / 1000,
    );
  const well = { observedGeneration: 2, conditions: [condition('Ready', 'True', 'Accepted')] };
  const agent = { identity: 'one', renewTime: '2026-01-01T00:00:00Z' };
  const proposal = (time: string) => ({ closedLoop: 'web', time });

  test.each([
    ['the operator', undefined, undefined, /ClosedLoop web: the operator .* duoloop-operator runs/],
    [
      'an operator that has seen an earlier spec',
      { ...well, observedGeneration: 1 },
      undefined,
      /duoloop-operator runs/,
    ],
    [
      'a target that is not there',
      { ...well, conditions: [condition('Ready', 'False', 'TargetMissing', 'no Deployment web')] },
      undefined,
      /ClosedLoop web: no Deployment web \(TargetMissing\)/,
    ],
    ['the agent', well, { conditions: [] }, /duoloop-agent runs/],
    [
      'measurements',
      well,
      { agent, proposals: [], conditions: [condition('Ready', 'False', 'MetricsMissing', 'no load')] },
      /DeliberativeLoop web: no load \(MetricsMissing\)/,
    ],
    [
      'a proposal of this time',
      well,
      { agent, proposals: [proposal('2026-01-01T00:00:00Z')], conditions: [condition('Ready', 'True', 'Deciding')] },
      /the agent's next decision/,
    ],
  ])('%s', (_, closedLoop, deliberativeLoop, text) => {
    expect(seen(closedLoop, deliberativeLoop)).toEqual({ waitsFor: expect.stringMatching(text) });
  });

  test('nothing', () => {
    const status = { agent, proposals: [proposal('2026-01-01T00:00:11Z')], conditions: [] };
    expect(seen(well, status)).toMatchObject({ proposal: { closedLoop: 'web' } });
  });
});

test('the way to acting by hand removes who scales first, and lets the group go before the loop', () => {
  const scalers: Scaler[] = [
    { type: 'horizontalPodAutoscaler', object: autoscaler('web', { kind: 'Deployment', name: 'web' }) },
  ];
  const names = { name: 'shop', namespace: 'shop', configMapName: 'shop-policy', replacedFile: 'shop-replaced.yaml' };
  const steps = watchingSteps({ ...names, isGroup: true, mode: 'Observe', scalers, sameCommand: 'duoloop adopt' });
  const order = [
    'delete horizontalpodautoscalers web',
    'patch scalinggroup',
    'patch closedloop',
    'patch deliberativeloop',
  ];
  const places = order.map((text) => steps.findIndex((line) => line.includes(text)));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(steps).toContain('  duoloop adopt --mode Bounded --replace-hpa');
});
