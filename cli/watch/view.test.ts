import { describe, expect, it } from 'vitest';
import { printable } from '../../env/report/printable.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import { latencyLimitMilliseconds } from './latency-limit.ts';
import { watchView } from './view.ts';
import {
  busySnapshot,
  closedLoop,
  condition,
  decision,
  deliberativeLoop,
  measurement,
  now,
  scalingGroup,
  snapshot,
  timestampBefore,
  workload,
} from './watch.fixture.ts';

const viewOf = (loop: ClosedLoop, change: Parameters<typeof snapshot>[0] = {}) =>
  watchView(snapshot({ ...change, objects: { closedLoops: [loop], ...change.objects } })).closedLoops[0];

describe('a closed loop', () => {
  it('is shown with what it decided, measures and was proposed', () => {
    const web = watchView(busySnapshot()).closedLoops.find(({ name }) => name === 'web');
    expect(web).toMatchObject({
      key: 'shop/web',
      target: 'Deployment/web',
      standing: 'ok',
      size: { desired: 6, ready: 4 },
      minReplicas: 1,
      maxReplicas: 15,
      load: 431.2,
      p95Milliseconds: 181.4,
      p95LimitMilliseconds: 250,
      obstacles: [],
    });
    expect(web?.decisions.map(({ text }) => text)).toEqual([
      'High cpu → React to cpu, 4 → 6',
      'No Event → No action, stays at 4',
    ]);
    expect(web?.proposals).toEqual([
      {
        by: 'tuner',
        mode: 'Bounded',
        acts: true,
        second: now - 20,
        isStale: false,
        setPoint: 6,
        ranking: 'cpu, p95',
        confidence: 0.83,
        value: -1.2,
        hpaWouldBe: 8,
      },
      expect.objectContaining({ by: 'trial', mode: 'Recommend', acts: false, second: undefined, isStale: false }),
    ]);
  });

  it.each([
    ['ok', {}],
    ['new', undefined],
    ['paused', { spec: { paused: true } }],
    ['limited', { conditions: [condition('ScalingLimited', 'True', 'MaxReplicas')] }],
    ['trouble', { conditions: [condition('Ready', 'False', 'TargetMissing')] }],
    ['trouble', { conditions: [condition('Ready', 'Unknown', 'TargetUnreadable')] }],
    ['trouble', { conditions: [condition('MetricsAvailable', 'False', 'MissingMetrics')] }],
    ['trouble', { conditions: [condition('ScalingActive', 'False', 'Forbidden')] }],
  ])('stands as %s', (standing, change) => {
    const { spec, ...status } = { spec: undefined, ...change };
    const loop = closedLoop('web', { status, ...(spec ? { spec } : {}) });
    expect(viewOf(change === undefined ? { ...loop, status: undefined } : loop).standing).toBe(standing);
  });

  it.each([
    ['its own Deployment', { workloads: [workload('web', 6, 4)] }, { desired: 6, ready: 4 }],
    ['a Deployment of another name', { workloads: [workload('other', 1, 1)] }, { desired: 6, ready: undefined }],
  ])('has the size of %s', (_, objects, size) => {
    expect(viewOf(closedLoop('web'), { objects }).size).toEqual(size);
  });

  it('has the size of its group, and of what is measured where workloads may not be read', () => {
    const target = { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'shop' };
    const objects = {
      scalingGroups: [scalingGroup('shop', [{ name: 'web' }], 5, 3)],
      workloads: [workload('shop', 9, 9)],
    };
    expect(viewOf(closedLoop('web', { target }), { objects }).size).toEqual({ desired: 5, ready: 3 });
    const measurements = new Map([['shop/web', measurement('shop/web', 10, 20)]]);
    expect(viewOf(closedLoop('web'), { measurements }).size).toEqual({ desired: 6, ready: 4 });
  });

  it('ranks its metrics as they are in force, and says where each is', () => {
    const status = {
      ranks: { p95: 2, cpu: 1 },
      lastDecision: decision({
        message: 'Low cpu',
        values: { cpu: 12 },
        missing: [{ name: 'p95', reason: 'the query\nhas no result' }],
      }),
    };
    expect(viewOf(closedLoop('web', { status })).metrics).toEqual([
      {
        name: 'cpu',
        rank: 1,
        specifiedRank: 2,
        value: 12,
        thresholds: '> 80 or < 30',
        breach: 'Low',
        missing: undefined,
      },
      {
        name: 'p95',
        rank: 2,
        specifiedRank: 1,
        value: undefined,
        thresholds: '> 250',
        breach: undefined,
        missing: 'the query has no result',
      },
    ]);
  });

  it('takes a proposal for stale at the age that the guardrails give', () => {
    const agent = deliberativeLoop('tuner', { spec: { guardrails: { staleAfterSeconds: 20 } } });
    const isStaleAt = (second: number) =>
      viewOf(closedLoop('web'), { second, objects: { deliberativeLoops: [agent] } }).proposals[0].isStale;
    expect([isStaleAt(now - 1), isStaleAt(now)]).toEqual([false, true]);
  });

  it('is not tuned by what selects others or lives elsewhere', () => {
    const others = [
      deliberativeLoop('a', { spec: { closedLoops: { names: ['api'] } } }),
      deliberativeLoop('b', { spec: { closedLoops: { matchLabels: { tier: 'back' } } } }),
      { ...deliberativeLoop('c'), metadata: { name: 'c', namespace: 'elsewhere' } },
      deliberativeLoop('d', { spec: { closedLoops: { matchLabels: { tier: 'front' } } } }),
    ];
    expect(viewOf(closedLoop('web'), { objects: { deliberativeLoops: others } }).proposals.map(({ by }) => by)).toEqual(
      ['d'],
    );
  });
});

