/**
 * What one ClosedLoop says, as far as deciding goes. The custom resource's schema is made from this one,
 * so arrays and strings are bounded, unions are avoided where CRDs cannot express them ("exactly one of"
 * is a refinement), and every default lives here.
 */
import { z } from 'zod';
import { UserError } from '../../env/errors.ts';

const metricName = z
  .string()
  .max(63)
  .regex(/^[a-zA-Z]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$/, 'must be letters, digits, - and _, and start with a letter');
const replicaCount = z.int().min(0).max(100_000);
const windowSeconds = z.int().min(0).max(3600);
const finite = z.number().min(-1e12).max(1e12);

/** A signed step: whole pods (`2`, `-1`) or percent of the current size (`'20%'`, `'-10%'`), never less than one pod. */
const stepSchema = z.union([
  z
    .int()
    .min(-1000)
    .max(1000)
    .refine((by) => by !== 0, 'must not be 0: leave the threshold out to do nothing'),
  z
    .string()
    .max(5)
    .regex(/^-?[1-9][0-9]{0,2}%$/, "must be whole pods (2, -1) or percent ('20%', '-10%')"),
]);

const horizontalSchema = z
  .strictObject({
    by: stepSchema.optional(),
    /** Total of the metric that one replica should carry: replicas = ceil(total ÷ track). */
    track: z.number().positive().max(1e12).optional(),
  })
  .refine(
    (h) => (h.by === undefined) !== (h.track === undefined),
    'needs exactly one of by (a step) and track (a target)',
  );

const verticalSchema = z
  .strictObject({
    resource: z.enum(['cpu', 'memory']),
    /** Signed step; by, min and max are relative to the standard pod (1 is its own size). */
    by: z
      .number()
      .min(-100)
      .max(100)
      .refine((by) => by !== 0, 'must not be 0'),
    min: z.number().positive().max(100),
    max: z.number().positive().max(100),
  })
  .refine((v) => v.min <= v.max, { path: ['min'], message: 'is above max: lower min or raise max' });

const reactionSchema = z
  .strictObject({ horizontal: horizontalSchema.optional(), vertical: verticalSchema.optional() })
  .refine(
    (r) => (r.horizontal === undefined) !== (r.vertical === undefined),
    'needs exactly one of horizontal and vertical',
  );

const thresholdSchema = z
  .strictObject({
    kind: z.enum(['superior', 'inferior', 'equal']),
    /** Compared strictly with the measured value; left out with `track`, which is its own threshold. */
    value: finite.optional(),
    reaction: reactionSchema,
  })
  .superRefine(({ kind, value, reaction }, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (reaction.horizontal?.track !== undefined) {
      if (kind !== 'superior') problem(['kind'], 'must be superior with track, which goes up and down by itself');
      if (value !== undefined) problem(['value'], 'must be left out with track: the tracked value is the threshold');
      return;
    }
    if (value === undefined) problem(['value'], 'is missing: say which value the metric is compared with');
    if (kind === 'superior' && reactionGoesUp(reaction) === false) {
      problem(
        ['reaction'],
        'scales down on a superior threshold, and nothing scales down during its breach: turn the metric round',
      );
    }
  });

/** One metric with its rank and thresholds. */
export const metricSchema = z
  .strictObject({
    name: metricName,
    /** 1 is first. */
    rank: z.int().min(1).max(1000),
    thresholds: z.array(thresholdSchema).min(1).max(3),
  })
  .superRefine(({ thresholds }, context) => {
    const problem = (message: string) => context.addIssue({ code: 'custom', path: ['thresholds'], message });
    const kinds = thresholds.map(({ kind }) => kind);
    if (new Set(kinds).size < kinds.length) problem('has two thresholds of one kind: keep one');
    if (thresholds.length > 1 && thresholds.some(({ reaction }) => reaction.horizontal?.track !== undefined)) {
      problem('has more beside track, which goes up and down by itself: keep track alone');
    }
    const superior = thresholds.find(({ kind }) => kind === 'superior')?.value ?? Number.POSITIVE_INFINITY;
    const inferior = thresholds.find(({ kind }) => kind === 'inferior')?.value ?? Number.NEGATIVE_INFINITY;
    if (inferior > superior)
      problem(`has inferior ${inferior} above superior ${superior}: lower the one or raise the other`);
  });

