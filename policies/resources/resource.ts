/**
 * What the custom resources have in common. Their schemas are zod; the CRDs in manifests/crds are generated from them and
 * every default lives here. In policies because operator and agent both read them and never import each other.
 */
import { z } from 'zod';
import { constrained } from './constraint.ts';

export const apiGroup = 'duoloop.dev';
export const apiVersion = 'duoloop.dev/v1alpha1';

/** DNS-1123 subdomain: the name of a Kubernetes object. */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'must be a Kubernetes object name');

/** RFC 3339 with whatever fraction the writer has; the API server keeps it as text. */
export const timestamp = z.iso.datetime({ offset: true });

/** A map with a bound on its size, without which the API server cannot bound the cost of rules. */
export function boundedRecord<Key extends z.ZodString, Value extends z.ZodType>(
  key: Key,
  value: Value,
  maxProperties: number,
) {
  return (
    z
      .record(key, value)
      .refine(
        (record) => Object.keys(record).length <= maxProperties,
        `has more than ${maxProperties} entries: remove some`,
      )
      // Atomic: of a map whose last key goes, server-side apply would otherwise leave null, which the schema refuses.
      .meta({ maxProperties, 'x-kubernetes-map-type': 'atomic' })
  );
}

/** Labels that an object must carry, all of them. */
export const matchLabelsSchema = constrained(boundedRecord(z.string().max(317), z.string().max(63), 16), {
  message: 'needs a label: none would take in everything in the namespace',
  cel: 'self.size() > 0',
  holds: (labels) => Object.keys(labels).length > 0,
});

export const replicaCount = z.int().min(0).max(100_000);

/** Something in the same namespace with a scale subresource. */
export const targetRefSchema = z.strictObject({
  apiVersion: z
    .string()
    .min(1)
    .max(253)
    .regex(/^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?v[a-z0-9]+$/, 'must be such as apps/v1')
    .default('apps/v1')
    .describe('Such as apps/v1 or duoloop.dev/v1alpha1.'),
  kind: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z][A-Za-z0-9]*$/, 'must be such as Deployment')
    .default('Deployment')
    .describe('Deployment, StatefulSet, ScalingGroup or any kind with a scale subresource.'),
  name: objectName.describe('Name of an object in the same namespace.'),
});
export type TargetRef = z.infer<typeof targetRefSchema>;

export const observedGenerationSchema = z.int().optional().describe('Generation of the spec that the status is about.');

export const conditionSchema = z.strictObject({
  type: z.string().max(316).describe('Aspect of the object, such as Ready.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z.string().max(1024).describe('Why, in one CamelCase word, for programs.'),
  message: z.string().max(32_768).describe('Why, for people: what is wrong, where, what to do.'),
  lastTransitionTime: timestamp.describe('When status changed last.'),
  observedGeneration: observedGenerationSchema,
});
export type Condition = z.infer<typeof conditionSchema>;
export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  // Writers of different types do not undo each other when they apply.
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .describe('What is well and what is not.');

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
    readonly controller?: boolean;
  }[];
}

/** An object as the API server gives it: the spec is not parsed yet, the status may be absent. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface CustomResource<Spec, Status> extends StoredObject {
  readonly spec: Spec;
  readonly status?: Status;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'number' | 'boolean';
  readonly jsonPath: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
  readonly description?: string;
}

/** One custom resource: what the CRD generator needs. */
export interface ResourceDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
  readonly printerColumns: readonly PrinterColumn[];
}
