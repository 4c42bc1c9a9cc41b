/**
 * `spec.behavior` of a HorizontalPodAutoscaler (autoscaling/v2) and the limits it sets on one change, as in
 * pkg/controller/podautoscaler/horizontal.go and pkg/apis/autoscaling/v2/defaults.go of Kubernetes v1.36.
 */
import { z } from 'zod';
import { UserError } from '../../env/errors.ts';

const policySchema = z.strictObject({
  type: z.enum(['Pods', 'Percent']),
  value: z.int().positive(),
  periodSeconds: z.int().min(1).max(1800),
});

const rulesSchema = (stabilizationWindowSeconds: number, policies: z.infer<typeof policySchema>[]) =>
  z
    .strictObject({
      stabilizationWindowSeconds: z.int().min(0).max(3600).default(stabilizationWindowSeconds),
      selectPolicy: z.enum(['Max', 'Min', 'Disabled']).default('Max'),
      policies: z.array(policySchema).min(1).default(policies),
      /** Changes of the usage ratio up to this fraction are ignored. */
      tolerance: z.number().min(0).default(0.1),
    })
    .prefault({});

/** The defaults are those that the API server fills in; the tolerance is that of kube-controller-manager's flag. */
export const hpaBehaviorSchema = z.strictObject({
  scaleUp: rulesSchema(0, [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ]),
  scaleDown: rulesSchema(300, [{ type: 'Percent', value: 100, periodSeconds: 15 }]),
});

export type HpaScalingPolicy = z.infer<typeof policySchema>;
export type HpaBehavior = z.infer<typeof hpaBehaviorSchema>;
export type HpaScalingRules = HpaBehavior['scaleUp'];
export type HpaBehaviorInput = z.input<typeof hpaBehaviorSchema>;

/**
 * Behaviours by name.
 * - `kubernetes-default`: what the documentation of autoscaling/v2 gives as default.
 * - `measured-project`: scale down 1 pod per 30 s after 30 s of stabilisation (boyscout99/microservice-demo).
 */
export const hpaBehaviors = {
  'kubernetes-default': hpaBehaviorSchema.parse({}),
  'measured-project': hpaBehaviorSchema.parse({
    scaleDown: { stabilizationWindowSeconds: 30, policies: [{ type: 'Pods', value: 1, periodSeconds: 30 }] },
  }),
} as const satisfies Record<string, HpaBehavior>;

export type HpaBehaviorName = keyof typeof hpaBehaviors;

/** Fills in the defaults. @throws UserError `HPA_BEHAVIOR` naming the wrong field */
export function parseHpaBehavior(input: HpaBehaviorName | HpaBehaviorInput): HpaBehavior {
  if (typeof input === 'string') return hpaBehaviors[input];
  const parsed = hpaBehaviorSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new UserError(
    'HPA_BEHAVIOR',
    `The HPA behavior is not one that Kubernetes would accept: ${z.prettifyError(parsed.error)}. ` +
      'Correct the field named above as in spec.behavior of autoscaling/v2.',
  );
}

/** Replicas added and removed within the last `periodSeconds`. */
export interface RecentScaling {
  added(periodSeconds: number): number;
  removed(periodSeconds: number): number;
}

/** `calculateScaleUpLimitWithScalingRules`: the most replicas that the policies allow now; not below the current. */
export function scaleUpLimit(currentReplicas: number, rules: HpaScalingRules, recent: RecentScaling): number {
  const { selectPolicy, policies } = rules;
  if (selectPolicy === 'Disabled') return currentReplicas;
  let limit = selectPolicy === 'Min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (let i = 0; i < policies.length; i++) {
    const { type, value, periodSeconds } = policies[i];
    const atPeriodStart = currentReplicas - recent.added(periodSeconds) + recent.removed(periodSeconds);
    // Rounded up, else a small percentage would never let a small workload grow.
    const proposed = type === 'Pods' ? atPeriodStart + value : Math.ceil(atPeriodStart * (1 + value / 100));
    limit = selectPolicy === 'Min' ? Math.min(limit, proposed) : Math.max(limit, proposed);
  }
  return Math.max(limit, currentReplicas);
}

/** `calculateScaleDownLimitWithBehaviors`: the fewest replicas that the policies allow now; not above the current. */
export function scaleDownLimit(currentReplicas: number, rules: HpaScalingRules, recent: RecentScaling): number {
  const { selectPolicy, policies } = rules;
  if (selectPolicy === 'Disabled') return currentReplicas;
  let limit = selectPolicy === 'Min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (let i = 0; i < policies.length; i++) {
    const { type, value, periodSeconds } = policies[i];
    const atPeriodStart = currentReplicas - recent.added(periodSeconds) + recent.removed(periodSeconds);
    const proposed = type === 'Pods' ? atPeriodStart - value : Math.trunc(atPeriodStart * (1 - value / 100));
    limit = selectPolicy === 'Min' ? Math.max(limit, proposed) : Math.min(limit, proposed);
  }
  return Math.min(limit, currentReplicas);
}
