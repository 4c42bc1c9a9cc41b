/** Specs that are in order, and others with one rule broken: each must be refused alike by zod and by the API server. */
import { setProperty } from 'dot-prop';

const step = (by: number | string) => ({ horizontal: { by } });

/** With as few fields as possible, so that the defaults show. */
export const goodSpecs = {
  ScalingGroup: () => ({
    members: [{ targetRef: { name: 'web' } }, { targetRef: { name: 'db' }, ratio: 0.5, max: 3 }],
  }),
  ClosedLoop: () => ({
    targetRef: { name: 'web' },
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { resource: { name: 'cpu' } },
        thresholds: [
          { kind: 'superior', value: 80, reaction: step('20%') },
          { kind: 'inferior', value: 30, reaction: step(-1) },
        ],
      },
      {
        name: 'requests',
        rank: 2,
        source: { prometheus: { query: 'sum(rate(http_requests_total{namespace="$namespace"}[1m]))' } },
        thresholds: [{ kind: 'superior', reaction: { horizontal: { track: 100 } } }],
      },
    ],
    behavior: { maxReplicas: 10 },
  }),
  DeliberativeLoop: () => ({ closedLoops: { names: ['web'] }, policy: { lastTen: {} } }),
} as const;
export type SpecKind = keyof typeof goodSpecs;

export interface BrokenSpec {
  readonly kind: SpecKind;
  readonly rule: string;
  /** By dotted path, such as `metrics[0].rank`; undefined removes the field. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** The field to blame, as the API server writes it. */
  readonly field: string;
  readonly message: string;
}

