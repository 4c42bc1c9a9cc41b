/** DeliberativeLoop: what tunes closed loops, how far it may go, and what it proposes. */
import { z } from 'zod';
import { metricPresets } from '../../env/cluster/live/metric-queries.ts';
import { guardrailShape } from '../reactive/guardrails.ts';
import { constrained, exactlyOneOf, ordered } from './constraint.ts';
import {
  boundedRecord,
  type CustomResource,
  conditionsSchema,
  matchLabelsSchema,
  objectName,
  observedGenerationSchema,
  type ResourceDefinition,
  replicaCount,
  timestamp,
} from './resource.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');

const checkpointSchema = constrained(
  z.strictObject({
    configMap: z
      .strictObject({ name: objectName.describe('Of the ConfigMap.') })
      .optional()
      .describe('A ConfigMap of this namespace with checkpoint.json and weights.bin.'),
    file: z.string().min(1).max(4096).optional().describe("A folder in the agent's container."),
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/, 'must be an http or https address')
      .optional()
      .describe('A .tar.gz or folder address; sha256 is then required.'),
    sha256: sha256.optional().describe('Of weights.bin; others are refused.'),
  }),
  exactlyOneOf(['configMap', 'file', 'url']),
  {
    path: ['sha256'],
    message: 'is required with url: anyone on the way could put another checkpoint there',
    cel: '!has(self.url) || has(self.sha256)',
    holds: (checkpoint) => checkpoint.url === undefined || checkpoint.sha256 !== undefined,
  },
).describe('A trained policy; runs in the agent.');

export const guardrailsSchema = constrained(
  z.strictObject({
    ...guardrailShape,
    maxReplicaBudget: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe('Largest sum of the group sizes of all its closed loops that set-points may lead to.'),
  }),
  ordered('minReplicas', 'maxReplicas'),
);

const closedLoopSelectionSchema = constrained(
  z.strictObject({
    names: z.array(objectName).max(256).optional().describe('Names of closed loops in the namespace.'),
    matchLabels: matchLabelsSchema.optional().describe('Labels that a closed loop must carry, all of them.'),
  }),
  exactlyOneOf(['names', 'matchLabels']),
).describe('The closed loops that it tunes; each has at most one DeliberativeLoop.');

const policySchema = constrained(
  z.strictObject({
    checkpoint: checkpointSchema.optional(),
    lastTen: z
      .strictObject({})
      .optional()
      .describe('Raises the rank of the metric that was reacted to least; runs in the operator.'),
    randomGroup: z
      .strictObject({
        seed: z.int().min(0).max(4_294_967_295).default(1).describe('The same seed gives the same sizes.'),
      })
      .optional()
      .describe('A random size every interval, as a baseline and for experiments; runs in the operator.'),
    none: z.strictObject({}).optional().describe('No proposals.'),
    canary: checkpointSchema
      .optional()
      .describe('A second checkpoint that the agent decides with beside the first, as in Recommend: never applied.'),
  }),
  exactlyOneOf(['checkpoint', 'lastTen', 'randomGroup', 'none']),
  {
    path: ['canary'],
    message: 'needs a checkpoint beside it, whose successor it may become',
    cel: '!has(self.canary) || has(self.checkpoint)',
    holds: (policy) => policy.canary === undefined || policy.checkpoint !== undefined,
  },
).describe('What makes the proposals.');

const query = z.string().min(1).max(4096);

/** Where the agent finds an application's measurements. */
export const observationSourceSchema = z.strictObject({
  preset: z
    .enum(metricPresets)
    .optional()
    .describe('Whose metrics and labels the queries are for; what the agent was started with when left out.'),
  services: boundedRecord(z.string().max(63), objectName, 64)
    .optional()
    .describe("Workload by service of the checkpoint's app model, where their names differ."),
  queries: z
    .strictObject({
      requestsPerSecond: query.optional().describe('Requests/s that arrive at each workload.'),
      p95Milliseconds: query
        .optional()
        .describe('p95 latency of the requests that each workload answers, milliseconds.'),
      cpuPercent: query.optional().describe('CPU of a pod of each workload on average, percent of its request.'),
      memoryPercent: query.optional().describe('Memory of a pod of each workload on average, percent of its limit.'),
    })
    .prefault({})
    .describe(
      "PromQL instead of the preset's: a series per workload, with the labels namespace and workload. $window is the rate window.",
    ),
});
export type ObservationSource = z.infer<typeof observationSourceSchema>;