describe('a deliberative loop', () => {
  const problemsOf = (change: Parameters<typeof deliberativeLoop>[1]) =>
    watchView(
      snapshot({ objects: { deliberativeLoops: [deliberativeLoop('tuner', change)] } }),
    ).deliberativeLoops[0].problems.map(({ title }) => title);

  it.each<[string, string[], Parameters<typeof deliberativeLoop>[1]]>([
    ['nothing when all is well', [], {}],
    [
      'nothing of Applied, which is False by design',
      [],
      { status: { conditions: [condition('Applied', 'False', 'RecommendOnly')] } },
    ],
    [
      'a conflict',
      ['Conflict: TunedByAnother'],
      { status: { conditions: [condition('Conflict', 'True', 'TunedByAnother')] } },
    ],
    ['nothing of no conflict', [], { status: { conditions: [condition('Conflict', 'False', 'NoConflict')] } }],
    [
      'that it abstains',
      ['Ready: OutOfDistribution'],
      { status: { conditions: [condition('Ready', 'False', 'OutOfDistribution')] } },
    ],
    [
      'that it abstains for some',
      ['Ready: SomeAbstain'],
      { status: { conditions: [condition('Ready', 'True', 'SomeAbstain')] } },
    ],
    ['that nobody runs it', ['Agent: Absent'], { status: { agent: undefined } }],
    [
      'that its agent is silent',
      ['Agent: Silent'],
      { status: { agent: { identity: 'a', renewTime: timestampBefore(180) } } },
    ],
    [
      'nothing of an agent whose policy runs in the operator',
      [],
      { spec: { policy: { lastTen: {} } }, status: { agent: undefined } },
    ],
  ])('says %s', (_, problems, change) => {
    expect(problemsOf(change)).toEqual(problems);
  });
});

it('shows objects that lack what the schema promises', () => {
  const bare = { apiVersion: 'duoloop.dev/v1alpha1', metadata: { name: 'bare', namespace: 'shop' } };
  const objects = {
    closedLoops: [
      { ...bare, kind: 'ClosedLoop' } as unknown as ClosedLoop,
      { ...closedLoop('web'), status: {} } as ClosedLoop,
    ],
    deliberativeLoops: [{ ...bare, kind: 'DeliberativeLoop' } as unknown as ReturnType<typeof deliberativeLoop>],
  };
  const view = watchView(snapshot({ objects }));
  expect(view.closedLoops.map(({ key, decisions }) => [key, decisions])).toEqual([
    ['shop/bare', []],
    ['shop/web', []],
  ]);
});

describe('the p95 limit', () => {
  const limitOf = (name: string, query: string, value = 0.25) =>
    latencyLimitMilliseconds([
      { name, rank: 1, source: { prometheus: { query } }, thresholds: [{ kind: 'superior', value, reaction: {} }] },
    ] as unknown as Parameters<typeof latencyLimitMilliseconds>[0]);

  it.each([
    ['p95', 'istio_request_duration_milliseconds_bucket', 250, 250],
    ['p95', 'http_server_request_duration_seconds_bucket', 0.25, 250],
    ['p95', 'histogram_quantile(0.95, http_request_duration_seconds_bucket) * 1000', 250, 250],
    ['latency', 'my:recorded', 80, 80],
    ['cpu', 'container_cpu_usage_seconds_total', 80, undefined],
  ])('of %s by %s is in milliseconds', (name, query, value, limit) => {
    expect(limitOf(name, query, value)).toBe(limit);
  });

  it('is what was typed, for every loop', () => {
    expect(viewOf(closedLoop('web'), { slaMilliseconds: 5 }).p95LimitMilliseconds).toBe(5);
  });
});

it.each([
  ['a\u001b[31mb', 'a\uFFFD[31mb'],
  ['two\n\tlines\u2028three', 'two lines three'],
  ['\u202Eevil\u200B', '\uFFFDevil\uFFFD'],
  ['x'.repeat(500), `${'x'.repeat(399)}…`],
])('text %j is shown as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});
