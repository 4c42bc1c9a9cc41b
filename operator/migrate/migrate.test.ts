import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { UserError } from '../../env/errors.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import type { Migration } from './contract.ts';
import { formatMigrations, noteText } from './format.ts';
import { migrateAutoscalers } from './migrate.ts';
import { parseDocuments, readAutoscalers } from './read-autoscalers.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const metadata = { name: 'web', namespace: 'shop' };
const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } };

const hpa = (spec: object) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata,
  spec: { scaleTargetRef, maxReplicas: 10, metrics: [cpu], ...spec },
});
const requests = { type: 'prometheus', metadata: { query: 'sum(rate(requests_total[1m]))', threshold: '50' } };
const scaledObject = (spec: object) => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata,
  spec: { scaleTargetRef: { name: 'web' }, minReplicaCount: 1, triggers: [requests], ...spec },
});

function migrated(object: object, queries: readonly (readonly [string, string])[] = []): Migration {
  const { autoscalers } = readAutoscalers([object], undefined);
  return migrateAutoscalers(autoscalers, new Map(queries))[0];
}
const specOf = (object: object, queries: readonly (readonly [string, string])[] = []) =>
  closedLoopSpecSchema.parse(migrated(object, queries).manifest?.spec);
const told = (object: object, queries: readonly (readonly [string, string])[] = []) =>
  migrated(object, queries).notes.map(noteText);
/** Source and tracked value of each metric. */
const metricsOf = (object: object, queries: readonly (readonly [string, string])[] = []) =>
  specOf(object, queries).metrics.map(({ name, source, thresholds: [{ reaction }] }) => ({
    name,
    track: reaction.horizontal?.track,
    asks: source.resource ? `${source.resource.type} ${source.resource.name}` : source.prometheus?.query,
  }));

const metric = (type: string, field: string, value: object) => ({ type, [field]: value });
const average = (averageValue: string | number) => ({ type: 'AverageValue', averageValue });

