import { describe, expect, it } from 'vitest';
import type { ResizablePod } from '../../env/cluster/pod-resize.ts';
import { pendingResize, planResize, podSizes, type ResizableWorkload } from './resize-plan.ts';

const app = { name: 'app', resources: { requests: { cpu: '200m', memory: '100Mi' }, limits: { cpu: '400m' } } };
const proxy = { name: 'proxy', resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } } };

function pod(
  name: string,
  appCpu = '200m',
  conditions: NonNullable<ResizablePod['status']>['conditions'] = [],
): ResizablePod {
  const resources = { requests: { ...app.resources.requests, cpu: appCpu }, limits: app.resources.limits };
  return {
    metadata: { name, namespace: 'shop', resourceVersion: '7' },
    spec: { containers: [{ name: 'app', resources }, proxy] },
    status: { phase: 'Running', conditions },
  };
}

const workload = (...pods: ResizablePod[]): ResizableWorkload => ({
  name: 'Deployment/web',
  template: [app, proxy],
  pods,
});

describe('resizing pods', () => {
  it('scales request and limit of the container with the largest request of the resource', () => {
    expect(planResize([workload(pod('a'))], 'cpu', 1.25, true)).toEqual([
      { pod: pod('a'), container: 'app', resources: { requests: { cpu: '250m' }, limits: { cpu: '500m' } } },
    ]);
    const [memory] = planResize([workload(pod('a'))], 'memory', 1.5, true);
    expect(memory).toMatchObject({
      container: 'proxy',
      resources: { requests: { memory: `${192 * 1024}Ki` }, limits: { memory: `${384 * 1024}Ki` } },
    });
  });

  it('makes no pod smaller going up and none larger going down', () => {
    const pods = workload(pod('standard'), pod('large', '400m'));
    expect(podSizes([pods], 'cpu')).toEqual({ smallest: 1, largest: 2 });
    const names = (size: number, up: boolean) =>
      planResize([pods], 'cpu', size, up).map((change) => change.pod.metadata.name);
    expect([names(1.5, true), names(1.5, false), names(2, true), names(1, false)]).toEqual([
      ['standard'],
      ['large'],
      ['standard'],
      ['large'],
    ]);
  });

  it('writes nothing to pods that have the size', () => {
    expect(planResize([workload(pod('a', '250m'))], 'cpu', 1.25, true)).toEqual([]);
  });

  it('takes a limit for the request that the API server makes of it', () => {
    const limited = { name: 'app', resources: { limits: { memory: '1Gi' } } };
    const running = { name: 'app', resources: { limits: { memory: '1Gi' }, requests: { memory: '1Gi' } } };
    const pods = [{ ...pod('a'), spec: { containers: [running] } }];
    const [change] = planResize([{ name: 'Deployment/web', template: [limited], pods }], 'memory', 2, true);
    expect(change.resources).toEqual({
      requests: { memory: `${2 * 1024 * 1024}Ki` },
      limits: { memory: `${2 * 1024 * 1024}Ki` },
    });
  });

  it('knows no size without a request to be relative to', () => {
    const bare = { name: 'Deployment/web', template: [{ name: 'app' }], pods: [pod('a')] };
    expect([podSizes([bare], 'cpu'), planResize([bare], 'cpu', 2, true)]).toEqual([undefined, []]);
  });

  it('says which pod its node has not resized', () => {
    const waiting = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible', message: 'node has 4 cores' }];
    expect(pendingResize([workload(pod('a'), pod('b', '200m', waiting))])).toEqual({
      reason: 'Infeasible',
      message: 'Deployment/web: pod b is not resized yet: node has 4 cores',
    });
  });
});
