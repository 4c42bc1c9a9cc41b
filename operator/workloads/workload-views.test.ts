import { describe, expect, it, test } from 'vitest';
import { type DeploymentObject, type StatefulSetObject, trimDeployment, trimStatefulSet } from './cached-objects.ts';
import { parseQuantity } from './quantity.ts';
import { deploymentWorkload, selectorText, statefulSetWorkload } from './workload-views.ts';

test.each([
  ['100m', 0.1],
  ['1', 1],
  ['.5', 0.5],
  ['0.1', 0.1],
  ['1500m', 1.5],
  ['128Mi', 128 * 2 ** 20],
  ['1e3', 1000],
  ['5M', 5e6],
  ['2E', 2e18],
  ['12n', 12e-9],
  [2, 2],
  ['x', undefined],
  ['9'.repeat(400), undefined],
  [Number.POSITIVE_INFINITY, undefined],
  ['1 Gi', undefined],
])('quantity %s is %s', (text, expected) => {
  const value = parseQuantity(text);
  if (expected === undefined) expect(value).toBeUndefined();
  else expect(value).toBeCloseTo(expected, 12);
});

const metadata = { name: 'web', namespace: 'shop', uid: 'u', generation: 3, resourceVersion: '7' };
const containers: { name: string; image?: string; resources: { requests: Record<string, string>; limits?: object } }[] =
  [
    { name: 'a', image: 'x', resources: { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '1' } } },
    { name: 'b', resources: { requests: { cpu: '1' } } },
  ];

describe('a Deployment', () => {
  const base: DeploymentObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, annotations: { note: 'long' } },
    spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers } } },
    status: { observedGeneration: 3, replicas: 4, updatedReplicas: 4, readyReplicas: 3 },
  };
  const seen = (status: DeploymentObject['status']) => deploymentWorkload(trimDeployment({ ...base, status }));

  it('keeps what is needed after trimming and drops the rest', () => {
    const trimmed = trimDeployment(base);
    expect(deploymentWorkload(trimmed)).toMatchObject({
      replicas: 4,
      ready: 3,
      rollingOut: false,
      observed: true,
      podSelector: 'app=web',
      requests: { cpu: 1.25, memory: 64 * 2 ** 20 },
      failure: undefined,
    });
    expect(JSON.stringify(trimmed)).not.toMatch(/annotations|image|limits/);
  });

  it('tells a rollout from a spec that is not observed yet, and a quota that is used up', () => {
    expect(seen({ observedGeneration: 3, replicas: 5, updatedReplicas: 2, readyReplicas: 4 })).toMatchObject({
      rollingOut: true,
      observed: true,
    });
    expect(seen({ observedGeneration: 2, replicas: 4, updatedReplicas: 4 })).toMatchObject({
      rollingOut: true,
      observed: false,
    });
    const conditions = [
      { type: 'Available', status: 'False', message: 'few' },
      { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: pods' },
    ];
    expect(seen({ observedGeneration: 3, conditions }).failure).toBe('exceeded quota: pods');
  });

  it('counts one replica where the API server has none stored, none ready before its first status', () => {
    const { replicas: _, ...spec } = base.spec;
    expect(deploymentWorkload({ ...base, spec, status: undefined })).toMatchObject({ replicas: 1, ready: 0 });
  });
});

it('a StatefulSet that keeps pods back by partition or OnDelete is not rolling out', () => {
  const set = (updateStrategy: StatefulSetObject['spec']['updateStrategy'], updatedReplicas: number) =>
    statefulSetWorkload(
      trimStatefulSet({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata,
        spec: { replicas: 5, updateStrategy },
        status: { observedGeneration: 3, replicas: 5, updatedReplicas, currentRevision: 'a', updateRevision: 'b' },
      }),
    ).rollingOut;
  expect(set({ type: 'RollingUpdate', rollingUpdate: { partition: 0 } }, 4)).toBe(true);
  expect(set({ type: 'RollingUpdate', rollingUpdate: { partition: 3 } }, 2)).toBe(false);
  expect(set({ type: 'RollingUpdate', rollingUpdate: { partition: 3 } }, 1)).toBe(true);
  expect(set({ type: 'OnDelete' }, 0)).toBe(false);
});

it('selectors are written as the API takes them', () => {
  const matchExpressions = [
    { key: 'tier', operator: 'In', values: ['a', 'b'] },
    { key: 'old', operator: 'DoesNotExist' },
    { key: 'x', operator: 'Exists' },
    { key: 'y', operator: 'NotIn', values: ['z'] },
  ];
  expect(selectorText({ matchLabels: { app: 'web' }, matchExpressions })).toBe(
    'app=web,tier in (a,b),!old,x,y notin (z)',
  );
});
