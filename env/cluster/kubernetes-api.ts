/**
 * The Kubernetes API as the rest of Duoloop sees it: plain JSON objects, no generated models (they drop unknown fields and
 * cost time and memory). Made by `connectKubernetes` in kubernetes-client.ts.
 */

/** Where a kind lives. */
export interface ResourceType {
  /** `v1`, `apps/v1`, `duoloop.dev/v1alpha1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export const resourceTypes = {
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
  statefulSet: { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true },
  pod: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
  namespace: { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
  configMap: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  secret: { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
  event: { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events', namespaced: true },
  lease: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true },
  horizontalPodAutoscaler: {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    namespaced: true,
  },
  scaledObject: { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', plural: 'scaledobjects', namespaced: true },
  customResourceDefinition: {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  },
  scalingGroup: { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', plural: 'scalinggroups', namespaced: true },
  closedLoop: { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ClosedLoop', plural: 'closedloops', namespaced: true },
  deliberativeLoop: {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'DeliberativeLoop',
    plural: 'deliberativeloops',
    namespaced: true,
  },
} as const satisfies Record<string, ResourceType>;

/** The API server refused or did not answer. */
export class KubernetesError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** `NotFound`, `Conflict`, `Forbidden`, `Invalid`, `AlreadyExists` … of metav1.Status; `Unreachable` or `Timeout` without an answer. */
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options?: { cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(message, options);
    this.name = 'KubernetesError';
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }

  /** Whether the same request may succeed later without anyone mending anything. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.status === 409;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404;
}

export interface ObjectList<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly subresource?: 'status' | 'scale' | 'resize';
  readonly signal?: AbortSignal;
  readonly dryRun?: boolean;
}

/** Of RFC 6902. */
export interface JsonPatchOperation {
  readonly op: 'test' | 'replace';
  /** JSON pointer: /spec/replicas. */
  readonly path: string;
  readonly value: unknown;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * Every method throws KubernetesError. Each call has a deadline (10 s unless told otherwise); about 10 calls are in flight at
 * once, the rest wait their turn in order.
 */
export interface KubernetesApi {
  readonly server: string;
  get<T>(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    options?: { subresource?: 'status' | 'scale'; signal?: AbortSignal },
  ): Promise<T>;
  /** All pages. */
  list<T>(
    type: ResourceType,
    options?: { namespace?: string; labelSelector?: string; fieldSelector?: string; signal?: AbortSignal },
  ): Promise<ObjectList<T>>;
  /** Ends without error when the server ends the watch (it does, regularly); throws with status 410 when the version is too old. */
  watch<T>(
    type: ResourceType,
    options: { namespace?: string; labelSelector?: string; resourceVersion: string; signal: AbortSignal },
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void>;
  create<T>(type: ResourceType, namespace: string | undefined, object: object, options?: WriteOptions): Promise<T>;
  /** PUT: needs metadata.resourceVersion; 409 when somebody wrote in between. */
  replace<T>(type: ResourceType, object: object, options?: WriteOptions): Promise<T>;
  /**
   * Server-side apply; the object needs apiVersion, kind and metadata.name. With `force`, the default, our fields are ours;
   * without, 409 when somebody else has given one of them another value, the message naming both.
   */
  apply<T>(
    type: ResourceType,
    object: object,
    options: WriteOptions & { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<T>;
  /** JSON merge patch; with metadata.resourceVersion in it, 409 when somebody wrote in between. */
  mergePatch<T>(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    patch: object,
    options?: WriteOptions,
  ): Promise<T>;
  /** All operations or none; 422 when a test fails. The server repeats it where somebody wrote in between. */
  jsonPatch<T>(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    operations: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<T>;
  delete(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    options?: { propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'; signal?: AbortSignal },
  ): Promise<void>;
  /** The type of a kind that is known by name only, by discovery; cached. @throws KubernetesError NotFound */
  typeOf(apiVersion: string, kind: string): Promise<ResourceType>;
  /** GET of any path, such as /apis/metrics.k8s.io/v1beta1/namespaces/x/pods. */
  getPath<T>(path: string, signal?: AbortSignal): Promise<T>;
}
