/**
 * What one ClosedLoop says, as far as deciding goes. The custom resource's schema is made from this one,
 * so arrays and strings are bounded, unions are avoided where CRDs cannot express them ("exactly one of"
 * is a constraint), descriptions are what `kubectl explain` shows, and every default lives here.
 */
import { z } from 'zod';
import { UserError } from '../../env/errors.ts';
import { constrained, exactlyOneOf, ordered, unique } from '../resources/constraint.ts';
import { replicaCount } from '../resources/resource.ts';
import { guardrailShape } from './guardrails.ts';

const metricName = z
  .string()
  .max(63)
  .regex(/^[a-zA-Z]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$/, 'must be letters, digits, - and _, and start with a letter');
const windowSeconds = z.int().min(0).max(3600);
const finite = z.number().min(-1e12).max(1e12);

const stepSchema = constrained(
  z.union([
    z.int().min(-1000).max(1000),
    z
      .string()
      .max(5)
      .regex(/^-?[1-9][0-9]{0,2}%$/, "must be whole pods (2, -1) or percent ('20%', '-10%')"),
  ]),
  {
    message: 'must not be 0: leave the threshold out to do nothing',
    cel: 'type(self) != int || int(self) != 0',
    holds: (by) => by !== 0,
  },
).describe("Signed step: whole pods (2, -1) or percent of the current size ('20%', '-10%'), never less than one pod.");

const horizontalSchema = constrained(
  z.strictObject({
    by: stepSchema.optional(),
    track: z
      .number()
      .positive()
      .max(1e12)
      .optional()
      .describe('Total of the metric that one replica should carry: replicas = ceil(total / track).'),
  }),
  {
    ...exactlyOneOf(['by', 'track']),
    message: 'needs exactly one of by (a step) and track (a target)',
  },
).describe('Change the replicas of the target.');

const verticalSchema = constrained(
  z.strictObject({
    resource: z.enum(['cpu', 'memory']).describe('What of the running pods is resized in place.'),
    by: constrained(z.number().min(-100).max(100), {
      message: 'must not be 0',
      cel: 'self != 0.0',
      holds: (by) => by !== 0,
    }).describe("Signed step, relative to the size in the target's pod template (0.25 is a quarter of it)."),
    min: z.number().positive().max(100).describe("Smallest size, relative to the template's."),
    max: z.number().positive().max(100).describe("Largest size, relative to the template's."),
  }),
  ordered('min', 'max'),
).describe('Resize the running pods of the target.');

const reactionSchema = constrained(
  z.strictObject({ horizontal: horizontalSchema.optional(), vertical: verticalSchema.optional() }),
  exactlyOneOf(['horizontal', 'vertical']),
).describe('What is done about a breach of this threshold.');

type Threshold = {
  kind: 'superior' | 'inferior' | 'equal';
  value?: number;
  reaction: z.infer<typeof reactionSchema>;
};
const tracks = ({ reaction }: Pick<Threshold, 'reaction'>) => reaction.horizontal?.track !== undefined;
const celTracks = (threshold: string) =>
  `has(${threshold}.reaction.horizontal) && has(${threshold}.reaction.horizontal.track)`;
const celGoesDown = [
  '(has(self.reaction.vertical) && self.reaction.vertical.by < 0.0)',
  '(has(self.reaction.horizontal) && has(self.reaction.horizontal.by) && ' +
    '(type(self.reaction.horizontal.by) == int ? int(self.reaction.horizontal.by) < 0 : ' +
    "string(self.reaction.horizontal.by).startsWith('-')))",
].join(' || ');

