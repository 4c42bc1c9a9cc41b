/** ScalingGroup, the coordinated scaler: workloads that scale as one, by ratio. */
import { z } from 'zod';
import { constrained, ordered, unique } from './constraint.ts';
import {
  type CustomResource,
  conditionsSchema,
  matchLabelsSchema,
  objectName,
  observedGenerationSchema,
  type ResourceDefinition,
  replicaCount,
  targetRefSchema,
  timestamp,
} from './resource.ts';

const memberShape = {
  ratio: z
    .number()
    .positive()
    .max(1000)
    .default(1)
    .describe(
      'Replicas of the member per replica of the group: its size is ceil(ratio * group size) within min and max.',
    ),
  min: replicaCount.default(1).describe('The group never makes the member smaller.'),
  max: replicaCount.default(100_000).describe('The group never makes the member larger.'),
};

export const groupMemberRefSchema = constrained(
  z.strictObject({
    targetRef: targetRefSchema.describe('The workload: anything in the namespace with a scale subresource.'),
    ...memberShape,
  }),
  ordered('min', 'max'),
);

/** Members by label: every workload of the kind in the namespace that carries all labels. */
const memberSelectorSchema = constrained(
  z.strictObject({
    apiVersion: z.string().min(1).max(253).default('apps/v1').describe('Of the workloads.'),
    kind: z.enum(['Deployment', 'StatefulSet']).default('Deployment').describe('Of the workloads.'),
    matchLabels: matchLabelsSchema.describe('Labels that a workload must carry, all of them, to be a member.'),
    ...memberShape,
  }),
  ordered('min', 'max'),
).describe('Instead of members: every workload of the kind in the namespace with these labels, all with one ratio.');

const membersSchema = constrained(
  z.array(groupMemberRefSchema).max(64),
  unique(
    'has one workload twice: remove one',
    ({ targetRef: { apiVersion, kind, name } }) => `${apiVersion} ${kind} ${name}`,
    (item) => `${item}.targetRef`,
  ),
)
  .default([])
  .describe('Workloads of the group, each once.');

export const scalingGroupSpecSchema = constrained(
  z.strictObject({
    replicas: replicaCount.default(1).describe('Size of the group; what kubectl scale, an HPA or a ClosedLoop sets.'),
    minReplicas: replicaCount.default(0).describe('A smaller size is raised to this one.'),
    maxReplicas: replicaCount.min(1).default(100).describe('A larger size is lowered to this one.'),
    members: membersSchema,
    memberSelector: memberSelectorSchema.optional(),
    strategy: z
      .strictObject({
        partial: z
          .enum(['Keep', 'Rollback'])
          .default('Keep')
          .describe(
            'When a member cannot become ready in time: leave the others where they are, or take all back to where they were.',
          ),
        timeoutSeconds: z.int().min(1).max(3600).default(300).describe('Time that the members have to become ready.'),
      })
      .prefault({})
      .describe('What to do when not all members can follow.'),
    paused: z
      .boolean()
      .default(false)
      .describe(
        'Leave the members alone, whoever scales them: replicas then follows them (the smallest size that covers what they ' +
          'have), so that nothing jumps once the group goes on.',
      ),
  }),
  ordered('minReplicas', 'maxReplicas'),
  {
    path: ['members'],
    message: 'and memberSelector: give exactly one of the two',
    cel: '(self.members.size() > 0) != has(self.memberSelector)',
    holds: (spec) => spec.members.length > 0 !== (spec.memberSelector !== undefined),
  },
);

export type ScalingGroupSpec = z.infer<typeof scalingGroupSpecSchema>;

const memberStatusSchema = z.strictObject({
  apiVersion: z.string().max(253).describe('Of the workload.'),
  kind: z.string().max(63).describe('Of the workload.'),
  name: objectName.describe('Of the workload.'),
  desired: replicaCount.describe('What the group wants of it now.'),
  replicas: replicaCount.describe('Its own spec.replicas.'),
  ready: replicaCount.describe('Its pods that are ready.'),
  state: z
    .enum(['Ready', 'Scaling', 'RollingOut', 'Missing', 'OwnedByAnother', 'QuotaExceeded', 'Failed'])
    .describe('Ready, on its way, or why the group cannot scale it.'),
  message: z.string().max(1024).optional().describe('Why, and what to do; absent when all is well.'),
});
export type MemberStatus = z.infer<typeof memberStatusSchema>;

const lastScalingSchema = z.strictObject({
  from: replicaCount.describe('Group size before.'),
  to: replicaCount.describe('Group size asked for.'),
  startedAt: timestamp.describe('When it was asked for.'),
  completedAt: timestamp.optional().describe('Absent while members are not ready yet.'),
  seconds: z.number().optional().describe('From the request until the last member was ready.'),
  outcome: z
    .enum(['InProgress', 'Complete', 'Partial', 'RolledBack', 'Superseded'])
    .describe(
      'Under way; all members ready; not all in time (Keep); taken back (Rollback); or another size was asked for meanwhile.',
    ),
});
export type LastScaling = z.infer<typeof lastScalingSchema>;

export const scalingGroupStatusSchema = z.strictObject({
  observedGeneration: observedGenerationSchema,
  replicas: replicaCount.describe('Complete sets that are ready: the largest group size whose members are all ready.'),
  selector: z
    .string()
    .max(4096)
    .describe('Pods that an HPA on the group looks at: those of the first member whose ratio is 1.'),
  members: z.array(memberStatusSchema).max(256).describe('How each workload of the group stands.'),
  lastScaling: lastScalingSchema.optional().describe('The scaling under way or the last one.'),
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
