/** ClosedLoop, the reactive loop of one managed system: a loop spec plus where metrics come from and what is scaled. */
import { z } from 'zod';
import {
  behaviorSchema,
  intervalSecondsSchema,
  metricListSchema,
  metricSchema,
  onMissingMetricsSchema,
} from '../reactive/loop-spec.ts';
import {
  type CustomResource,
  conditionsSchema,
  type ResourceDefinition,
  targetRefSchema,
  timestamp,
} from './resource.ts';

const field = z.string().min(1).max(253);
const httpUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s]+$/, 'must be an http or https address');
const exactlyOne = (record: Readonly<Record<string, unknown>>) =>
  Object.values(record).filter((value) => value !== undefined).length === 1;

export const metricSourceSchema = z
  .strictObject({
    prometheus: z
      .strictObject({
        /**
         * PromQL with one number as its result. `$namespace`, `$target` and the names in `variables` are replaced inside label
         * matchers; loops whose query reads the same before that share one query a tick.
         */
        query: z.string().min(1).max(4096),
        variables: z.record(z.string().max(63), z.string().max(253)).optional(),
      })
      .optional(),
    resource: z
      .strictObject({
        name: z.enum(['cpu', 'memory']),
        /** Percent of the pods' requests, or cores and bytes of one pod on average, or of all pods together. */
        type: z.enum(['Utilization', 'AverageValue', 'Total']).default('Utilization'),
      })
      .optional(),
    push: z
      .strictObject({
        /** Field of the pushed JSON; the metric's name when left out. */
        field: field.optional(),
        maxAgeSeconds: z.int().min(1).max(86_400).default(60),
      })
      .optional(),
    http: z
      .strictObject({
        url: httpUrl,
        /** Dotted path into the JSON (of its last element when it is a list); the metric's name when left out. */
        field: field.optional(),
        timeoutSeconds: z.int().min(1).max(30).default(5),
      })
      .optional(),
  })
  .refine(exactlyOne, 'needs exactly one of prometheus, resource, push and http');
export type MetricSource = z.infer<typeof metricSourceSchema>;

const closedLoopMetricSchema = metricSchema.safeExtend({ source: metricSourceSchema });

const opaSchema = z.strictObject({
  /** Of a rule, such as http://opa:8181/v1/data/duoloop/decision. */
  url: httpUrl,
  /** Field of OPA's `input` ← dotted path into {loop, metrics, breaches, ranks, replicas, time}; all of it when left out. */
  inputMapping: z.record(z.string().max(63), field).optional(),
  /** Dotted path in OPA's `result` of the name of the metric to react to; null or "" there is "none". */
  resultMapping: z.strictObject({ metric: field.default('metric') }).prefault({}),
  timeoutSeconds: z.int().min(1).max(10).default(2),
  /** When OPA does not answer or names an unknown metric: decide by ranks, or do nothing. */
  onFailure: z.enum(['Ranks', 'Hold']).default('Ranks'),
});

export const closedLoopSpecSchema = z.strictObject({
  targetRef: targetRefSchema,
  intervalSeconds: intervalSecondsSchema,
  metrics: metricListSchema(closedLoopMetricSchema),
  behavior: behaviorSchema,
  /** Who picks the reaction: the ranks when left out. */
  decision: z.strictObject({ opa: opaSchema.optional() }).prefault({}),
  onMissingMetrics: onMissingMetricsSchema,
  whileRollingOut: z.enum(['Hold', 'React']).default('Hold'),
  paused: z.boolean().default(false),
  topology: z.enum(['Inline', 'Distributed']).default('Inline'),
});
export type ClosedLoopSpec = z.infer<typeof closedLoopSpecSchema>;

const metricNameList = z.array(z.string().max(63)).max(16);

/** What one decision was; numbers are those of the tick in which it was taken first. */
export const decisionRecordSchema = z.strictObject({
  time: timestamp,
  /** "High cpu,Low memory", "No Event". */
  message: z.string().max(1024),
  /** Absent when no metric won. */
  winner: z.string().max(63).optional(),
  losers: metricNameList,
  clampedBy: z.array(z.string().max(63)).max(32),
  /** "React to cpu", "No action". */
  action: z.string().max(128),
  /** Group size before and wanted. */
  from: z.int(),
  to: z.int(),
  /** Metrics without a usable value, and why. */
  missing: z.array(z.strictObject({ name: z.string().max(63), reason: z.string().max(512) })).max(16),
  /** Measured values by metric name at `time`. */
  values: z.record(z.string().max(63), z.number()),
  /** Of a vertical reaction: the pod size wanted, relative to the template's. */
  vertical: z.strictObject({ resource: z.enum(['cpu', 'memory']), to: z.number() }).optional(),
});
export type DecisionRecord = z.infer<typeof decisionRecordSchema>;

export const closedLoopStatusSchema = z.strictObject({
  observedGeneration: z.int().optional(),
  /** Effective ranks by metric, 1 first. */
  ranks: z.record(z.string().max(63), z.int()),
  /** The same as text, for `kubectl get`: "cpu,memory". */
  ranking: z.string().max(2048),
  target: z.string().max(512),
  replicas: z.int().optional(),
  lastDecision: decisionRecordSchema.optional(),
  /** The last decisions that differed, newest first. */
  recentDecisions: z.array(decisionRecordSchema).max(10),
  /** Per metric its last 10 reactions, oldest first, Unix seconds. */
  reactionEpochs: z.record(z.string().max(63), z.array(z.number()).max(10)),
  recentReactions: z.array(z.string().max(63)).max(10),
  increaseRank: z.string().max(63).optional(),
  increaseTime: timestamp.optional(),
  rankChanges: z.array(timestamp).max(60),
  /** Sizes added and removed within the rate limits' periods, so that a new leader keeps to them. */
  recentChanges: z.array(z.strictObject({ time: timestamp, by: z.int() })).max(64),
  /** The agent's last set-point that was taken in; applied once. */
  setPoint: z.strictObject({ size: z.int(), time: timestamp, applied: z.boolean() }).optional(),
  conditions: conditionsSchema,
});
export type ClosedLoopStatus = z.infer<typeof closedLoopStatusSchema>;
export type ClosedLoop = CustomResource<ClosedLoopSpec, ClosedLoopStatus>;

export const closedLoopDefinition: ResourceDefinition = {
  kind: 'ClosedLoop',
  plural: 'closedloops',
  singular: 'closedloop',
  shortNames: ['cl'],
  description: 'The reactive loop of one managed system: thresholds, ranks, one reaction a tick',
  spec: closedLoopSpecSchema,
  status: closedLoopStatusSchema,
  printerColumns: [
    { name: 'Target', type: 'string', jsonPath: '.status.target' },
    { name: 'Replicas', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Ranks', type: 'string', jsonPath: '.status.ranking' },
    { name: 'Message', type: 'string', jsonPath: '.status.lastDecision.message' },
    { name: 'Action', type: 'string', jsonPath: '.status.lastDecision.action' },
    { name: 'Since', type: 'date', jsonPath: '.status.lastDecision.time' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
