import { Registry } from 'prom-client';
import { beforeEach, expect, test } from 'vitest';
import { KubernetesError } from '../../../env/cluster/kubernetes-api.ts';
import type { MetricSource } from '../../../policies/resources/closed-loop.ts';
import type { MetricRequest, PushStore } from '../contract.ts';
import { createMetricReader } from './metric-reader.ts';
import { createPushStore } from './push-source.ts';

const now = 1_800_000_000;
const pod = (name: string, app: string) => ({
  metadata: { name, labels: { app } },
  spec: { containers: [{ name: 'app', resources: { requests: { cpu: '100m' } } }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});
const measured = (name: string, cpu: string) => ({
  metadata: { name },
  timestamp: new Date((now - 10) * 1000).toISOString(),
  containers: [{ usage: { cpu } }],
});

let calls: string[];
let pushStore: PushStore;
let hanging: boolean;

const api = {
  async getPath<T>(path: string): Promise<T> {
    calls.push(path);
    if (hanging) return new Promise<T>(() => {});
    if (path.includes('/forbidden/')) throw new KubernetesError(403, 'Forbidden', 'pods.metrics.k8s.io is forbidden');
    if (path.includes('/bare/')) throw new KubernetesError(404, 'NotFound', 'the server could not find it');
    return { items: [measured('web-1', '50m'), measured('web-2', '100m'), measured('api-1', '20m')] } as T;
  },
  async list<T>(type: { plural: string }, options: { namespace?: string } = {}) {
    calls.push(`list ${type.plural} ${options.namespace}`);
    return { items: [pod('web-1', 'web'), pod('web-2', 'web'), pod('api-1', 'api')] as T[], resourceVersion: '1' };
  },
};

beforeEach(() => {
  calls = [];
  hanging = false;
  pushStore = createPushStore({ maxLoops: 2 });
});

const newReader = () =>
  createMetricReader({ prometheus: undefined, api, pushStore, now: () => now, metrics: new Registry() });
const request = (source: MetricSource, rest: Partial<MetricRequest> = {}): MetricRequest => ({
  namespace: 'shop',
  loop: 'web',
  target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
  podSelector: 'app=web',
  metric: 'cpu',
  source,
  ...rest,
});
const cpu: MetricSource = { resource: { name: 'cpu', type: 'Utilization' } };
const push: MetricSource = { push: { maxAgeSeconds: 60 } };
const soon = () => AbortSignal.timeout(5000);

test('each request gets its own answer, whatever the source', async () => {
  pushStore.put('shop', 'web', { values: { cpu: 7 }, time: now - 5 });
  const answers = await newReader().read(
    [
      request(push),
      request(cpu),
      request({ prometheus: { query: 'up' } }),
      request({ http: { url: 'http://example.com/', timeoutSeconds: 1 } }),
      request(cpu, { podSelector: 'app in (api)' }),
      request({}),
    ],
    soon(),
  );
  expect(answers).toEqual([
    { value: 7, time: now - 5 },
    { value: 75 },
    { missing: expect.stringContaining('--prometheus') },
    { missing: expect.stringContaining('host example.com is not allowed') },
    { value: 20 },
    { missing: expect.stringContaining('no source') },
  ]);
});

test('the pods of a namespace are measured once a tick', async () => {
  const requests = Array.from({ length: 30 }, (_, i) => request(cpu, { loop: `l${i}`, namespace: `ns-${i % 3}` }));
  await newReader().read(requests, soon());
  expect(calls).toHaveLength(6);
  expect(calls).toContain('/apis/metrics.k8s.io/v1beta1/namespaces/ns-1/pods');
});

test('an unknown selector does not mean every pod', async () => {
  expect(await newReader().read([request(cpu, { podSelector: '' })], soon())).toEqual([
    { missing: expect.stringContaining('label selector') },
  ]);
});

test('a failure is that of its namespace, in words that stay the same', async () => {
  const requests = ['forbidden', 'bare', 'shop'].map((namespace) => request(cpu, { namespace }));
  expect(await newReader().read(requests, soon())).toEqual([
    { missing: expect.stringContaining('is forbidden') },
    { missing: expect.stringContaining('install metrics-server') },
    { value: 75 },
  ]);
});

test('a source that ignores the deadline does not hold up the others', async () => {
  hanging = true;
  pushStore.put('shop', 'web', { values: { cpu: 7 }, time: now });
  const started = performance.now();
  expect(await newReader().read([request(cpu), request(push)], AbortSignal.timeout(50))).toEqual([
    { missing: expect.stringContaining('in time') },
    { value: 7, time: now },
  ]);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('what was pushed gets old, lacks fields, and is forgotten with its loop', async () => {
  const reader = newReader();
  const ask = async (source: MetricSource = push) => (await reader.read([request(source)], soon()))[0];
  expect(await ask()).toEqual({ missing: 'nothing was pushed yet' });
  pushStore.put('shop', 'web', { values: { cpu: 7 }, time: now - 61 });
  expect(await ask()).toEqual({ missing: 'the last push is older than 60 s' });
  expect(await ask({ push: { maxAgeSeconds: 61 } })).toEqual({ value: 7, time: now - 61 });
  expect(await ask({ push: { field: 'toString', maxAgeSeconds: 100 } })).toEqual({
    missing: expect.stringContaining('no field'),
  });
  reader.forgetLoop('shop', 'web');
  expect(await ask()).toEqual({ missing: 'nothing was pushed yet' });
  for (const loop of ['a', 'b', 'c']) pushStore.put('shop', loop, { values: {}, time: now });
  expect(['a', 'b', 'c'].filter((loop) => pushStore.get('shop', loop) !== undefined)).toEqual(['b', 'c']);
});
