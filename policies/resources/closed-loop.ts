/** ClosedLoop, the reactive loop of one managed system: a loop spec plus where metrics come from and what is scaled. */
import { z } from 'zod';
import {
  behaviorSchema,
  intervalSecondsSchema,
  metricListSchema,
  metricSchema,
  onMissingMetricsSchema,
} from '../reactive/loop-spec.ts';
import { celRulesKey, constrained, exactlyOneOf, withCelRules } from './constraint.ts';
import {
  boundedRecord,
  type CustomResource,
  conditionsSchema,
  observedGenerationSchema,
  type ResourceDefinition,
  targetRefSchema,
  timestamp,
} from './resource.ts';

const field = z.string().min(1).max(253);
const httpUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s]+$/, 'must be an http or https address');

export const metricSourceSchema = constrained(
  z.strictObject({
    prometheus: z
      .strictObject({
        query: z
          .string()
          .min(1)
          .max(4096)
          .describe(
            'PromQL with one number as its result. $namespace, $target and the names in variables are replaced inside ' +
              'label matchers; loops whose query reads the same before that share one query a tick.',
          ),
        variables: boundedRecord(z.string().max(63), z.string().max(253), 16)
          .optional()
          .describe('Values by name, for $name in label matchers of the query.'),
      })
      .optional()
      .describe('Asked of Prometheus.'),
    resource: z
      .strictObject({
        name: z.enum(['cpu', 'memory']).describe('Which resource.'),
        type: z
          .enum(['Utilization', 'AverageValue', 'Total', 'TotalUtilization'])
          .default('Utilization')
          .describe(
            "Percent of the pods' requests, cores and bytes of one pod on average, or of all pods together; TotalUtilization " +
              'adds up the percents of all pods, to track so many a pod as an HPA does.',
          ),
      })
      .optional()
      .describe('Use of the pods, from metrics.k8s.io.'),
    push: z
      .strictObject({
        field: field.optional().describe("Field of the pushed JSON; the metric's name when left out."),
        maxAgeSeconds: z.int().min(1).max(86_400).default(60).describe('An older value is missing.'),
      })
      .optional()
      .describe('Pushed by the managed system to the ingest endpoint.'),
    http: z
      .strictObject({
        url: httpUrl.describe('Address that answers GET with JSON.'),
        field: field
          .optional()
          .describe(
            "Dotted path into the JSON (of its last element when it is a list); the metric's name when left out.",
          ),
        timeoutSeconds: z.int().min(1).max(30).default(5).describe('Without an answer by then the metric is missing.'),
      })
      .optional()
      .describe('Pulled from an exporter.'),
  }),
  exactlyOneOf(['prometheus', 'resource', 'push', 'http']),
).describe('Where the value comes from.');
export type MetricSource = z.infer<typeof metricSourceSchema>;

// Extending makes a new schema, which does not take over the rules for the API server.
const closedLoopMetricSchema = metricSchema
  .safeExtend({ source: metricSourceSchema })
  .meta({ [celRulesKey]: metricSchema.meta()?.[celRulesKey] });

const opaSchema = z.strictObject({
  url: httpUrl.describe('Of a rule, such as http://opa:8181/v1/data/duoloop/decision.'),
  inputMapping: boundedRecord(z.string().max(63), field, 32)
    .optional()
    .describe(
      "Field of OPA's input <- dotted path into {loop, metrics, breaches, ranks, replicas, time}; all of it when left out.",
    ),
  resultMapping: z
    .strictObject({
      metric: field
        .default('metric')
        .describe('Dotted path of the name of the metric to react to; null or "" there is "none".'),
    })
    .prefault({})
    .describe("Where in OPA's result the decision is."),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe('Without an answer by then OPA has failed: see onFailure.'),
  onFailure: z
    .enum(['Ranks', 'Hold'])
    .default('Ranks')
    .describe('When OPA does not answer or names an unknown metric: decide by ranks, or do nothing.'),
});

const closedLoopTargetSchema = withCelRules(
  targetRefSchema.describe(
    'What the loop scales: anything in the namespace with a scale subresource that no HPA, ScaledObject, ScalingGroup or ' +
      'other ClosedLoop scales. Fixed.',
  ),
  // What the loop remembers (recommendations, set-points, sizes) is that of its target.
  { rule: 'self == oldSelf', message: 'is fixed: make another ClosedLoop for another target, and delete this one' },
);