const rateLimitSchema = z
  .strictObject({
    pods: z.int().min(1).max(100_000).optional(),
    /** Of the size at the start of the period, rounded up; with `pods` too, the larger change is allowed. */
    percent: z.int().min(1).max(10_000).optional(),
    periodSeconds: z.int().min(1).max(3600),
  })
  .refine((limit) => limit.pods !== undefined || limit.percent !== undefined, 'needs pods, percent or both');

const directionSchema = (stabilizationWindowSeconds: number) =>
  z
    .strictObject({
      /** Window over which the most cautious recommendation counts. */
      stabilizationWindowSeconds: windowSeconds.default(stabilizationWindowSeconds),
      rateLimit: rateLimitSchema.optional(),
    })
    .prefault({});

export const behaviorSchema = z
  .strictObject({
    minReplicas: replicaCount.default(1),
    maxReplicas: replicaCount.min(1),
    scaleUp: directionSchema(0),
    scaleDown: directionSchema(300),
  })
  .refine((b) => b.minReplicas <= b.maxReplicas, {
    path: ['minReplicas'],
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  });

export const onMissingMetricsSchema = z
  .strictObject({
    action: z.enum(['Hold', 'Fallback']).default('Hold'),
    /** Fallback only: the group has at least this size once metrics were missing for `afterTicks` ticks in a row. */
    replicas: replicaCount.optional(),
    afterTicks: z.int().min(1).max(1000).default(3),
  })
  .refine((m) => (m.action === 'Fallback') === (m.replicas !== undefined), {
    path: ['replicas'],
    message: 'belongs to action Fallback and to it alone: add it there, or remove it',
  })
  .prefault({});

const guardrailsSchema = z
  .strictObject({
    /** Largest distance of a set-point from the current group size. */
    maxStep: z.int().min(1).max(100_000).default(4),
    rankChangesPerHour: z.int().min(0).max(3600).default(12),
    /** Age from which a set-point is ignored. */
    staleAfterSeconds: z.int().min(1).max(86_400).default(180),
    /** Bounds of set-points, inside those of `behavior`. */
    minReplicas: replicaCount.optional(),
    maxReplicas: replicaCount.optional(),
  })
  .refine((g) => (g.minReplicas ?? 0) <= (g.maxReplicas ?? Number.POSITIVE_INFINITY), {
    path: ['minReplicas'],
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  })
  .prefault({});

/** One workload of the group: clamp(ceil(ratio × group size), min, max) replicas. */
export const groupMemberSchema = z
  .strictObject({
    name: z.string().min(1).max(253),
    ratio: z.number().positive().max(1000).default(1),
    min: replicaCount.default(1),
    max: replicaCount,
  })
  .refine((m) => m.min <= m.max, { path: ['min'], message: 'is above max: lower min or raise max' });

export const intervalSecondsSchema = z.int().min(1).max(3600).default(15);

const uniqueBy = <T>(items: readonly T[], key: (item: T) => unknown) => new Set(items.map(key)).size === items.length;

/** The metrics of a loop: each name and each rank once. */
export function metricListSchema<Metric extends z.ZodType<{ name: string; rank: number }>>(metric: Metric) {
  return z
    .array(metric)
    .min(1)
    .max(16)
    .refine((metrics) => uniqueBy(metrics, ({ name }) => name), 'has two metrics of one name: rename or remove one')
    .refine((metrics) => uniqueBy(metrics, ({ rank }) => rank), 'has two metrics of one rank: give each its own');
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
  members: z
    .array(groupMemberSchema)
    .max(64)
    .refine((members) => uniqueBy(members, ({ name }) => name), 'has two members of one name: remove one')
    .default([]),
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
