/** DeliberativeLoop: what tunes closed loops, how far it may go, and what it proposes. */
import { z } from 'zod';
import { type CustomResource, conditionsSchema, objectName, type ResourceDefinition, timestamp } from './resource.ts';

const replicaCount = z.int().min(0).max(100_000);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');

const checkpointSchema = z
  .strictObject({
    /** A ConfigMap of this namespace with checkpoint.json and weights.bin. */
    configMap: z.strictObject({ name: objectName }).optional(),
    /** A folder in the agent's container. */
    file: z.string().min(1).max(4096).optional(),
    /** A .tar.gz or folder address; sha256 is then required. */
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/, 'must be an http or https address')
      .optional(),
    /** Of weights.bin. */
    sha256: sha256.optional(),
  })
  .refine(
    (checkpoint) =>
      [checkpoint.configMap, checkpoint.file, checkpoint.url].filter((place) => place !== undefined).length === 1,
    'needs exactly one of configMap, file and url',
  )
  .refine((checkpoint) => checkpoint.url === undefined || checkpoint.sha256 !== undefined, {
    path: ['sha256'],
    message: 'is required with url: anyone on the way could put another checkpoint there',
  });

export const guardrailsSchema = z
  .strictObject({
    /** Largest distance of a set-point from the current size, in Bounded. */
    maxStep: z.int().min(1).max(100_000).default(4),
    minReplicas: replicaCount.optional(),
    maxReplicas: replicaCount.optional(),
    rankChangesPerHour: z.int().min(0).max(3600).default(12),
    /** Age from which a proposal is ignored. */
    staleAfterSeconds: z.int().min(1).max(86_400).default(180),
    /** Largest sum of the group sizes of all its closed loops that set-points may lead to. */
    maxReplicaBudget: z.int().min(1).max(10_000_000).optional(),
  })
  .refine((guardrails) => (guardrails.minReplicas ?? 0) <= (guardrails.maxReplicas ?? Number.POSITIVE_INFINITY), {
    path: ['minReplicas'],
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  });

export const deliberativeLoopSpecSchema = z.strictObject({
  closedLoops: z
    .strictObject({
      names: z.array(objectName).max(256).optional(),
      matchLabels: z.record(z.string().max(317), z.string().max(63)).optional(),
    })
    .refine(
      (selection) => (selection.names === undefined) !== (selection.matchLabels === undefined),
      'needs exactly one of names and matchLabels',
    ),
  policy: z
    .strictObject({
      checkpoint: checkpointSchema.optional(),
      /** The closed loop operator's policy; runs in the operator. */
      lastTen: z.strictObject({}).optional(),
      /** The coordinated scaler's policy: a random size every interval; runs in the operator. */
      randomGroup: z.strictObject({ seed: z.int().min(0).max(4_294_967_295).default(1) }).optional(),
      none: z.strictObject({}).optional(),
    })
    .refine(
      (policy) => Object.values(policy).filter((value) => value !== undefined).length === 1,
      'needs exactly one of checkpoint, lastTen, randomGroup and none',
    ),
  /**
   * Observe: decide, show nothing but metrics of it. Recommend: proposals in the status. Bounded: the operator applies them
   * within all guardrails. Autonomous: the same without maxStep.
   */
  mode: z.enum(['Observe', 'Recommend', 'Bounded', 'Autonomous']).default('Observe'),
  intervalSeconds: z.int().min(1).max(86_400).default(60),
  guardrails: guardrailsSchema.prefault({}),
});
export type DeliberativeLoopSpec = z.infer<typeof deliberativeLoopSpecSchema>;
export type Guardrails = z.infer<typeof guardrailsSchema>;

export const proposalSchema = z.strictObject({
  closedLoop: objectName,
  /** Wanted ranks by metric, 1 first; absent: leave them. */
  ranks: z.record(z.string().max(63), z.int().min(1)).optional(),
  /** Wanted group size; absent: hold. */
  setPoint: replicaCount.optional(),
  /** Identity of the proposal and start of its age. */
  time: timestamp,
  confidence: z.number().optional(),
  value: z.number().optional(),
  /** What an HPA would have asked for at that moment. */
  hpaWouldBe: replicaCount.optional(),
});
export type Proposal = z.infer<typeof proposalSchema>;

export const deliberativeLoopStatusSchema = z.strictObject({
  observedGeneration: z.int().optional(),
  proposals: z.array(proposalSchema).max(256),
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
