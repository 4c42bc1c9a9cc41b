/** ScalingGroup, the coordinated scaler: workloads that scale as one, by ratio. */
import { z } from 'zod';
import {
  type CustomResource,
  conditionsSchema,
  objectName,
  type ResourceDefinition,
  targetRefSchema,
  timestamp,
} from './resource.ts';

const replicaCount = z.int().min(0).max(100_000);
const uniqueBy = <T>(items: readonly T[], key: (item: T) => unknown) => new Set(items.map(key)).size === items.length;

const memberShape = {
  /** Member size = clamp(ceil(ratio × group size), min, max). */
  ratio: z.number().positive().max(1000).default(1),
  min: replicaCount.default(1),
  max: replicaCount.default(100_000),
};

export const groupMemberRefSchema = z
  .strictObject({ targetRef: targetRefSchema, ...memberShape })
  .refine((member) => member.min <= member.max, { path: ['min'], message: 'is above max: lower min or raise max' });

/** Members by label: every workload of the kind in the namespace that carries all labels. */
const memberSelectorSchema = z.strictObject({
  apiVersion: z.string().min(1).max(253).default('apps/v1'),
  kind: z.enum(['Deployment', 'StatefulSet']).default('Deployment'),
  matchLabels: z
    .record(z.string().max(317), z.string().max(63))
    .refine((labels) => Object.keys(labels).length > 0, 'needs a label: none would take in every workload'),
  ...memberShape,
});

export const scalingGroupSpecSchema = z
  .strictObject({
    /** Group size; what the scale subresource reads and writes. */
    replicas: replicaCount.default(1),
    minReplicas: replicaCount.default(0),
    maxReplicas: replicaCount.min(1).default(100),
    members: z
      .array(groupMemberRefSchema)
      .max(64)
      .refine(
        (members) => uniqueBy(members, ({ targetRef: { apiVersion, kind, name } }) => `${apiVersion} ${kind} ${name}`),
        'has one workload twice: remove one',
      )
      .default([]),
    memberSelector: memberSelectorSchema.optional(),
    strategy: z
      .strictObject({
        /** When a member cannot become ready in time: leave the others where they are, or take all back to where they were. */
        partial: z.enum(['Keep', 'Rollback']).default('Keep'),
        timeoutSeconds: z.int().min(1).max(3600).default(300),
      })
      .prefault({}),
  })
  .refine((spec) => spec.minReplicas <= spec.maxReplicas, {
    path: ['minReplicas'],
    message: 'is above maxReplicas: lower minReplicas or raise maxReplicas',
  })
  .refine((spec) => spec.members.length > 0 !== (spec.memberSelector !== undefined), {
    path: ['members'],
    message: 'and memberSelector: give exactly one of the two',
  });

export type ScalingGroupSpec = z.infer<typeof scalingGroupSpecSchema>;

const memberStatusSchema = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: objectName,
  /** What the group wants of it now. */
  desired: replicaCount,
  /** Its own spec.replicas. */
  replicas: replicaCount,
  ready: replicaCount,
  state: z.enum(['Ready', 'Scaling', 'RollingOut', 'Missing', 'OwnedByAnother', 'QuotaExceeded', 'Failed']),
  message: z.string().max(1024).optional(),
});
export type MemberStatus = z.infer<typeof memberStatusSchema>;

const lastScalingSchema = z.strictObject({
  from: replicaCount,
  to: replicaCount,
  startedAt: timestamp,
  /** Absent while members are not ready yet. */
  completedAt: timestamp.optional(),
  /** From the request until the last member was ready. */
  seconds: z.number().optional(),
  outcome: z.enum(['InProgress', 'Complete', 'Partial', 'RolledBack', 'Superseded']),
});
export type LastScaling = z.infer<typeof lastScalingSchema>;

export const scalingGroupStatusSchema = z.strictObject({
  observedGeneration: z.int().optional(),
  /** Complete sets that are ready: the largest group size whose members are all ready. */
  replicas: replicaCount,
  /** Pods that an HPA on the group looks at: those of the first member whose ratio is 1. */
  selector: z.string().max(4096),
  members: z.array(memberStatusSchema).max(256),
  lastScaling: lastScalingSchema.optional(),
  conditions: conditionsSchema,
});
export type ScalingGroupStatus = z.infer<typeof scalingGroupStatusSchema>;
export type ScalingGroup = CustomResource<ScalingGroupSpec, ScalingGroupStatus>;

export const scalingGroupDefinition: ResourceDefinition = {
  kind: 'ScalingGroup',
  plural: 'scalinggroups',
  singular: 'scalinggroup',
  shortNames: ['sg'],
  description: 'Workloads that scale as one, by ratio',
  spec: scalingGroupSpecSchema,
  status: scalingGroupStatusSchema,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  printerColumns: [
    { name: 'Size', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Outcome', type: 'string', jsonPath: '.status.lastScaling.outcome' },
    { name: 'Seconds', type: 'number', jsonPath: '.status.lastScaling.seconds' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