const thresholdSchema = constrained(
  z.strictObject({
    kind: z
      .enum(['superior', 'inferior', 'equal'])
      .describe('Breached by a value above (superior), below (inferior) or equal to this one.'),
    value: finite
      .optional()
      .describe('Compared strictly with the measured value; left out with track, which is its own threshold.'),
    reaction: reactionSchema,
  }),
  {
    path: ['kind'],
    message: 'must be superior with track, which goes up and down by itself',
    cel: `!(${celTracks('self')}) || self.kind == 'superior'`,
    holds: (threshold) => !tracks(threshold) || threshold.kind === 'superior',
  },
  {
    path: ['value'],
    message: 'must be left out with track: the tracked value is the threshold',
    cel: `!(${celTracks('self')}) || !has(self.value)`,
    holds: (threshold) => !tracks(threshold) || threshold.value === undefined,
  },
  {
    path: ['value'],
    message: 'is missing: say which value the metric is compared with',
    cel: `(${celTracks('self')}) || has(self.value)`,
    holds: (threshold) => tracks(threshold) || threshold.value !== undefined,
  },
  {
    path: ['reaction'],
    message: 'scales down on a superior threshold, and nothing scales down during its breach: turn the metric round',
    cel: `self.kind != 'superior' || !(${celGoesDown})`,
    holds: ({ kind, reaction }) => kind !== 'superior' || reactionGoesUp(reaction) !== false,
  },
);

const valueOfKind = (thresholds: readonly Threshold[], kind: Threshold['kind']) =>
  thresholds.find((threshold) => threshold.kind === kind)?.value;

/** One metric with its rank and thresholds. */
export const metricSchema = constrained(
  z.strictObject({
    name: metricName.describe('Name of the metric in messages ("High cpu"), statuses and proposals.'),
    rank: z
      .int()
      .min(1)
      .max(1000)
      .describe('Priority, 1 is first: of the metrics in breach, only the best-ranked one is reacted to.'),
    thresholds: z
      .array(thresholdSchema)
      .min(1)
      .max(3)
      .describe('At most one threshold of each kind; or one that tracks a value.'),
  }),
  {
    path: ['thresholds'],
    message: 'has two thresholds of one kind: keep one',
    cel: 'self.thresholds.all(t, self.thresholds.exists_one(other, other.kind == t.kind))',
    holds: ({ thresholds }) => new Set(thresholds.map(({ kind }) => kind)).size === thresholds.length,
  },
  {
    path: ['thresholds'],
    message: 'has more beside track, which goes up and down by itself: keep track alone',
    cel: `self.thresholds.size() < 2 || !self.thresholds.exists(t, ${celTracks('t')})`,
    holds: ({ thresholds }) => thresholds.length < 2 || !thresholds.some(tracks),
  },
  {
    path: ['thresholds'],
    message: 'has inferior above superior: lower the one or raise the other',
    detailed: ({ thresholds }) =>
      `has inferior ${valueOfKind(thresholds, 'inferior')} above superior ${valueOfKind(thresholds, 'superior')}: ` +
      'lower the one or raise the other',
    cel:
      "self.thresholds.all(low, low.kind != 'inferior' || !has(low.value) || " +
      "self.thresholds.all(high, high.kind != 'superior' || !has(high.value) || low.value <= high.value))",
    holds: ({ thresholds }) =>
      (valueOfKind(thresholds, 'inferior') ?? Number.NEGATIVE_INFINITY) <=
      (valueOfKind(thresholds, 'superior') ?? Number.POSITIVE_INFINITY),
  },
);

const rateLimitSchema = constrained(
  z.strictObject({
    pods: z.int().min(1).max(100_000).optional().describe('Largest change within the period, in size of the group.'),
    percent: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'Largest change within the period in percent of the size at its start, rounded up; with pods too, the larger of both.',
      ),
    periodSeconds: z.int().min(1).max(3600).describe('Length of the period.'),
  }),
  {
    message: 'needs pods, percent or both',
    cel: 'has(self.pods) || has(self.percent)',
    holds: (limit) => limit.pods !== undefined || limit.percent !== undefined,
  },
).describe('How fast the size may change in this direction; without it, at once.');

const directionSchema = (direction: 'up' | 'down', stabilizationWindowSeconds: number) =>
  z
    .strictObject({
      stabilizationWindowSeconds: windowSeconds
        .default(stabilizationWindowSeconds)
        .describe('Window over which the most cautious recommendation counts.'),
      rateLimit: rateLimitSchema.optional(),
    })
    .prefault({})
    .describe(`Limits of scaling ${direction}.`);

export const behaviorSchema = constrained(
  z.strictObject({
    minReplicas: replicaCount.default(1).describe('The loop never makes the target smaller.'),
    maxReplicas: replicaCount.min(1).describe('The loop never makes the target larger.'),
    scaleUp: directionSchema('up', 0),
    scaleDown: directionSchema('down', 300),
  }),
  ordered('minReplicas', 'maxReplicas'),
).describe('Bounds, stabilisation windows and rate limits; they hold for every reaction and set-point.');