describe('a HorizontalPodAutoscaler', () => {
  test('of CPU alone is the same to the last field', () => {
    const { manifest, notes } = migrated(hpa({ minReplicas: 2 }));
    expect(notes).toEqual([]);
    expect(manifest).toMatchObject({
      metadata,
      spec: { targetRef: scaleTargetRef, paused: true, intervalSeconds: 15 },
    });
    expect(specOf(hpa({ minReplicas: 2 })).behavior).toEqual({
      minReplicas: 2,
      maxReplicas: 10,
      scaleUp: { stabilizationWindowSeconds: 0, rateLimit: { pods: 4, percent: 100, periodSeconds: 15 } },
      scaleDown: { stabilizationWindowSeconds: 300 },
    });
  });

  test.each([
    ['CPU in percent', cpu, { name: 'cpu', track: 70, asks: 'TotalUtilization cpu' }],
    [
      'memory in bytes',
      metric('Resource', 'resource', { name: 'memory', target: average('500Mi') }),
      { name: 'memory', track: 500 * 2 ** 20, asks: 'Total memory' },
    ],
    [
      'a metric of its pods',
      metric('Pods', 'pods', {
        metric: { name: 'rps', selector: { matchLabels: { path: 'a"b' } } },
        target: average('1k'),
      }),
      { name: 'rps', track: 1000, asks: 'sum(rps{namespace="$namespace",pod=~"$target-.*",path="a\\"b"})' },
    ],
    [
      'a metric of an object, as it is',
      metric('Object', 'object', {
        metric: { name: 'rps' },
        describedObject: { kind: 'Ingress', name: 'main' },
        target: { type: 'Value', value: '500m' },
      }),
      {
        name: 'rps',
        track: 0.5,
        asks: '(sum(rps{namespace="$namespace",ingress="main"})) * scalar(kube_deployment_status_replicas_ready{namespace="$namespace",deployment="$target"})',
      },
    ],
    [
      'an external metric',
      metric('External', 'external', {
        metric: {
          name: 'queue_length',
          selector: { matchExpressions: [{ key: 'queue', operator: 'In', values: ['a.b', 'c'] }] },
        },
        target: average(30),
      }),
      { name: 'queue_length', track: 30, asks: 'sum(queue_length{queue=~"a\\\\.b|c"})' },
    ],
  ])('reads %s', (_, spec, expected) => {
    expect(metricsOf(hpa({ metrics: [spec] }))).toEqual([expected]);
  });

  test('of autoscaling/v1, and without metrics, is of CPU', () => {
    const first = { ...hpa({ metrics: undefined, targetCPUUtilizationPercentage: 60 }), apiVersion: 'autoscaling/v1' };
    expect(metricsOf(first)).toEqual([{ name: 'cpu', track: 60, asks: 'TotalUtilization cpu' }]);
    expect(metricsOf(hpa({ metrics: [] }))).toMatchObject([{ track: 80 }]);
  });

  test.each([
    [{ selectPolicy: 'Disabled' }, { pods: 1, periodSeconds: 3600 }, /selectPolicy Disabled has no counterpart/],
    [{ policies: [{ type: 'Percent', value: 100, periodSeconds: 60 }] }, undefined, undefined],
    [
      {
        selectPolicy: 'Min',
        policies: [
          { type: 'Percent', value: 100, periodSeconds: 60 },
          { type: 'Pods', value: 2, periodSeconds: 60 },
        ],
      },
      { pods: 2, periodSeconds: 60 },
      undefined,
    ],
    [
      {
        policies: [
          { type: 'Pods', value: 1, periodSeconds: 60 },
          { type: 'Percent', value: 10, periodSeconds: 30 },
          { type: 'Pods', value: 3, periodSeconds: 30 },
        ],
      },
      { pods: 3, percent: 10, periodSeconds: 30 },
      /left out 1 Pods in 60 s \(selectPolicy Max\)/,
    ],
    [{ tolerance: '0.05' }, undefined, /tolerance 0.05 has no counterpart/],
  ] as const)('scales down by %j', (scaleDown, rateLimit, note) => {
    const object = hpa({ behavior: { scaleDown } });
    expect(specOf(object).behavior.scaleDown.rateLimit).toEqual(rateLimit);
    const notes = told(object);
    if (note === undefined) expect(notes).toEqual([]);
    else expect(notes).toEqual([expect.stringMatching(note)]);
  });

  test('says what it cannot measure, until it is told', () => {
    const container = metric('ContainerResource', 'containerResource', {
      name: 'cpu',
      container: 'app',
      target: { type: 'Utilization', averageUtilization: 50 },
    });
    const external = metric('External', 'external', { metric: { name: 'queue.length' }, target: average(30) });
    const object = hpa({ metrics: [cpu, container, external] });
    expect(metricsOf(object)).toHaveLength(1);
    expect(told(object)).toEqual([
      expect.stringMatching(/^NOT THE SAME: metric app-cpu is left out .* --query app-cpu='…'/),
      expect.stringMatching(/^NOT THE SAME: metric queue-length is left out .* --query queue-length='…'/),
    ]);
    const query = 'sum(queue_messages)';
    expect(metricsOf(object, [['queue-length', query]])[1]).toEqual({ name: 'queue-length', track: 30, asks: query });
    expect(() => migrated(object, [['queue', query]])).toThrow(/no metric that needs a query is called queue;/);
    const none = migrated(hpa({ metrics: [container] }));
    expect(none.manifest).toBeUndefined();
    expect(formatMigrations([none])).toBe('');
  });
});

describe('a ScaledObject', () => {
  test('of Prometheus', () => {
    expect(metricsOf(scaledObject({}))).toEqual([
      { name: 'prometheus', track: 50, asks: 'sum(rate(requests_total[1m]))' },
    ]);
    expect(specOf(scaledObject({})).behavior).toMatchObject({ minReplicas: 1, maxReplicas: 100 });
    expect(
      told(scaledObject({ triggers: [{ ...requests, metadata: { ...requests.metadata, ignoreNullValues: false } }] })),
    ).toEqual([]);
  });

  test.each([
    [
      { type: 'cpu', metricType: 'Utilization', metadata: { value: '60' } },
      { track: 60, asks: 'TotalUtilization cpu' },
    ],
    [
      { type: 'memory', metricType: 'AverageValue', metadata: { value: '1Gi' } },
      { track: 2 ** 30, asks: 'Total memory' },
    ],
    [
      { ...requests, name: 'load', metricType: 'Value' },
      {
        name: 'load',
        asks: '(sum(rate(requests_total[1m]))) * scalar(kube_deployment_status_replicas_ready{namespace="$namespace",deployment="$target"})',
      },
    ],
  ])('reads the trigger %j', (trigger, expected) => {
    expect(metricsOf(scaledObject({ triggers: [trigger] }))).toEqual([expect.objectContaining(expected)]);
  });

  test('takes fallback, bounds, cooldown and the behavior of its HPA over, and tells what is not the same', () => {
    const object = scaledObject({
      minReplicaCount: 0,
      maxReplicaCount: 20,
      idleReplicaCount: 0,
      cooldownPeriod: 900,
      fallback: { failureThreshold: 4, replicas: 6 },
      advanced: {
        restoreToOriginalReplicaCount: true,
        horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } },
      },
    });
    const spec = specOf(object);
    expect(spec.behavior).toMatchObject({
      minReplicas: 0,
      maxReplicas: 20,
      scaleDown: { stabilizationWindowSeconds: 900 },
    });
    expect(spec.onMissingMetrics).toEqual({ action: 'Fallback', replicas: 6, afterTicks: 4 });
    const notes = told(object).join('\n');
    for (const field of ['fallback.behavior', 'idleReplicaCount', 'cooldownPeriod', 'restoreToOriginalReplicaCount']) {
      expect(notes).toContain(field);
    }
  });

  test('with a formula, or of nothing that Prometheus knows, is not converted', () => {
    const formula = scaledObject({ advanced: { scalingModifiers: { formula: 'a + b', target: '2' } } });
    expect(migrated(formula)).toMatchObject({ manifest: undefined, notes: [{ isDifferent: true }] });
    const kafka = { type: 'kafka', metadata: { topic: 'orders', lagThreshold: '50' } };
    expect(migrated(scaledObject({ triggers: [kafka] })).manifest).toBeUndefined();
    const given = [['kafka', 'sum(kafka_consumergroup_lag)']] as const;
    expect(metricsOf(scaledObject({ triggers: [kafka] }), given)).toEqual([
      { name: 'kafka', track: 50, asks: 'sum(kafka_consumergroup_lag)' },
    ]);
  });
});

