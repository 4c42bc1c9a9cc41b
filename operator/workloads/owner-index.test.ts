import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { createHandFilledCache } from './cache.fixture.ts';
import type { AutoscalerObject, DeploymentObject, StatefulSetObject } from './cached-objects.ts';
import type { Owner } from './contract.ts';
import { createWorkloads } from './create-workloads.ts';

const namespace = 'shop';
const names = ['web', 'db', 'cart'] as const;
const ref = (name: string) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name });

function deployment(name: string, labels: Record<string, string> = {}): DeploymentObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace, uid: name, labels }, spec: {} };
}
function autoscaler(name: string, target: string, kind = 'HorizontalPodAutoscaler'): AutoscalerObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind,
    metadata: { name, namespace },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target } },
  };
}
/** As stored: without the defaults that a parse would fill in. */
function group(name: string, members: readonly string[], created: string, matchLabels?: Record<string, string>) {
  const spec = matchLabels
    ? { memberSelector: { matchLabels } }
    : { members: members.map((member) => ({ targetRef: { name: member } })) };
  const metadata = { name, namespace, creationTimestamp: created };
  return { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', metadata, spec } as unknown as ScalingGroup;
}

function scene() {
  const deployments = createHandFilledCache<DeploymentObject>(names.map((name) => deployment(name)));
  const scalingGroups = createHandFilledCache<ScalingGroup>();
  const horizontalPodAutoscalers = createHandFilledCache<AutoscalerObject>();
  const scaledObjects = createHandFilledCache<AutoscalerObject>();
  const context = { api: {} as never, mayAct: () => true };
  const statefulSets = createHandFilledCache<StatefulSetObject>();
  const workloads = createWorkloads({
    context,
    deployments,
    statefulSets,
    scalingGroups,
    horizontalPodAutoscalers,
    scaledObjects,
  });
  return { deployments, scalingGroups, horizontalPodAutoscalers, scaledObjects, workloads };
}

describe('ownerOf', () => {
  it('follows autoscalers and groups as they come, change their target and go', () => {
    type Step = { name: string; target: string | undefined };
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      target: fc.option(fc.constantFrom(...names), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps: Step[], useGroups) => {
        const { scalingGroups, horizontalPodAutoscalers, workloads } = scene();
        const targets = new Map<string, string>();
        for (const { name, target } of steps) {
          const cache = useGroups ? scalingGroups : horizontalPodAutoscalers;
          if (target === undefined) {
            cache.remove(namespace, name);
            targets.delete(name);
          } else {
            if (useGroups) scalingGroups.put(group(name, [target], '2026-01-01T00:00:00Z'));
            else horizontalPodAutoscalers.put(autoscaler(name, target));
            targets.set(name, target);
          }
          for (const workload of names) {
            const owners = [...targets].filter(([, owned]) => owned === workload).map(([owner]) => owner);
            expect(workloads.ownerOf(namespace, ref(workload))?.name).toBe(owners.sort()[0]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of two groups with one member only the younger is told of the other', () => {
    const { scalingGroups, workloads } = scene();
    scalingGroups.put(group('young', ['web'], '2026-01-02T00:00:00Z'));
    scalingGroups.put(group('old', ['web', 'db'], '2026-01-01T00:00:00Z'));
    const asked = (name: string) => workloads.ownerOf(namespace, ref('web'), { kind: 'ScalingGroup', name });
    expect(asked('old')).toBeUndefined();
    expect(asked('young')).toEqual<Owner>({ kind: 'ScalingGroup', name: 'old' });
    // Not in the cache yet, as when it is validated.
    expect(asked('new')).toEqual<Owner>({ kind: 'ScalingGroup', name: 'old' });
    // A loop may be called like a group.
    expect(workloads.ownerOf(namespace, ref('web'), { kind: 'ClosedLoop', name: 'old' })?.name).toBe('old');
  });

  it('a group by labels owns what carries them at the moment', () => {
    const { deployments, scalingGroups, workloads } = scene();
    scalingGroups.put(group('labelled', [], '2026-01-01T00:00:00Z', { tier: 'front' }));
    expect(workloads.ownerOf(namespace, ref('web'))).toBeUndefined();
    deployments.put(deployment('web', { tier: 'front', team: 'x' }));
    expect(workloads.ownerOf(namespace, ref('web'))?.name).toBe('labelled');
    expect(workloads.ownerOf('elsewhere', ref('web'))).toBeUndefined();
  });

  it('names the ScaledObject, not the HPA that KEDA makes for it', () => {
    const { horizontalPodAutoscalers, scaledObjects, workloads } = scene();
    horizontalPodAutoscalers.put(autoscaler('keda-hpa-web', 'web'));
    scaledObjects.put({ ...autoscaler('web', 'web', 'ScaledObject'), spec: { scaleTargetRef: { name: 'web' } } });
    expect(workloads.ownerOf(namespace, ref('web'))).toEqual<Owner>({ kind: 'ScaledObject', name: 'web' });
  });
});
