/** DeliberativeLoop: what tunes closed loops, how far it may go, and what it proposes. */
import { z } from 'zod';
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
      .strictObject({ name: objectName })
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
      .strictObject({ seed: z.int().min(0).max(4_294_967_295).default(1) })
      .optional()
      .describe('A random size every interval, as a baseline and for experiments; runs in the operator.'),
    none: z.strictObject({}).optional().describe('No proposals.'),
  }),
  exactlyOneOf(['checkpoint', 'lastTen', 'randomGroup', 'none']),
).describe('What makes the proposals.');

export const deliberativeLoopSpecSchema = z.strictObject({
  closedLoops: closedLoopSelectionSchema,
  policy: policySchema,
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
  closedLoop: objectName,
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

export const deliberativeLoopStatusSchema = z.strictObject({
  observedGeneration: observedGenerationSchema,
  proposals: z.array(proposalSchema).max(256).describe('The last proposal per closed loop.'),
  policy: z
    .strictObject({ name: z.string().max(253), sha256: sha256.optional(), loadedAt: timestamp.optional() })
    .optional(),
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
