/** A HorizontalPodAutoscaler as a closed loop. Pure. */

import { convertBehavior } from './behavior.ts';
import type { Migration, Note } from './contract.ts';
import { closedLoopManifest } from './manifest.ts';
import { containerWanted, convertMetrics, type MetricContext, resourceWanted, type Wanted } from './metrics.ts';
import { guessedQuery } from './queries.ts';
import type { Hpa, HpaMetricSpec, MetricTarget } from './schemas.ts';

/** Percent of CPU that an HPA without metrics aims at. */
const defaultCpuPercent = 80;

export function convertHpa({ metadata, spec }: Hpa, context: MetricContext): Migration {
  const { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage: percent } = spec;
  const specs = spec.metrics?.length ? spec.metrics : [cpuMetric(percent ?? defaultCpuPercent)];
  const converted = convertMetrics(specs.map(wantedOf), context);
  const behavior = convertBehavior(spec.behavior, { minReplicas: minReplicas ?? 1, maxReplicas });
  const notes: Note[] = [...converted.notes, ...behavior.notes];
  if (converted.metrics.length === 0) return { source: context.source, manifest: undefined, notes };
  const manifest = closedLoopManifest(metadata, {
    targetRef: scaleTargetRef,
    metrics: [...converted.metrics],
    behavior: behavior.behavior,
  });
  return { source: context.source, manifest, notes };
}

function cpuMetric(averageUtilization: number): HpaMetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function wantedOf(metric: HpaMetricSpec): Wanted {
  const { resource, containerResource, pods, object, external } = metric;
  if (resource) {
    const { averageUtilization: utilization, averageValue: average } = resource.target;
    return resourceWanted(resource.name, { utilization, average });
  }
  if (containerResource) {
    const { name, container, target } = containerResource;
    return containerWanted(name, container, target.averageUtilization ?? target.averageValue);
  }
  if (pods) {
    const matchers = ['namespace="$namespace"', 'pod=~"$target-.*"'];
    const query = guessedQuery(pods.metric.name, pods.metric.selector, matchers);
    return queried(pods.metric.name, query, pods.target);
  }
  if (object) {
    const { kind, name } = object.describedObject;
    const matchers = ['namespace="$namespace"', `${kind.toLowerCase()}=${JSON.stringify(name)}`];
    return queried(
      object.metric.name,
      guessedQuery(object.metric.name, object.metric.selector, matchers),
      object.target,
    );
  }
  if (external) {
    return queried(
      external.metric.name,
      guessedQuery(external.metric.name, external.metric.selector, []),
      external.target,
    );
  }
  const text = `metrics of type ${metric.type} are not known here`;
  return { name: metric.type, source: undefined, track: undefined, notes: [{ text, isDifferent: true }] };
}

/** Asked of a metrics adapter, whose configuration has the query. */
function queried(name: string, guess: string | undefined, target: MetricTarget): Wanted {
  const isPerTarget = target.averageValue === undefined;
  return {
    name,
    source: guess === undefined ? undefined : { prometheus: { query: guess } },
    track: target.averageValue ?? target.value,
    isPerTarget,
    takesQuery: true,
    notes: [
      {
        text:
          guess === undefined
            ? 'what the metrics adapter asks for it is not in the HorizontalPodAutoscaler'
            : 'the query is a guess: what the metrics adapter asks is not in the HorizontalPodAutoscaler; compare, or give it with --query',
        isDifferent: true,
      },
    ],
  };
}
