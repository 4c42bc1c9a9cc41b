/** What of an application there is in a namespace before anything is written: its workloads, who scales them, and our own objects. */
import { isNotFound, type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { apiVersion, type StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ConfigMap } from '../export/config-map.ts';

export type WorkloadKind = 'Deployment' | 'StatefulSet';

/** A HorizontalPodAutoscaler or a KEDA ScaledObject, as far as it matters here. */
export interface Autoscaler extends StoredObject {
  readonly spec: {
    readonly scaleTargetRef?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
    readonly advanced?: { readonly restoreToOriginalReplicaCount?: boolean };
  };
}

/** Who scales a workload of the application now. */
export interface Scaler {
  readonly type: 'horizontalPodAutoscaler' | 'scaledObject';
  readonly object: Autoscaler;
}

export interface OwnObjects {
  readonly scalingGroup: ScalingGroup | undefined;
  readonly closedLoop: ClosedLoop | undefined;
  readonly deliberativeLoop: DeliberativeLoop | undefined;
  readonly configMap: ConfigMap | undefined;
}

export interface Survey {
  readonly kinds: ReadonlyMap<string, WorkloadKind>;
  readonly scalers: readonly Scaler[];
  readonly present: OwnObjects;
}

export interface SurveyTarget {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** Of our objects. */
  readonly name: string;
  readonly configMapName: string;
  /** Names of the workloads. */
  readonly services: readonly string[];
  readonly signal: AbortSignal;
}

/** @throws UserError `adopt.not-installed`, `adopt.namespace`, `adopt.workload`; KubernetesError */
export async function survey(target: SurveyTarget): Promise<Survey> {
  const { api, namespace, name, configMapName, services, signal } = target;
  await checkInstalled(api);
  await checkNamespace(target);
  const listed = <T>(type: keyof typeof resourceTypes) =>
    api.list<T>(resourceTypes[type], { namespace, signal }).then(({ items }) => items);
  const found = <T>(type: keyof typeof resourceTypes, objectName: string) =>
    unlessAbsent(api.get<T>(resourceTypes[type], namespace, objectName, { signal }));
  const [deployments, statefulSets, autoscalers, scaledObjects] = await Promise.all([
    listed<StoredObject>('deployment'),
    listed<StoredObject>('statefulSet'),
    listed<Autoscaler>('horizontalPodAutoscaler'),
    // Where KEDA is not installed there is no such type.
    unlessAbsent(listed<Autoscaler>('scaledObject')),
  ]);
  const [scalingGroup, closedLoop, deliberativeLoop, configMap] = await Promise.all([
    found<ScalingGroup>('scalingGroup', name),
    found<ClosedLoop>('closedLoop', name),
    found<DeliberativeLoop>('deliberativeLoop', name),
    found<ConfigMap>('configMap', configMapName),
  ]);
  const kinds = workloadKinds(namespace, services, deployments, statefulSets);
  return {
    kinds,
    scalers: scalersOf(name, kinds, autoscalers, scaledObjects ?? []),
    present: { scalingGroup, closedLoop, deliberativeLoop, configMap },
  };
}

/** The group's own scalers count, too. An HPA that KEDA made goes with its ScaledObject. */
export function scalersOf(
  groupName: string,
  kinds: ReadonlyMap<string, WorkloadKind>,
  autoscalers: readonly Autoscaler[],
  scaledObjects: readonly Autoscaler[],
): Scaler[] {
  const isOurs = ({ spec: { scaleTargetRef } }: Autoscaler) => {
    const { kind = 'Deployment', name = '' } = scaleTargetRef ?? {};
    return kind === 'ScalingGroup' ? name === groupName : kinds.get(name) === kind;
  };
  const isMadeByKeda = ({ metadata }: Autoscaler) =>
    metadata.ownerReferences?.some(({ kind }) => kind === 'ScaledObject') ?? false;
  const own = autoscalers.filter((autoscaler) => isOurs(autoscaler) && !isMadeByKeda(autoscaler));
  return [
    ...own.map((object) => ({ type: 'horizontalPodAutoscaler', object }) as const),
    ...scaledObjects.filter(isOurs).map((object) => ({ type: 'scaledObject', object }) as const),
  ];
}

/** "HorizontalPodAutoscaler web (Deployment web)" */
export function describeScaler({ type, object: { metadata, spec } }: Scaler): string {
  const { kind = 'Deployment', name } = spec.scaleTargetRef ?? {};
  return `${resourceTypes[type].kind} ${metadata.name} (${kind} ${name})`;
}

async function checkInstalled(api: KubernetesApi): Promise<void> {
  if ((await unlessAbsent(api.typeOf(apiVersion, resourceTypes.closedLoop.kind))) !== undefined) return;
  throw new UserError(
    'adopt.not-installed',
    `${api.server} does not know ClosedLoop of ${apiVersion}; install Duoloop first: helm install duoloop manifests/helm/duoloop -n duoloop-system --create-namespace --set prometheus.url=…`,
  );
}

async function checkNamespace({ api, namespace, signal }: SurveyTarget): Promise<void> {
  try {
    await api.get(resourceTypes.namespace, undefined, namespace, { signal });
  } catch (error) {
    // Who may not look at namespaces may still work in one.
    if (!isNotFound(error)) return;
    throw new UserError('adopt.namespace', `--namespace ${namespace}: ${api.server} has no such namespace`);
  }
}

function workloadKinds(
  namespace: string,
  services: readonly string[],
  deployments: readonly StoredObject[],
  statefulSets: readonly StoredObject[],
): Map<string, WorkloadKind> {
  const present = new Map<string, WorkloadKind>([
    ...statefulSets.map(({ metadata }) => [metadata.name, 'StatefulSet'] as const),
    ...deployments.map(({ metadata }) => [metadata.name, 'Deployment'] as const),
  ]);
  const missing = services.filter((service) => !present.has(service));
  if (missing.length === 0) return new Map([...present].filter(([name]) => services.includes(name)));
  const there = present.size === 0 ? 'none' : [...present.keys()].sort().join(', ');
  throw new UserError(
    'adopt.workload',
    `--namespace ${namespace} has no Deployment or StatefulSet ${missing.join(', ')}, which the app model has as a service (there is ${there}); services are named as their workloads are: correct the app model, or name another namespace`,
  );
}

async function unlessAbsent<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
