import { expect, test } from 'vitest';
import { answerFromPods, type MeasurablePod, type PodMetrics, type ResourceQuestion } from './pod-usage.ts';

const now = 1_800_000_000;
const iso = (second: number) => new Date(second * 1000).toISOString();
const utilization: ResourceQuestion = { name: 'cpu', type: 'Utilization' };

interface PodOptions {
  readonly requests?: string | undefined;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly deletionTimestamp?: string;
  readonly spec?: MeasurablePod['spec'];
}

function pod(
  name: string,
  { requests = '200m', ready = true, phase = 'Running', deletionTimestamp, spec }: PodOptions = {},
): MeasurablePod {
  return {
    metadata: { name, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: spec ?? { containers: [{ name: 'app', resources: { requests: { cpu: requests, memory: '64Mi' } } }] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

const used = (name: string, cpu: string, second = now - 15): [string, PodMetrics] => [
  name,
  { metadata: { name }, timestamp: iso(second), containers: [{ usage: { cpu, memory: '32Mi' } }] },
];

const both = new Map([used('a', '100m'), used('b', '250000000n')]);

test.each([
  [utilization, (100 * 0.35) / 0.4],
  [{ name: 'cpu', type: 'AverageValue' }, 0.175],
  [{ name: 'cpu', type: 'Total' }, 0.35],
  [{ name: 'cpu', type: 'TotalUtilization' }, (2 * 100 * 0.35) / 0.4],
  [{ name: 'memory', type: 'Utilization' }, 50],
  [{ name: 'memory', type: 'AverageValue' }, 32 * 2 ** 20],
] as const)('%j', (question, value) => {
  expect(answerFromPods([pod('a'), pod('b')], both, question, now)).toEqual({ value: expect.closeTo(value, 9) });
});

test('a pod that is ready and not measured makes the number incomplete, one that starts does not', () => {
  const only = new Map([used('a', '100m')]);
  const answer = answerFromPods([pod('a'), pod('b')], only, utilization, now);
  expect(answer).toEqual({ value: 50, incomplete: expect.stringContaining('some pods that are ready') });
  expect(answerFromPods([pod('a'), pod('b', { ready: false })], only, utilization, now)).toEqual({ value: 50 });
});

test('pods that end do not count', () => {
  const pods = [pod('a'), pod('b', { deletionTimestamp: iso(now) }), pod('c', { phase: 'Failed' })];
  expect(answerFromPods(pods, both, { name: 'cpu', type: 'Total' }, now)).toEqual({ value: 0.1 });
});

test('what was measured long ago is not there', () => {
  const old = new Map([used('a', '100m', now - 300)]);
  expect(answerFromPods([pod('a')], old, utilization, now)).toEqual({ missing: expect.stringContaining('no cpu') });
});

test('a container without a request, or without a measurement, is no zero', () => {
  const containers = [{ name: 'app', resources: { requests: { cpu: '1' } } }, { name: 'sidecar' }];
  const unrequested = pod('a', { spec: { containers } });
  expect(answerFromPods([unrequested], both, utilization, now)).toEqual({
    missing: expect.stringContaining('requests no cpu'),
  });
  expect(answerFromPods([unrequested], both, { name: 'cpu', type: 'Total' }, now)).toEqual({ value: 0.1 });
  const half: [string, PodMetrics] = ['a', { ...used('a', '1')[1], containers: [{ usage: { cpu: '1' } }, {}] }];
  expect(answerFromPods([pod('a')], new Map([half]), utilization, now)).toHaveProperty('missing');
});

test('sidecars and requests of the whole pod are counted', () => {
  const sidecar = { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } };
  const initial = { name: 'i', resources: { requests: { cpu: '9' } } };
  const containers = [{ name: 'app', resources: { requests: { cpu: '300m' } } }];
  const withSidecar = pod('a', { spec: { containers, initContainers: [sidecar, initial] } });
  expect(answerFromPods([withSidecar], both, utilization, now)).toEqual({ value: 25 });
  const whole = pod('a', { spec: { containers, resources: { requests: { cpu: '1' } } } });
  expect(answerFromPods([whole], both, utilization, now)).toEqual({ value: 10 });
});

test('no pods', () => {
  expect(answerFromPods([], both, utilization, now)).toEqual({ missing: 'the target has no pods' });
});

test('what a metrics server cannot have measured is not there', () => {
  const negative = new Map([used('a', '-100m'), used('b', '100m')]);
  const total = { name: 'cpu', type: 'Total' } as const;
  expect(answerFromPods([pod('a'), pod('b')], negative, total, now)).toMatchObject({
    value: 0.1,
    incomplete: expect.any(String),
  });
  const [name, metrics] = used('a', '100m');
  const undated = new Map([[name, { ...metrics, timestamp: 'yesterday' }]]);
  expect(answerFromPods([pod('a')], undated, total, now)).toHaveProperty('missing');
});
