/** From pods and their measured use to one number, as the HorizontalPodAutoscaler understands it. Pure. */
import { parseQuantity } from '../../workloads/quantity.ts';
import type { MetricAnswer } from '../contract.ts';
import { missing } from './source.ts';

interface Resources {
  readonly requests?: Readonly<Record<string, string | number>>;
}
interface Container {
  readonly name: string;
  readonly resources?: Resources;
  /** `Always` makes an init container a sidecar, which is measured with the others. */
  readonly restartPolicy?: string;
}

/** As much of a Pod as is looked at. */
export interface MeasurablePod {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: {
    readonly resources?: Resources;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { type: string; status: string }[] };
}

/** An item of metrics.k8s.io's PodMetricsList. */
export interface PodMetrics {
  readonly metadata: { readonly name: string };
  /** RFC 3339: end of the window that the use was measured in. */
  readonly timestamp: string;
  readonly containers: readonly { readonly usage?: Readonly<Record<string, string | number>> }[];
}

export interface ResourceQuestion {
  readonly name: 'cpu' | 'memory';
  readonly type: 'Utilization' | 'AverageValue' | 'Total' | 'TotalUtilization';
}

/** Older measurements are taken for absent. */
const maxAgeSeconds = 120;

/**
 * Percent of requests on average or in all, or cores or bytes per pod or in all, of the pods that are measured. Pods that end are left out; a
 * number that leaves out a Ready pod is `incomplete`.
 * @param pods of the target
 * @param now Unix seconds
 */
export function answerFromPods(
  pods: readonly MeasurablePod[],
  metrics: ReadonlyMap<string, PodMetrics>,
  { name, type }: ResourceQuestion,
  now: number,
): MetricAnswer {
  const alive = pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase !== 'Failed' && status?.phase !== 'Succeeded',
  );
  if (alive.length === 0) return missing('the target has no pods');
  let used = 0;
  let requested = 0;
  let measured = 0;
  let readyUnmeasured = 0;
  const isPercent = type === 'Utilization' || type === 'TotalUtilization';
  for (const pod of alive) {
    const usage = usageOf(metrics.get(pod.metadata.name), name, now);
    if (usage === undefined) {
      if (isReady(pod)) readyUnmeasured++;
      continue;
    }
    used += usage;
    measured++;
    if (!isPercent) continue;
    const request = requestOf(pod, name);
    if (request === undefined) {
      return missing(`a container of the target's pods requests no ${name}; set it, or use type AverageValue`);
    }
    requested += request;
  }
  if (measured === 0) return missing(`metrics.k8s.io has no ${name} of the target's pods yet`);
  if (isPercent && requested === 0) return missing(`the target's pods request 0 ${name}`);
  const values = {
    Total: used,
    AverageValue: used / measured,
    Utilization: (100 * used) / requested,
    TotalUtilization: (100 * used * measured) / requested,
  };
  const value = values[type];
  if (readyUnmeasured === 0) return { value };
  return { value, incomplete: `metrics.k8s.io has no ${name} of some pods that are ready` };
}

function usageOf(metrics: PodMetrics | undefined, name: 'cpu' | 'memory', now: number): number | undefined {
  // Of a timestamp that is none, the age is not known to be small.
  if (metrics === undefined || !(now - Date.parse(metrics.timestamp) / 1000 <= maxAgeSeconds)) return undefined;
  // A pod of which one container is not measured would seem idle.
  return sum(metrics.containers.map(({ usage }) => usage?.[name]));
}

function requestOf({ spec }: MeasurablePod, name: 'cpu' | 'memory'): number | undefined {
  const ofPod = spec?.resources?.requests?.[name];
  if (ofPod !== undefined) return parseQuantity(ofPod);
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return sum([...(spec?.containers ?? []), ...sidecars].map(({ resources }) => resources?.requests?.[name]));
}

/** Undefined when there is nothing to add up, or one of them is no quantity or takes away from the others. */
function sum(quantities: readonly (string | number | undefined)[]): number | undefined {
  let total = 0;
  for (const quantity of quantities) {
    const amount = quantity === undefined ? undefined : parseQuantity(quantity);
    if (amount === undefined || amount < 0) return undefined;
    total += amount;
  }
  return quantities.length === 0 ? undefined : total;
}

function isReady({ status }: MeasurablePod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
