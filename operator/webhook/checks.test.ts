import { describe, expect, test } from 'vitest';
import { apiVersion } from '../../policies/resources/resource.ts';
import {
  describeFinding,
  type Findings,
  problemsOfClosedLoop,
  problemsOfDeliberativeLoop,
  problemsOfScalingGroup,
  problemsOfStage,
} from './checks.ts';
import { closedLoop, deliberativeLoop, deployment, namespace, scalingGroup, worldOf } from './world.fixture.ts';

const group = (name: string) => ({ apiVersion, kind: 'ScalingGroup', name });

/** Everything that is said, warnings in brackets. */
function said({ problems, warnings }: Findings): string[] {
  return [...problems.map(describeFinding), ...warnings.map((warning) => `(${describeFinding(warning)})`)];
}

describe('problemsOfClosedLoop', () => {
  test('has nothing to say of a good one', () => {
    const others = [
      closedLoop({ second: 1 }),
      closedLoop({ name: 'api', second: 1, changes: { 'targetRef.name': 'api' } }),
    ];
    expect(said(problemsOfClosedLoop(closedLoop({ second: 1 }), worldOf({ closedLoops: others })))).toEqual([]);
  });

  test.each([
    ['HorizontalPodAutoscaler', 'delete that HorizontalPodAutoscaler, or name another target'],
    ['ScaledObject', 'delete that ScaledObject, or name another target'],
    ['ScalingGroup', 'let the loop scale the group (apiVersion duoloop.dev/v1alpha1, kind ScalingGroup, name theirs)'],
  ] as const)('refuses the target of a %s', (kind, mend) => {
    const world = worldOf({ owners: [{ of: deployment('web'), owner: { kind, name: 'theirs' } }] });
    expect(said(problemsOfClosedLoop(closedLoop(), world))).toEqual([
      `spec.targetRef: Deployment web is scaled by ${kind} theirs already: ${mend}`,
    ]);
  });

  test('only warns a paused loop of an HPA: it watches beside it', () => {
    const world = worldOf({
      owners: [{ of: deployment('web'), owner: { kind: 'HorizontalPodAutoscaler', name: 'theirs' } }],
    });
    expect(said(problemsOfClosedLoop(closedLoop({ changes: { paused: true } }), world))).toEqual([
      '(spec.targetRef: Deployment web is scaled by HorizontalPodAutoscaler theirs already: ' +
        'delete that HorizontalPodAutoscaler, or name another target, before the loop goes on)',
    ]);
  });

  test('leaves a target to the loop that was there first', () => {
    const first = closedLoop({ name: 'first', second: 1 });
    const second = closedLoop({ name: 'second', second: 2 });
    const world = worldOf({ closedLoops: [second, first] });
    const refusal =
      'spec.targetRef: Deployment web is scaled by ClosedLoop first already: add its metrics to that loop, or name another target';
    expect(said(problemsOfClosedLoop(first, world))).toEqual([]);
    expect(said(problemsOfClosedLoop(second, world))).toEqual([refusal]);
    expect(said(problemsOfClosedLoop(closedLoop({ name: 'a-new-one' }), world))).toEqual([refusal]);
  });

  test.each([
    ['sum(rate(x[1m])', 'at 16: ends too early: a bracket or an operand is missing'],
    ['x[5m]', 'at 1: gives a range of values: put a function such as rate(…) or max_over_time(…) around it'],
    ['"text"', 'at 1: gives text, not a number: write an expression over metrics'],
    ['sum(x{zone="$zone"})', '$zone has no value'],
  ])('refuses the query %s', (query, message) => {
    const loop = closedLoop({ changes: { 'metrics[1].source.prometheus.query': query } });
    const [problem, ...more] = said(problemsOfClosedLoop(loop, worldOf()));
    expect(problem).toContain(`spec.metrics[1].source.prometheus.query: ${message}`);
    expect(more).toEqual([]);
  });

  test("takes a query with the loop's own variables", () => {
    const prometheus = { query: 'sum(x{zone="$zone",namespace="$namespace"})', variables: { zone: 'a' } };
    const loop = closedLoop({ changes: { 'metrics[1].source.prometheus': prometheus } });
    expect(said(problemsOfClosedLoop(loop, worldOf()))).toEqual([]);
  });

  test('refuses a group of the wrong API group', () => {
    const loop = closedLoop({ changes: { 'targetRef.kind': 'ScalingGroup' } });
    expect(said(problemsOfClosedLoop(loop, worldOf()))).toEqual([
      'spec.targetRef.apiVersion: is apps/v1: a ScalingGroup is of duoloop.dev/v1alpha1, write that',
    ]);
  });

  test.each([
    [
      'a target that is not there',
      closedLoop(),
      { absent: [deployment('web')] },
      /spec\.targetRef: there is no Deployment web/,
    ],
    [
      'several series',
      closedLoop({ changes: { 'metrics[1].source.prometheus.query': 'up' } }),
      {},
      /query: may give several series/,
    ],
    [
      'an interval below that of the scrapes',
      closedLoop({ changes: { intervalSeconds: 5 } }),
      { scrapeIntervalSeconds: 15 },
      /spec\.intervalSeconds: is shorter than the 15 s/,
    ],
    [
      'more than the group can have',
      closedLoop({ changes: { targetRef: group('shop'), 'behavior.maxReplicas': 101 } }),
      { scalingGroups: [scalingGroup({ name: 'shop' })] },
      /spec\.behavior\.maxReplicas: is above maxReplicas 100 of ScalingGroup shop/,
    ],
    [
      'a fallback out of bounds',
      closedLoop({ changes: { onMissingMetrics: { action: 'Fallback', replicas: 11 } } }),
      {},
      /spec\.onMissingMetrics\.replicas: is outside of behavior \(1 to 10\)/,
    ],
    [
      'guardrails of its tuner',
      closedLoop({ changes: { 'behavior.maxReplicas': 4 } }),
      { deliberativeLoops: [deliberativeLoop({ name: 'tuner', changes: { 'guardrails.minReplicas': 5 } })] },
      /spec\.behavior\.maxReplicas: leaves DeliberativeLoop tuner no set-point: its guardrails\.minReplicas is above/,
    ],
  ])('warns of %s', (_, loop, content, message) => {
    const { problems, warnings } = problemsOfClosedLoop(loop, worldOf(content));
    expect(problems).toEqual([]);
    expect(warnings.map(describeFinding)).toEqual([expect.stringMatching(message)]);
  });
});

