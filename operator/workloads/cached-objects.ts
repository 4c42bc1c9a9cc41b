/**
 * What the caches keep of each type, and the functions that cut an object down to it: an operator for a large cluster holds
 * every Deployment, and most of one is managedFields, annotations and pod template.
 */
import type { ObjectMeta, StoredObject } from '../../policies/resources/resource.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface PodTemplate {
  readonly spec?: {
    readonly containers?: readonly {
      readonly name?: string;
      readonly resources?: { readonly requests?: Readonly<Record<string, string | number>> };
    }[];
  };
}

interface ReplicaStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
}

export interface DeploymentObject extends StoredObject {
  readonly spec: { readonly replicas?: number; readonly selector?: LabelSelector; readonly template?: PodTemplate };
  readonly status?: ReplicaStatus & {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

export interface StatefulSetObject extends StoredObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
    readonly updateStrategy?: {
      readonly type?: string;
      readonly rollingUpdate?: { readonly partition?: number };
    };
  };
  readonly status?: ReplicaStatus & { readonly currentRevision?: string; readonly updateRevision?: string };
}

/** A HorizontalPodAutoscaler or a KEDA ScaledObject. */
export interface AutoscalerObject extends StoredObject {
  readonly spec?: {
    readonly scaleTargetRef?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
  };
}

export interface NamespaceObject extends StoredObject {
  readonly status?: { readonly phase?: string };
}

function trimMeta({
  name,
  namespace,
  uid,
  generation,
  resourceVersion,
  creationTimestamp,
  deletionTimestamp,
  labels,
}: ObjectMeta): ObjectMeta {
  return { name, namespace, uid, generation, resourceVersion, creationTimestamp, deletionTimestamp, labels };
}

function trimTemplate(template: PodTemplate | undefined): PodTemplate {
  const containers = template?.spec?.containers ?? [];
  return {
    spec: {
      containers: containers.map(({ name, resources }) => ({ name, resources: { requests: resources?.requests } })),
    },
  };
}

/** Keeps identity, labels, replicas, pod selector, container requests and the status that readiness is read from. */
export function trimDeployment({ apiVersion, kind, metadata, spec, status }: DeploymentObject): DeploymentObject {
  return {
    apiVersion,
    kind,
    metadata: trimMeta(metadata),
    spec: { replicas: spec.replicas, selector: spec.selector, template: trimTemplate(spec.template) },
    status: status && {
      observedGeneration: status.observedGeneration,
      replicas: status.replicas,
      updatedReplicas: status.updatedReplicas,
      readyReplicas: status.readyReplicas,
      conditions: status.conditions?.filter(({ type }) => type === 'ReplicaFailure'),
    },
  };
}

/** As for Deployments, and what tells a rollout from a partition that is meant to stay. */
export function trimStatefulSet({ apiVersion, kind, metadata, spec, status }: StatefulSetObject): StatefulSetObject {
  return {
    apiVersion,
    kind,
    metadata: trimMeta(metadata),
    spec: {
      replicas: spec.replicas,
      selector: spec.selector,
      template: trimTemplate(spec.template),
      updateStrategy: spec.updateStrategy,
    },
    status: status && {
      observedGeneration: status.observedGeneration,
      replicas: status.replicas,
      updatedReplicas: status.updatedReplicas,
      readyReplicas: status.readyReplicas,
      currentRevision: status.currentRevision,
      updateRevision: status.updateRevision,
    },
  };
}

/** Keeps identity and target: nothing else of another autoscaler is looked at. */
export function trimAutoscaler({ apiVersion, kind, metadata, spec }: AutoscalerObject): AutoscalerObject {
  return { apiVersion, kind, metadata: trimMeta(metadata), spec: { scaleTargetRef: spec?.scaleTargetRef } };
}

export function trimNamespace({ apiVersion, kind, metadata, status }: NamespaceObject): NamespaceObject {
  return { apiVersion, kind, metadata: trimMeta(metadata), status: { phase: status?.phase } };
}

/** Our own resources are kept whole but for managedFields and annotations. */
export function trimOwn<T extends StoredObject>(object: T): T {
  const { ownerReferences } = object.metadata;
  // Those of a stage tell whose it is.
  return { ...object, metadata: { ...trimMeta(object.metadata), ...(ownerReferences && { ownerReferences }) } };
}