export const brokenSpecs: readonly BrokenSpec[] = [
  {
    kind: 'ScalingGroup',
    rule: 'bounds',
    changes: { minReplicas: 5, maxReplicas: 4 },
    field: 'spec.minReplicas',
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  },
  {
    kind: 'ScalingGroup',
    rule: 'bounds of a member',
    changes: { 'members[1].min': 4 },
    field: 'spec.members[1].min',
    message: 'is above max: lower min or raise max',
  },
  {
    kind: 'ScalingGroup',
    rule: 'one member twice',
    changes: { 'members[1].targetRef.name': 'web' },
    field: 'spec.members',
    message: 'has one workload twice: remove one',
  },
  {
    kind: 'ScalingGroup',
    rule: 'members and selector',
    changes: { memberSelector: { matchLabels: { app: 'shop' } } },
    field: 'spec.members',
    message: 'and memberSelector: give exactly one of the two',
  },
  {
    kind: 'ScalingGroup',
    rule: 'no members',
    changes: { members: [] },
    field: 'spec.members',
    message: 'and memberSelector: give exactly one of the two',
  },
  {
    kind: 'ScalingGroup',
    rule: 'a selector of everything',
    changes: { members: undefined, memberSelector: { matchLabels: {} } },
    field: 'spec.memberSelector.matchLabels',
    message: 'needs a label: none would take in everything in the namespace',
  },
  {
    kind: 'ClosedLoop',
    rule: 'bounds',
    changes: { 'behavior.minReplicas': 11 },
    field: 'spec.behavior.minReplicas',
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  },
  {
    kind: 'ClosedLoop',
    rule: 'a rate limit of nothing',
    changes: { 'behavior.scaleUp.rateLimit': { periodSeconds: 60 } },
    field: 'spec.behavior.scaleUp.rateLimit',
    message: 'needs pods, percent or both',
  },
  {
    kind: 'ClosedLoop',
    rule: 'one metric name twice',
    changes: { 'metrics[1].name': 'cpu' },
    field: 'spec.metrics',
    message: 'has two metrics of one name: rename or remove one',
  },
  {
    kind: 'ClosedLoop',
    rule: 'one rank twice',
    changes: { 'metrics[1].rank': 1 },
    field: 'spec.metrics',
    message: 'has two metrics of one rank: give each its own',
  },
  {
    kind: 'ClosedLoop',
    rule: 'no source',
    changes: { 'metrics[0].source': {} },
    field: 'spec.metrics[0].source',
    message: 'needs exactly one of prometheus, resource, push and http',
  },
  {
    kind: 'ClosedLoop',
    rule: 'two sources',
    changes: { 'metrics[0].source.push': {} },
    field: 'spec.metrics[0].source',
    message: 'needs exactly one of prometheus, resource, push and http',
  },
  {
    kind: 'ClosedLoop',
    rule: 'two reactions',
    changes: { 'metrics[0].thresholds[0].reaction.vertical': { resource: 'cpu', by: 1, min: 1, max: 2 } },
    field: 'spec.metrics[0].thresholds[0].reaction',
    message: 'needs exactly one of horizontal and vertical',
  },
  {
    kind: 'ClosedLoop',
    rule: 'a step and a target',
    changes: { 'metrics[0].thresholds[0].reaction.horizontal.track': 5 },
    field: 'spec.metrics[0].thresholds[0].reaction.horizontal',
    message: 'needs exactly one of by (a step) and track (a target)',
  },
  {
    kind: 'ClosedLoop',
    rule: 'a step of nothing',
    changes: { 'metrics[0].thresholds[0].reaction.horizontal.by': 0 },
    field: 'spec.metrics[0].thresholds[0].reaction.horizontal.by',
    message: 'must not be 0: leave the threshold out to do nothing',
  },
  {
    kind: 'ClosedLoop',
    rule: 'a resize of nothing',
    changes: { 'metrics[0].thresholds[0].reaction': { vertical: { resource: 'cpu', by: 0, min: 1, max: 2 } } },
    field: 'spec.metrics[0].thresholds[0].reaction.vertical.by',
    message: 'must not be 0',
  },
  {
    kind: 'ClosedLoop',
    rule: 'bounds of a resize',
    changes: { 'metrics[0].thresholds[0].reaction': { vertical: { resource: 'cpu', by: 1, min: 3, max: 2 } } },
    field: 'spec.metrics[0].thresholds[0].reaction.vertical.min',
    message: 'is above max: lower min or raise max',
  },
  ...[step(-1), step('-10%'), { vertical: { resource: 'memory', by: -0.5, min: 1, max: 2 } }].map((reaction) => ({
    kind: 'ClosedLoop' as const,
    rule: `down by ${JSON.stringify(reaction)} on a superior threshold`,
    changes: { 'metrics[0].thresholds[0].reaction': reaction },
    field: 'spec.metrics[0].thresholds[0].reaction',
    message: 'scales down on a superior threshold, and nothing scales down during its breach: turn the metric round',
  })),
  {
    kind: 'ClosedLoop',
    rule: 'no value',
    changes: { 'metrics[0].thresholds[0].value': undefined },
    field: 'spec.metrics[0].thresholds[0].value',
    message: 'is missing: say which value the metric is compared with',
  },
  {
    kind: 'ClosedLoop',
    rule: 'a value beside track',
    changes: { 'metrics[1].thresholds[0].value': 5 },
    field: 'spec.metrics[1].thresholds[0].value',
    message: 'must be left out with track: the tracked value is the threshold',
  },
  {
    kind: 'ClosedLoop',
    rule: 'track below',
    changes: { 'metrics[1].thresholds[0].kind': 'inferior' },
    field: 'spec.metrics[1].thresholds[0].kind',
    message: 'must be superior with track, which goes up and down by itself',
  },
  {
    kind: 'ClosedLoop',
    rule: 'another threshold beside track',
    changes: { 'metrics[1].thresholds[1]': { kind: 'inferior', value: 5, reaction: step(-1) } },
    field: 'spec.metrics[1].thresholds',
    message: 'has more beside track, which goes up and down by itself: keep track alone',
  },
  {
    kind: 'ClosedLoop',
    rule: 'two thresholds of a kind',
    changes: { 'metrics[0].thresholds[1]': { kind: 'superior', value: 90, reaction: step(2) } },
    field: 'spec.metrics[0].thresholds',
    message: 'has two thresholds of one kind: keep one',
  },
  {
    kind: 'ClosedLoop',
    rule: 'inferior above superior',
    changes: { 'metrics[0].thresholds[1].value': 81 },
    field: 'spec.metrics[0].thresholds',
    message: 'above superior',
  },
  {
    kind: 'ClosedLoop',
    rule: 'fallback to nothing',
    changes: { 'onMissingMetrics.action': 'Fallback' },
    field: 'spec.onMissingMetrics.replicas',
    message: 'belongs to action Fallback and to it alone: add it there, or remove it',
  },
  {
    kind: 'ClosedLoop',
    rule: 'replicas without fallback',
    changes: { 'onMissingMetrics.replicas': 3 },
    field: 'spec.onMissingMetrics.replicas',
    message: 'belongs to action Fallback and to it alone: add it there, or remove it',
  },
  {
    kind: 'DeliberativeLoop',
    rule: 'no closed loops',
    changes: { closedLoops: {} },
    field: 'spec.closedLoops',
    message: 'needs exactly one of names and matchLabels',
  },
  {
    kind: 'DeliberativeLoop',
    rule: 'two policies',
    changes: { 'policy.none': {} },
    field: 'spec.policy',
    message: 'needs exactly one of checkpoint, lastTen, randomGroup and none',
  },
  {
    kind: 'DeliberativeLoop',
    rule: 'a checkpoint from nowhere',
    changes: { policy: { checkpoint: {} } },
    field: 'spec.policy.checkpoint',
    message: 'needs exactly one of configMap, file and url',
  },
  {
    kind: 'DeliberativeLoop',
    rule: 'a checkpoint from anywhere',
    changes: { policy: { checkpoint: { url: 'http://example.org/checkpoint.tar.gz' } } },
    field: 'spec.policy.checkpoint.sha256',
    message: 'is required with url: anyone on the way could put another checkpoint there',
  },
  {
    kind: 'DeliberativeLoop',
    rule: 'guardrails',
    changes: { 'guardrails.minReplicas': 5, 'guardrails.maxReplicas': 4 },
    field: 'spec.guardrails.minReplicas',
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  },
];

/** The spec as a client sends it. */
export function specOf({ kind, changes }: Pick<BrokenSpec, 'kind' | 'changes'>): object {
  const spec = goodSpecs[kind]();
  for (const [path, value] of Object.entries(changes)) setProperty(spec, path, value);
  return JSON.parse(JSON.stringify(spec));
}