export const deliberativeLoopSpecSchema = z.strictObject({
  closedLoops: closedLoopSelectionSchema,
  policy: policySchema,
  observation: observationSourceSchema.prefault({}).describe('Where the agent finds measurements, for a checkpoint.'),
  mode: z
    .enum(['Observe', 'Recommend', 'Bounded', 'Autonomous'])
    .default('Observe')
    .describe(
      'Observe: proposals are shown in the status to watch the policy, Recommend: for people to act on; neither is applied. ' +
        'Bounded: the operator applies them within all guardrails. Autonomous: the same without maxStep.',
    ),
  intervalSeconds: z.int().min(1).max(86_400).default(60).describe('Time between two decisions.'),
  guardrails: guardrailsSchema.prefault({}).describe('How far proposals may go; the operator checks them.'),
});
export type DeliberativeLoopSpec = z.infer<typeof deliberativeLoopSpecSchema>;
export type Guardrails = z.infer<typeof guardrailsSchema>;

export const proposalSchema = z.strictObject({
  closedLoop: objectName.describe('Whom it is for.'),
  ranks: boundedRecord(z.string().max(63), z.int().min(1), 16)
    .optional()
    .describe('Wanted ranks by metric, 1 first; absent: leave them.'),
  setPoint: replicaCount.optional().describe('Wanted group size; absent: hold.'),
  time: timestamp.describe('Identity of the proposal and start of its age.'),
  confidence: z.number().optional().describe('Probability that the policy gave to what it proposes.'),
  value: z.number().optional().describe('What the critic expects from here on.'),
  hpaWouldBe: replicaCount.optional().describe('What an HPA would have asked for at that moment.'),
});
export type Proposal = z.infer<typeof proposalSchema>;

/**
 * Mean over closed loops and decision intervals since the policy was loaded, at most the last 1,440 intervals. The reward is
 * per interval: −cost − violation − churn (env/reward); the HPA's is that of its twin in the simulator under the same load.
 */
export const rewardSummarySchema = z.strictObject({
  sha256: sha256.describe('Of the policy that it is of.'),
  decisions: z.int().min(0).describe('Intervals that the means are over.'),
  mean: z.number().describe('Reward of an interval; 0 would be free and without violation.'),
  deviation: z.number().min(0).describe('Standard deviation between intervals.'),
  advantageMean: z.number().optional().describe("Reward less that of the HPA's twin."),
  advantageDeviation: z.number().min(0).optional().describe('Its standard deviation between intervals.'),
});
export type RewardSummary = z.infer<typeof rewardSummarySchema>;

export const deliberativeLoopStatusSchema = z.strictObject({
  observedGeneration: observedGenerationSchema,
  proposals: z.array(proposalSchema).max(256).describe('The last proposal per closed loop.'),
  policy: z
    .strictObject({
      name: z.string().max(253).describe('Algorithm and application of a checkpoint, else the kind of policy.'),
      sha256: sha256.optional().describe('Of its weights.'),
      loadedAt: timestamp.optional().describe('When the agent took it over.'),
    })
    .optional()
    .describe('The policy in force.'),
  agent: z
    .strictObject({
      identity: z.string().max(253).describe('Pod and a random part.'),
      renewTime: timestamp.describe('When it last did its work.'),
    })
    .optional()
    .describe(
      'The agent that proposes, and when it last did its work; another one waits until this is three intervals old.',
    ),
  reward: rewardSummarySchema
    .optional()
    .describe('How the closed loops fare under the policy in force; see decisions for how many intervals.'),
  canary: z
    .strictObject({
      sha256: sha256.describe('Of its weights.'),
      since: timestamp.describe('When it was first asked.'),
      decisions: z.int().min(0).describe('Intervals in which it was asked for all closed loops.'),
      abstentions: z.int().min(0).describe('Closed loops and intervals for which it had nothing sound to say.'),
      agreementPercent: z.number().optional().describe('Set-points that were those of the policy in force.'),
      meanSetPoint: z.number().optional().describe('Its set-points, where both had one.'),
      incumbentMeanSetPoint: z.number().optional().describe('Those of the policy in force at these moments.'),
    })
    .optional()
    .describe('What the canary would have proposed so far.'),
  conditions: conditionsSchema,
});
export type DeliberativeLoopStatus = z.infer<typeof deliberativeLoopStatusSchema>;
export type DeliberativeLoop = CustomResource<DeliberativeLoopSpec, DeliberativeLoopStatus>;

export const deliberativeLoopDefinition: ResourceDefinition = {
  kind: 'DeliberativeLoop',
  plural: 'deliberativeloops',
  singular: 'deliberativeloop',
  shortNames: ['dl'],
  description: 'Tunes the priority ranks and group sizes of closed loops, within guardrails',
  spec: deliberativeLoopSpecSchema,
  status: deliberativeLoopStatusSchema,
  printerColumns: [
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
    { name: 'Policy', type: 'string', jsonPath: '.status.policy.name' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