export const closedLoopSpecSchema = z.strictObject({
  targetRef: closedLoopTargetSchema,
  intervalSeconds: intervalSecondsSchema,
  metrics: metricListSchema(closedLoopMetricSchema).describe(
    'What is measured, against which thresholds, in which rank.',
  ),
  behavior: behaviorSchema,
  decision: z
    .strictObject({ opa: opaSchema.optional().describe('An Open Policy Agent over HTTP.') })
    .prefault({})
    .describe('Who picks the reaction among the metrics in breach: the ranks when left out.'),
  onMissingMetrics: onMissingMetricsSchema,
  whileRollingOut: z
    .enum(['Hold', 'React'])
    .default('Hold')
    .describe('Hold: nothing is decided while the target rolls out, when measurements mix two versions.'),
  paused: z.boolean().default(false).describe('Measure and decide, but carry nothing out.'),
  topology: z
    .enum(['Inline', 'Distributed'])
    .default('Inline')
    .describe(
      'Inline: one process decides. Distributed: stages that talk by Monitoring, Decision and Execution objects, each of ' +
        'which another controller may handle.',
    ),
});
export type ClosedLoopSpec = z.infer<typeof closedLoopSpecSchema>;

const metricNameList = z.array(z.string().max(63)).max(16);

/** What one decision was; numbers are those of the tick in which it was taken first. */
export const decisionRecordSchema = z.strictObject({
  time: timestamp.describe('When it was taken first.'),
  message: z.string().max(1024).describe('Breaches: "High cpu,Low memory", "No Event".'),
  winner: z.string().max(63).optional().describe('Metric that is reacted to; absent when none is.'),
  losers: metricNameList.describe('Metrics in breach that did not win, best rank first.'),
  clampedBy: z.array(z.string().max(63)).max(32).describe('Rules that held back or changed what was asked for.'),
  action: z.string().max(128).describe('"React to cpu", "No action".'),
  from: z.int().describe('Size of the target before.'),
  to: z.int().describe('Size of the target wanted.'),
  missing: z
    .array(
      z.strictObject({
        name: z.string().max(63).describe('Of the metric.'),
        reason: z.string().max(512).describe('Why it has no usable value.'),
      }),
    )
    .max(16)
    .describe('Metrics without a usable value, and why.'),
  values: boundedRecord(z.string().max(63), z.number(), 16).describe('Measured values by metric name.'),
  vertical: z
    .strictObject({
      resource: z.enum(['cpu', 'memory']).describe('What is resized.'),
      to: z.number().describe("The size wanted, relative to the template's."),
    })
    .optional()
    .describe('Of a vertical reaction: the pod size wanted.'),
});
export type DecisionRecord = z.infer<typeof decisionRecordSchema>;

export const closedLoopStatusSchema = z.strictObject({
  observedGeneration: observedGenerationSchema,
  ranks: boundedRecord(z.string().max(63), z.int(), 16).describe('Effective ranks by metric, 1 first.'),
  ranking: z.string().max(2048).describe('The same as text: "cpu,memory".'),
  target: z.string().max(512).describe('The target as text.'),
  replicas: z.int().optional().describe('Size of the target as last seen.'),
  lastDecision: decisionRecordSchema.optional().describe('The decision that is in force.'),
  recentDecisions: z.array(decisionRecordSchema).max(10).describe('The last decisions that differed, newest first.'),
  reactionEpochs: boundedRecord(z.string().max(63), z.array(z.number()).max(10), 16).describe(
    'Per metric its last 10 reactions, oldest first, Unix seconds.',
  ),
  recentReactions: z.array(z.string().max(63)).max(10).describe('Metrics of the last 10 reactions, oldest first.'),
  increaseRank: z.string().max(63).optional().describe('Metric whose rank was raised last.'),
  increaseTime: timestamp.optional().describe('When it was raised.'),
  rankChanges: z.array(timestamp).max(60).describe('Rank changes of the last hour.'),
  recentChanges: z
    .array(
      z.strictObject({
        time: timestamp.describe('When the size changed.'),
        by: z.int().describe('By how many; negative for fewer.'),
      }),
    )
    .max(64)
    .describe("Sizes added and removed within the rate limits' periods, so that a new leader keeps to them."),
  setPoint: z
    .strictObject({
      size: z.int().describe('The size proposed, within the guardrails.'),
      time: timestamp.describe('Of the proposal: its identity.'),
      applied: z.boolean().describe('Whether the target was brought to it.'),
    })
    .optional()
    .describe("The agent's last set-point that was taken in; applied once."),
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
