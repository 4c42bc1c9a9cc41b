/** A cluster as it is on a busy afternoon, for tests of the view and its faces. */
import type { SystemMeasurement } from '../../env/ports.ts';
import { type ClosedLoop, closedLoopSpecSchema, type DecisionRecord } from '../../policies/resources/closed-loop.ts';
import { type DeliberativeLoop, deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { scalingGroupSpecSchema } from '../../policies/resources/scaling-group.ts';
import type { ClusterObjects, Snapshot } from './snapshot.ts';

/** 2026-11-21T10:15:00Z. */
export const now = Date.UTC(2026, 10, 21, 10, 15) / 1000;

export function timestampBefore(seconds: number): string {
  return new Date((now - seconds) * 1000).toISOString();
}

export function condition(type: string, status: Condition['status'], reason: string, message = ''): Condition {
  return { type, status, reason, message, lastTransitionTime: timestampBefore(60) };
}

export function decision(change: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    time: timestampBefore(40),
    message: 'High cpu',
    winner: 'cpu',
    losers: [],
    clampedBy: [],
    action: 'React to cpu',
    from: 4,
    to: 6,
    missing: [],
    values: { cpu: 84.2, p95: 181.4 },
    ...change,
  };
}

const step = (by: number | string) => ({ horizontal: { by } });

/** With metrics p95 (rank 1, limit 250) and cpu (rank 2, 30 to 80), as one of the agent's may look. */
export function closedLoop(
  name: string,
  { target = { name }, status = {}, spec = {}, namespace = 'shop' }: ClosedLoopChange = {},
): ClosedLoop {
  return {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'ClosedLoop',
    metadata: { name, namespace, uid: `uid-${name}`, generation: 1, labels: { tier: 'front' } },
    spec: closedLoopSpecSchema.parse({
      targetRef: target,
      metrics: [
        {
          name: 'p95',
          rank: 1,
          source: { prometheus: { query: 'histogram_quantile(0.95, request_duration_milliseconds_bucket)' } },
          thresholds: [{ kind: 'superior', value: 250, reaction: step('20%') }],
        },
        {
          name: 'cpu',
          rank: 2,
          source: { resource: { name: 'cpu' } },
          thresholds: [
            { kind: 'superior', value: 80, reaction: step('20%') },
            { kind: 'inferior', value: 30, reaction: step(-1) },
          ],
        },
      ],
      behavior: { maxReplicas: 15 },
      ...spec,
    }),
    status: {
      observedGeneration: 1,
      ranks: { p95: 1, cpu: 2 },
      ranking: 'p95,cpu',
      target: `Deployment/${name}`,
      replicas: 6,
      lastDecision: decision(),
      recentDecisions: [
        decision(),
        decision({
          time: timestampBefore(600),
          message: 'No Event',
          winner: undefined,
          action: 'No action',
          from: 4,
          to: 4,
        }),
      ],
      reactionEpochs: {},
      recentReactions: [],
      rankChanges: [],
      recentChanges: [],
      conditions: [condition('Ready', 'True', 'Accepted'), condition('MetricsAvailable', 'True', 'AllMeasured')],
      ...status,
    },
  };
}

export interface ClosedLoopChange {
  readonly target?: { readonly kind?: string; readonly apiVersion?: string; readonly name: string };
  readonly status?: Partial<NonNullable<ClosedLoop['status']>>;
  readonly spec?: Record<string, unknown>;
  readonly namespace?: string;
}

export function deliberativeLoop(
  name: string,
  {
    spec = {},
    status = {},
  }: { spec?: Record<string, unknown>; status?: Partial<NonNullable<DeliberativeLoop['status']>> } = {},
): DeliberativeLoop {
  return {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'DeliberativeLoop',
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: deliberativeLoopSpecSchema.parse({
      closedLoops: { names: ['web'] },
      policy: { checkpoint: { configMap: { name: 'tuner' } } },
      mode: 'Bounded',
      ...spec,
    }),
    status: {
      proposals: [
        {
          closedLoop: 'web',
          setPoint: 6,
          ranks: { cpu: 1, p95: 2 },
          time: timestampBefore(20),
          confidence: 0.83,
          value: -1.2,
          hpaWouldBe: 8,
        },
      ],
      policy: { name: 'configMap/tuner', sha256: 'ab12cd34'.repeat(8), loadedAt: timestampBefore(3600) },
      agent: { identity: 'agent-0', renewTime: timestampBefore(20) },
      reward: {
        sha256: 'ab12cd34'.repeat(8),
        decisions: 240,
        mean: -0.86,
        deviation: 0.21,
        advantageMean: 0.14,
        advantageDeviation: 0.1,
      },
      conditions: [
        condition('Ready', 'True', 'Deciding', 'Decides for 1 closed loop.'),
        condition('Applied', 'True', 'Applied'),
      ],
      ...status,
    },
  };
}