export const onMissingMetricsSchema = constrained(
  z.strictObject({
    action: z
      .enum(['Hold', 'Fallback'])
      .default('Hold')
      .describe('Hold: never scale down on missing data. Fallback: go up to replicas as well.'),
    replicas: replicaCount
      .optional()
      .describe('Fallback only: the size that the target has at least once metrics were missing for afterTicks.'),
    afterTicks: z.int().min(1).max(1000).default(3).describe('Ticks in a row with a missing metric.'),
  }),
  {
    path: ['replicas'],
    message: 'belongs to action Fallback and to it alone: add it there, or remove it',
    cel: "(self.action == 'Fallback') == has(self.replicas)",
    holds: (onMissing) => (onMissing.action === 'Fallback') === (onMissing.replicas !== undefined),
  },
)
  .prefault({})
  .describe('What to do when a metric cannot be had. An empty query result is missing, not zero.');

const guardrailsSchema = constrained(z.strictObject(guardrailShape), ordered('minReplicas', 'maxReplicas')).prefault(
  {},
);

/** One workload of the group: clamp(ceil(ratio × group size), min, max) replicas. */
export const groupMemberSchema = constrained(
  z.strictObject({
    name: z.string().min(1).max(253),
    ratio: z.number().positive().max(1000).default(1),
    min: replicaCount.default(1),
    max: replicaCount,
  }),
  ordered('min', 'max'),
);

export const intervalSecondsSchema = z
  .int()
  .min(1)
  .max(3600)
  .default(15)
  .describe(
    'Time between two decisions. Shorter than the scrape interval of the metrics, it decides on the same data twice.',
  );

/** The metrics of a loop: each name and each rank once. */
export function metricListSchema<Metric extends z.ZodType<{ name: string; rank: number }>>(metric: Metric) {
  return constrained(
    z.array(metric).min(1).max(16),
    unique(
      'has two metrics of one name: rename or remove one',
      ({ name }) => name,
      (item) => `${item}.name`,
    ),
    unique(
      'has two metrics of one rank: give each its own',
      ({ rank }) => rank,
      (item) => `${item}.rank`,
    ),
  );
}

export const loopSpecSchema = z.strictObject({
  intervalSeconds: intervalSecondsSchema,
  metrics: metricListSchema(metricSchema),
  behavior: behaviorSchema,
  onMissingMetrics: onMissingMetricsSchema,
  /** Hold: nothing is decided while a member rolls out, when measurements mix two versions. */
  whileRollingOut: z.enum(['Hold', 'React']).default('Hold'),
  paused: z.boolean().default(false),
  guardrails: guardrailsSchema,
  /** Empty: the target is scaled by itself. */
  members: constrained(
    z.array(groupMemberSchema).max(64),
    unique(
      'has two members of one name: remove one',
      ({ name }) => name,
      (item) => `${item}.name`,
    ),
  ).default([]),
});

export type LoopSpec = z.infer<typeof loopSpecSchema>;
export type LoopSpecInput = z.input<typeof loopSpecSchema>;
export type LoopMetric = LoopSpec['metrics'][number];
export type Reaction = LoopMetric['thresholds'][number]['reaction'];
export type RateLimit = z.infer<typeof rateLimitSchema>;
export type GroupMember = z.infer<typeof groupMemberSchema>;
export type VerticalResource = 'cpu' | 'memory';

/** Whether a reaction asks for more; undefined for tracking, which goes both ways. */
export function reactionGoesUp(reaction: {
  horizontal?: { by?: number | string };
  vertical?: { by: number };
}): boolean | undefined {
  const by = reaction.vertical?.by ?? reaction.horizontal?.by;
  if (by === undefined) return undefined;
  return typeof by === 'number' ? by > 0 : !by.startsWith('-');
}

/** @throws UserError `loop-spec` naming every field that is wrong and what it should be. */
export function parseLoopSpec(input: unknown): LoopSpec {
  const result = loopSpecSchema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length > 0 ? path.join('.') : 'spec'}: ${message}`,
  );
  throw new UserError('loop-spec', `The reactive loop's spec is not usable:\n  ${problems.join('\n  ')}`, {
    cause: result.error,
  });
}