describe('problemsOfScalingGroup', () => {
  test('only warns a paused group of an HPA on a member', () => {
    const world = worldOf({
      owners: [{ of: deployment('db'), owner: { kind: 'HorizontalPodAutoscaler', name: 'db' } }],
    });
    expect(said(problemsOfScalingGroup(scalingGroup({ changes: { paused: true } }), world))).toEqual([
      expect.stringMatching(
        /^\(spec\.members\[1\]\.targetRef: Deployment db is scaled by .* before the group goes on\)$/,
      ),
    ]);
  });

  test('has nothing to say of a good one', () => {
    expect(said(problemsOfScalingGroup(scalingGroup(), worldOf({ scalingGroups: [scalingGroup()] })))).toEqual([]);
  });

  test.each([
    [
      'a member of another group',
      { owners: [{ of: deployment('db'), owner: { kind: 'ScalingGroup', name: 'theirs' } as const }] },
      'spec.members[1].targetRef: Deployment db is in ScalingGroup theirs already: remove it from one of the two',
    ],
    [
      'the target of an HPA',
      { owners: [{ of: deployment('db'), owner: { kind: 'HorizontalPodAutoscaler', name: 'db' } as const }] },
      'spec.members[1].targetRef: Deployment db is scaled by HorizontalPodAutoscaler db already: ' +
        'let that HorizontalPodAutoscaler scale ScalingGroup web (it has a scale subresource), or delete it',
    ],
    [
      'the target of a loop',
      { closedLoops: [closedLoop({ name: 'loop' })] },
      'spec.members[0].targetRef: Deployment web is scaled by ClosedLoop loop already: ' +
        'replace that loop by one whose target is ScalingGroup web, or leave the workload out of the group',
    ],
    [
      'a member that is not there',
      { absent: [deployment('db')] },
      '(spec.members[1].targetRef: there is no Deployment db (apps/v1) in shop: create it, or correct the name)',
    ],
  ])('says of %s', (_, content, message) => {
    expect(said(problemsOfScalingGroup(scalingGroup(), worldOf(content)))).toEqual([message]);
  });

  test('says the same of what a selector takes in', () => {
    const selecting = scalingGroup({
      changes: { members: undefined, memberSelector: { matchLabels: { app: 'shop' } } },
    });
    const owner = { kind: 'ScaledObject', name: 'db' } as const;
    const world = worldOf({ selected: [deployment('db')], owners: [{ of: deployment('db'), owner }] });
    expect(said(problemsOfScalingGroup(selecting, world))).toEqual([
      expect.stringMatching(/^spec\.memberSelector: Deployment db is scaled by ScaledObject db already: /),
    ]);
    expect(said(problemsOfScalingGroup(selecting, worldOf()))).toEqual([
      expect.stringMatching(/^\(spec\.memberSelector: takes in no Deployment of shop now: /),
    ]);
  });

  test('finds circles of any length, also around others', () => {
    const holding = (name: string, ...members: string[]) =>
      scalingGroup({ name, changes: { members: members.map((member) => ({ targetRef: group(member) })) } });
    const world = worldOf({
      scalingGroups: [holding('b', 'c'), holding('c', 'a'), holding('x', 'y'), holding('y', 'x')],
    });
    const message = (name: string) => expect.stringMatching(new RegExp(`ScalingGroup ${name} contains this group`));
    expect(said(problemsOfScalingGroup(holding('a', 'a'), world))).toEqual([message('a')]);
    expect(said(problemsOfScalingGroup(holding('a', 'x', 'b'), world))).toEqual([message('b')]);
    expect(said(problemsOfScalingGroup(holding('d', 'x', 'b'), world))).toEqual([]);
  });
});

describe('problemsOfDeliberativeLoop', () => {
  const loops = [closedLoop({ changes: { 'behavior.minReplicas': 2, 'behavior.maxReplicas': 10 } })];

  test('has nothing to say of a good one', () => {
    const older = deliberativeLoop({ name: 'watcher', second: 1, changes: { mode: 'Observe' } });
    const world = worldOf({ closedLoops: loops, deliberativeLoops: [older] });
    expect(said(problemsOfDeliberativeLoop(deliberativeLoop({ changes: { mode: 'Bounded' } }), world))).toEqual([]);
  });

  test('leaves a closed loop to the one that was there first', () => {
    const acting = (name: string, second?: number) => deliberativeLoop({ name, second, changes: { mode: 'Bounded' } });
    const world = worldOf({ closedLoops: loops, deliberativeLoops: [acting('first', 1)] });
    expect(said(problemsOfDeliberativeLoop(acting('first', 1), world))).toEqual([]);
    expect(said(problemsOfDeliberativeLoop(acting('a-new-one'), world))).toEqual([
      expect.stringMatching(
        /^spec\.closedLoops: takes in ClosedLoop web, which DeliberativeLoop first tunes already: /,
      ),
    ]);
  });

  test.each([
    [
      { 'guardrails.minReplicas': 11 },
      /^spec\.guardrails\.minReplicas: is above behavior\.maxReplicas 10 of ClosedLoop web/,
    ],
    [
      { 'guardrails.maxReplicas': 1 },
      /^spec\.guardrails\.maxReplicas: is below behavior\.minReplicas 2 of ClosedLoop web/,
    ],
    [{ 'guardrails.maxReplicaBudget': 1 }, /^spec\.guardrails\.maxReplicaBudget: is below 2, the sum/],
    [
      { 'guardrails.staleAfterSeconds': 59 },
      /^\(spec\.guardrails\.staleAfterSeconds: is shorter than intervalSeconds 60/,
    ],
    [{ 'closedLoops.names[1]': 'gone' }, /^\(spec\.closedLoops\.names\[1\]: there is no ClosedLoop gone in shop/],
  ])('says of %j', (changes, message) => {
    const world = worldOf({ closedLoops: loops });
    expect(said(problemsOfDeliberativeLoop(deliberativeLoop({ changes }), world))).toEqual([
      expect.stringMatching(message),
    ]);
  });
});

describe('problemsOfStage', () => {
  const stage = (kind: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name: 'web-stage', namespace },
    spec: { closedLoop: 'web', ...spec },
  });
  const world = worldOf({ closedLoops: [closedLoop()] });

  test.each([
    ['Monitoring', { data: { cpu: 1, disk: 2 } }, 'spec.data.disk'],
    ['MonitoringD', { data: { metric: 'disk' } }, 'spec.data.metric'],
    ['DecisionD', { data: { cpu: [1], disk: [2] } }, 'spec.data.disk'],
    ['ExecutionD', { action: 'Increase rank', metric: 'disk' }, 'spec.metric'],
  ])('refuses a %s about a metric that the loop does not have', (kind, spec, field) => {
    expect(said(problemsOfStage(stage(kind, spec), world))).toEqual([
      `${field}: names "disk", which is no metric of ClosedLoop web: use cpu, requests`,
    ]);
  });

  test('takes known metrics, and an empty stage', () => {
    expect(said(problemsOfStage(stage('Monitoring', { data: { cpu: 1, requests: 2 } }), world))).toEqual([]);
    expect(said(problemsOfStage(stage('ExecutionD', {}), world))).toEqual([]);
  });
});