test('no metric goes without a word', () => {
  const names = fc.constantFrom('rps', 'queue.length', 'a b', 'kafka', '9');
  const target = fc.constantFrom(average('30'), { type: 'Value', value: 2 }, { type: 'AverageValue' });
  const external = fc.record({ metric: fc.record({ name: names }), target });
  const metrics = fc.array(
    fc.oneof(
      fc.constant(cpu),
      external.map((one) => metric('External', 'external', one)),
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(metrics, (all) => {
      const { manifest, notes } = migrated(hpa({ metrics: all }));
      const left = notes.filter(({ text }) => /is left out/.test(text));
      expect((manifest?.spec.metrics.length ?? 0) + left.length).toBe(all.length);
    }),
  );
});

test('reads what kubectl prints, and writes what it takes; nothing in a name gets out of a comment', () => {
  const evil = scaledObject({ triggers: [requests, { type: 'x\n---\nkind: Evil\n#', metadata: {} }] });
  const items = [hpa({}), { ...evil, metadata: { ...metadata, name: 'worker' } }];
  const made = {
    ...hpa({}),
    metadata: { name: 'keda-hpa-worker', ownerReferences: [{ kind: 'ScaledObject', name: 'worker' }] },
  };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } };
  const text = [
    stringify({ apiVersion: 'v1', kind: 'List', items }),
    stringify({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscalerList', items: [made] }),
    stringify(service),
  ].join('---\n');
  const { autoscalers, passedOver } = readAutoscalers(parseDocuments(text, 'test'), 'shop');
  expect(passedOver).toEqual([
    'HorizontalPodAutoscaler shop/keda-hpa-worker: made by KEDA for ScaledObject worker',
    'Service shop/web: no autoscaler',
  ]);
  const migrations = migrateAutoscalers(autoscalers, new Map());
  const documents = parseAllDocuments(formatMigrations(migrations)).map((document) => document.toJS());
  expect(documents).toEqual(migrations.map(({ manifest }) => manifest));
});

test.each([
  ['not: [yaml', /test is not YAML/],
  ['just text', /no object of Kubernetes: "just text"/],
  [
    stringify({ ...hpa({}), apiVersion: 'autoscaling/v2beta1' }),
    /HorizontalPodAutoscaler shop\/web: apiVersion autoscaling\/v2beta1/,
  ],
  [stringify(hpa({ maxReplicas: 0 })), /HorizontalPodAutoscaler shop\/web: spec.maxReplicas: /],
  [
    stringify(hpa({ metrics: [metric('Resource', 'resource', { name: 'cpu', target: average('much') })] })),
    /spec.metrics.0.resource.target.averageValue: "much" is no quantity/,
  ],
  [
    stringify(hpa({ minReplicas: 20 })),
    /as a closed loop its behavior.minReplicas is not possible: is above maxReplicas/,
  ],
  [stringify(scaledObject({ triggers: [] })), /ScaledObject shop\/web: spec.triggers: /],
  [
    stringify(scaledObject({ triggers: [{ ...requests, metadata: { query: 'sum(', threshold: 5 } }] })),
    /ScaledObject shop\/web: the query of metric prometheus \(sum\(\): at /,
  ],
])('refuses %j, saying where', (text, message) => {
  const read = () =>
    migrateAutoscalers(readAutoscalers(parseDocuments(text, 'test'), undefined).autoscalers, new Map());
  expect(read).toThrow(UserError);
  expect(read).toThrow(message);
});
