/** HorizontalPodAutoscaler (autoscaling/v2) and KEDA's ScaledObject, as far as they are converted; what is unknown passes. */
import { z } from 'zod';
import { hpaBehaviorSchema } from '../../policies/hpa/behavior.ts';
import { objectName } from '../../policies/resources/resource.ts';
import { parseQuantity } from '../workloads/quantity.ts';

const quantity = z.union([z.string(), z.number()]).transform((text, context) => {
  const amount = parseQuantity(text);
  if (amount !== undefined) return amount;
  context.addIssue({ code: 'custom', message: `"${text}" is no quantity such as 500m or 1Gi` });
  return z.NEVER;
});

export const metadataSchema = z.looseObject({
  name: objectName,
  namespace: objectName.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string() })).optional(),
});

const targetRef = z.looseObject({
  apiVersion: z.string().default('apps/v1'),
  kind: z.string().default('Deployment'),
  name: objectName,
});

const policy = z.looseObject({
  type: z.enum(['Pods', 'Percent']),
  value: z.int().positive(),
  periodSeconds: z.int().min(1).max(1800),
});
const rules = z
  .looseObject({
    stabilizationWindowSeconds: z.int().min(0).max(3600).nullish(),
    selectPolicy: z.enum(['Max', 'Min', 'Disabled']).nullish(),
    policies: z.array(policy).nullish(),
    tolerance: quantity.pipe(z.number().min(0)).nullish(),
  })
  .nullish();
const given = <T extends object>(fields: T | null | undefined) =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value != null));
const rulesInput = (direction: z.infer<typeof rules>) => {
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = direction ?? {};
  return given({
    stabilizationWindowSeconds,
    selectPolicy,
    tolerance,
    policies: policies?.length
      ? policies.map(({ type, value, periodSeconds }) => ({ type, value, periodSeconds }))
      : undefined,
  });
};
/** Filled in as the API server does it. */
export const behaviorSchema = z
  .looseObject({ scaleUp: rules, scaleDown: rules })
  .nullish()
  .transform((behavior) =>
    hpaBehaviorSchema.parse({ scaleUp: rulesInput(behavior?.scaleUp), scaleDown: rulesInput(behavior?.scaleDown) }),
  );

const metricTarget = z.looseObject({
  type: z.enum(['Utilization', 'Value', 'AverageValue']).optional(),
  averageUtilization: z.number().positive().optional(),
  averageValue: quantity.optional(),
  value: quantity.optional(),
});
export type MetricTarget = z.infer<typeof metricTarget>;

const labelSelector = z.looseObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).optional() }))
    .optional(),
});
export type MetricSelector = z.infer<typeof labelSelector>;
const metricIdentifier = z.looseObject({ name: z.string().min(1), selector: labelSelector.optional() });

const hpaMetricSchema = z.looseObject({
  type: z.string(),
  resource: z.looseObject({ name: z.string(), target: metricTarget }).optional(),
  containerResource: z.looseObject({ name: z.string(), container: z.string(), target: metricTarget }).optional(),
  pods: z.looseObject({ metric: metricIdentifier, target: metricTarget }).optional(),
  object: z
    .looseObject({
      metric: metricIdentifier,
      target: metricTarget,
      describedObject: z.looseObject({ kind: z.string(), name: z.string() }),
    })
    .optional(),
  external: z.looseObject({ metric: metricIdentifier, target: metricTarget }).optional(),
});
export type HpaMetricSpec = z.infer<typeof hpaMetricSchema>;

export const hpaSchema = z.looseObject({
  metadata: metadataSchema,
  spec: z.looseObject({
    scaleTargetRef: targetRef,
    minReplicas: z.int().min(0).nullish(),
    maxReplicas: z.int().min(1),
    metrics: z.array(hpaMetricSchema).nullish(),
    /** Of autoscaling/v1. */
    targetCPUUtilizationPercentage: z.int().positive().nullish(),
    behavior: behaviorSchema,
  }),
});
export type Hpa = z.infer<typeof hpaSchema>;

const triggerSchema = z.looseObject({
  type: z.string().min(1),
  name: z.string().optional(),
  metricType: z.enum(['Utilization', 'Value', 'AverageValue', '']).optional(),
  // KEDA has text only, and people write numbers all the same.
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  authenticationRef: z.looseObject({ name: z.string().optional() }).nullish(),
  useCachedMetrics: z.boolean().optional(),
});
export type Trigger = z.infer<typeof triggerSchema>;

export const scaledObjectSchema = z.looseObject({
  metadata: metadataSchema,
  spec: z.looseObject({
    scaleTargetRef: targetRef,
    pollingInterval: z.int().nullish(),
    cooldownPeriod: z.int().nullish(),
    initialCooldownPeriod: z.int().nullish(),
    idleReplicaCount: z.int().nullish(),
    minReplicaCount: z.int().min(0).nullish(),
    maxReplicaCount: z.int().min(1).nullish(),
    fallback: z
      .looseObject({ failureThreshold: z.int(), replicas: z.int().min(0), behavior: z.string().optional() })
      .nullish(),
    advanced: z
      .looseObject({
        restoreToOriginalReplicaCount: z.boolean().nullish(),
        horizontalPodAutoscalerConfig: z.looseObject({ behavior: behaviorSchema }).nullish(),
        scalingModifiers: z.looseObject({ formula: z.string().nullish(), target: z.string().nullish() }).nullish(),
      })
      .nullish(),
    triggers: z.array(triggerSchema).min(1),
  }),
});
export type ScaledObject = z.infer<typeof scaledObjectSchema>;
