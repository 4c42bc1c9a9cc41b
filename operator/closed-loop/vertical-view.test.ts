import { describe, expect, it } from 'vitest';
import type { ResizablePod } from '../../env/cluster/pod-resize.ts';
import { decide, readMetrics } from '../../policies/reactive/decide.ts';
import { initialLoopState } from '../../policies/reactive/loop-state.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import type { Workload } from '../workloads/contract.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import type { ResizableWorkload } from './resize-plan.ts';
import { createViewPods } from './vertical-view.ts';

const spec = loopSpecOf(
  closedLoopSpecSchema.parse({
    targetRef: { name: 'web' },
    metrics: [
      {
        name: 'memory',
        rank: 1,
        source: { push: {} },
        thresholds: [
          { kind: 'superior', value: 80, reaction: { vertical: { resource: 'memory', by: 0.25, min: 1, max: 1.5 } } },
          { kind: 'inferior', value: 20, reaction: { vertical: { resource: 'memory', by: -0.25, min: 1, max: 1.5 } } },
        ],
      },
      {
        name: 'queue',
        rank: 2,
        source: { push: {} },
        thresholds: [{ kind: 'inferior', value: 10, reaction: { horizontal: { by: -1 } } }],
      },
    ],
    behavior: { maxReplicas: 10, scaleDown: { stabilizationWindowSeconds: 0 } },
  }),
  undefined,
  undefined,
);
const container = (memory: string) => ({ name: 'app', resources: { requests: { memory } } });
const pod = (memory: string, waiting = false): ResizablePod => ({
  metadata: { name: 'web-1' },
  spec: { containers: [container(memory)] },
  status: { conditions: waiting ? [{ type: 'PodResizePending', status: 'True', reason: 'Deferred' }] : [] },
});
const workload = { namespace: 'shop', ref: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } } as Workload;
const signal = new AbortController().signal;

async function decideWith(metrics: Record<string, number>, read: () => Promise<ResizableWorkload[]>) {
  let reads = 0;
  const view = createViewPods({
    read: () => {
      reads++;
      return read();
    },
    resize: async () => true,
  });
  const observation = { groupSize: 5, metrics };
  const pods = await view(readMetrics(spec, observation), workload, signal);
  const decision = decide(spec, initialLoopState(spec), pods?.into(observation) ?? observation, 100);
  return { decision, obstacle: pods?.obstacle, reads };
}
const deployed =
  (...pods: ResizablePod[]) =>
  async () => [{ name: 'Deployment/web', template: [container('100Mi')], pods }];

describe('pods that are to be resized', () => {
  it('are not read while no vertical reaction is in question', async () => {
    expect((await decideWith({ memory: 50, queue: 5 }, deployed(pod('100Mi')))).reads).toBe(0);
  });

  it('grow from the smallest and shrink from the largest', async () => {
    const mixed = deployed(pod('100Mi'), pod('150Mi'));
    expect((await decideWith({ memory: 90, queue: 50 }, mixed)).decision.vertical).toMatchObject({ size: 1.25 });
    expect((await decideWith({ memory: 10, queue: 50 }, mixed)).decision.vertical).toMatchObject({ size: 1.25 });
    const large = deployed(pod('150Mi'), pod('150Mi'));
    expect((await decideWith({ memory: 90, queue: 50 }, large)).decision).toMatchObject({
      vertical: null,
      clampedBy: ['verticalMax'],
    });
  });

  it.each([
    ['wait for their node', deployed(pod('125Mi', true)), 'Deferred'],
    [
      'have no request',
      async () => [{ name: 'Deployment/web', template: [{ name: 'app' }], pods: [pod('0')] }],
      'NoRequest',
    ],
    [
      'cannot be read',
      async () => {
        throw new Error('forbidden');
      },
      'PodsUnreadable',
    ],
  ])('are left alone while they %s, and nothing scales down against their need', async (_, read, reason) => {
    const { decision, obstacle } = await decideWith({ memory: 90, queue: 5 }, read);
    expect(decision).toMatchObject({ winner: null, vertical: null, groupSize: 5, clampedBy: ['breach'] });
    expect(obstacle).toMatchObject({ reason });
  });

  it('may shrink although their last growth is still waiting', async () => {
    const { decision } = await decideWith({ memory: 10, queue: 50 }, deployed(pod('150Mi', true)));
    expect(decision.vertical).toEqual({ resource: 'memory', size: 1.25 });
  });
});
