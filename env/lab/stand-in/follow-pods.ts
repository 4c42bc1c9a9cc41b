/** The pods of a namespace, as they come, change and go. */
import { type KubernetesApi, type KubernetesError, resourceTypes } from '../../cluster/kubernetes-api.ts';
import { followObjects } from './follow-objects.ts';
import type { ApplicationPod } from './pod-counters.ts';

export interface PodListener {
  put(pod: ApplicationPod): void;
  remove(uid: string): void;
}

export interface FollowPodsOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly listener: PodListener;
  readonly signal: AbortSignal;
  /** Told of every failure that is tried again. */
  readonly onFailure?: (error: KubernetesError) => void;
}

/** What is read of a pod. */
interface PodObject {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly {
      readonly name: string;
      readonly image?: string;
      readonly resources?: { readonly limits?: Quantities; readonly requests?: Quantities };
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount?: number }[];
  };
}
type Quantities = Readonly<Record<string, string>>;

/** As `followObjects`. */
export function followPods({ listener, ...options }: FollowPodsOptions): Promise<void> {
  return followObjects<PodObject>({
    ...options,
    type: resourceTypes.pod,
    put: (pod) => listener.put(applicationPod(pod)),
    remove: (uid) => listener.remove(uid),
  });
}

/** @internal */
export function applicationPod({ metadata, spec, status }: PodObject): ApplicationPod {
  const [container] = spec.containers;
  const memory = container.resources?.limits?.memory ?? container.resources?.requests?.memory;
  const labels = metadata.labels ?? {};
  const isReady = status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    labels,
    node: spec.nodeName ?? '',
    workload: workloadOf(metadata, labels),
    container: container.name,
    image: container.image ?? '',
    restarts: status?.containerStatuses?.[0]?.restartCount ?? 0,
    // As in Endpoints: a pod that is being deleted gets no more requests.
    ready: isReady === true && metadata.deletionTimestamp === undefined,
    memoryBytes: memory === undefined ? undefined : bytes(memory),
  };
}

/** The Deployment behind the pod's ReplicaSet, or its own controller. */
function workloadOf({ ownerReferences = [] }: PodObject['metadata'], labels: Quantities): string {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return '';
  const hash = labels['pod-template-hash'];
  const ofDeployment = owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`);
  return ofDeployment ? owner.name.slice(0, -hash.length - 1) : owner.name;
}

const binarySuffixes: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const decimalSuffixes: Readonly<Record<string, number>> = { m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** A quantity of memory as the API server writes it. */
function bytes(quantity: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?(?:e\d+)?)([A-Za-z]*)$/.exec(quantity);
  if (parts === null) return undefined;
  const [, number, suffix] = parts;
  const unit = suffix === '' ? 1 : (binarySuffixes[suffix] ?? decimalSuffixes[suffix]);
  return unit === undefined ? undefined : Number(number) * unit;
}