export function scalingGroup(
  name: string,
  members: readonly { name: string; ratio?: number }[],
  replicas: number,
  ready: number,
): ScalingGroup {
  return {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'ScalingGroup',
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: scalingGroupSpecSchema.parse({
      replicas,
      members: members.map(({ name: member, ratio = 1 }) => ({ targetRef: { name: member }, ratio })),
    }),
    status: { replicas: ready, selector: '', members: [], conditions: [] },
  };
}

export function workload(name: string, replicas: number, ready: number): ClusterObjects['workloads'][number] {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: { replicas },
    status: { readyReplicas: ready },
  };
}

export function measurement(
  key: string,
  load: number,
  p95Milliseconds: number,
  missing: readonly string[] = [],
): SystemMeasurement {
  return {
    key,
    load,
    p95Milliseconds,
    requestsPerSecond: Float64Array.of(load),
    cpuPercent: Float64Array.of(70),
    memoryPercent: Float64Array.of(40),
    measuredReady: Int32Array.of(4),
    ready: Int32Array.of(4),
    desired: Int32Array.of(6),
    ageSeconds: 2,
    missing,
  };
}

export function snapshot({
  objects = {},
  ...change
}: Partial<Omit<Snapshot, 'objects'>> & { objects?: Partial<ClusterObjects> } = {}): Snapshot {
  return {
    server: 'https://10.0.0.1:6443',
    second: now,
    objects: { closedLoops: [], deliberativeLoops: [], scalingGroups: [], workloads: [], ...objects },
    sources: [{ name: 'https://10.0.0.1:6443', state: 'ok', message: '', lastSeenSecond: now }],
    measurements: new Map(),
    slaMilliseconds: undefined,
    ...change,
  };
}

/** Three loops: one that follows its agent, one that is held back, one that lost a metric. */
export function busySnapshot(): Snapshot {
  return snapshot({
    objects: {
      closedLoops: [
        closedLoop('web'),
        closedLoop('checkout', {
          target: { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'checkout' },
          status: {
            replicas: 4,
            lastDecision: decision({
              message: 'High p95,High cpu',
              winner: 'p95',
              losers: ['cpu'],
              action: 'React to p95',
              from: 4,
              to: 4,
              clampedBy: ['maxReplicas'],
              values: { p95: 312, cpu: 91 },
            }),
            recentDecisions: [],
            conditions: [
              condition('Ready', 'True', 'Accepted'),
              condition('ScalingLimited', 'True', 'MaxReplicas', 'The largest size is reached.'),
            ],
          },
          spec: { behavior: { maxReplicas: 4 } },
        }),
        closedLoop('search', {
          status: {
            replicas: 3,
            lastDecision: decision({
              message: 'No Event',
              winner: undefined,
              action: 'No action',
              from: 3,
              to: 3,
              values: { cpu: 55 },
              missing: [{ name: 'p95', reason: 'the query has no result' }],
            }),
            recentDecisions: [],
            conditions: [
              condition('Ready', 'True', 'Accepted'),
              condition('MetricsAvailable', 'False', 'MissingMetrics', 'p95: the query has no result'),
            ],
          },
        }),
      ],
      deliberativeLoops: [
        deliberativeLoop('tuner'),
        deliberativeLoop('trial', {
          spec: { closedLoops: { names: ['web', 'checkout'] }, mode: 'Recommend' },
          status: {
            proposals: [
              { closedLoop: 'checkout', time: timestampBefore(400), confidence: 0.41, value: -2.75, hpaWouldBe: 7 },
            ],
            reward: undefined,
            conditions: [
              condition(
                'Ready',
                'True',
                'SomeAbstain',
                'Decides for 1 of 2 closed loops; nothing is proposed for web: load is 3.2 times what was trained (OutOfDistribution).',
              ),
            ],
          },
        }),
      ],
      scalingGroups: [scalingGroup('checkout', [{ name: 'checkout' }, { name: 'payment', ratio: 0.5 }], 4, 4)],
      workloads: [workload('web', 6, 4), workload('search', 3, 3)],
    },
    sources: [
      { name: 'https://10.0.0.1:6443', state: 'ok', message: '', lastSeenSecond: now - 1 },
      { name: 'Prometheus http://prometheus:9090', state: 'ok', message: '', lastSeenSecond: now - 2 },
    ],
    measurements: new Map([
      ['shop/web', measurement('shop/web', 431.2, 181.4)],
      ['shop/checkout', measurement('shop/checkout', 96.4, 312)],
      [
        'shop/search',
        measurement('shop/search', 12.3, Number.NaN, [
          'p95 of search: the query returned nothing; the preset opentelemetry would',
        ]),
      ],
    ]),
  });
}
