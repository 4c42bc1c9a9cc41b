/** PromQL for metrics whose own query an autoscaler does not show: it is in the metrics adapter. Pure. */
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { MetricSelector } from './schemas.ts';

/** What Prometheus takes for the name of a metric, and of a label. */
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** `sum(name{…})`, as an adapter without rules of its own would ask; undefined where that cannot be written. */
export function guessedQuery(
  name: string,
  selector: MetricSelector | undefined,
  matchers: readonly string[],
): string | undefined {
  const selected = selectorMatchers(selector);
  if (!metricName.test(name) || selected === undefined) return undefined;
  return `sum(${name}{${[...matchers, ...selected].join(',')}})`;
}

function selectorMatchers({ matchLabels = {}, matchExpressions = [] }: MetricSelector = {}): string[] | undefined {
  const matchers = Object.entries(matchLabels).map(([label, value]) => matcher(label, '=', value));
  for (const { key, operator, values = [] } of matchExpressions) {
    const pattern = values.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    if (operator === 'In') matchers.push(matcher(key, '=~', pattern));
    else if (operator === 'NotIn') matchers.push(matcher(key, '!~', pattern));
    else if (operator === 'Exists') matchers.push(matcher(key, '!=', ''));
    else if (operator === 'DoesNotExist') matchers.push(matcher(key, '=', ''));
    else return undefined;
  }
  const labels = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
  return labels.every((label) => labelName.test(label)) ? matchers : undefined;
}

function matcher(label: string, operator: string, value: string): string {
  return `${label}${operator}${JSON.stringify(value)}`;
}

/** Ready pods of the target by kube-state-metrics, as a factor; undefined for kinds that it does not count so. */
export function readyPodsFactor({ kind }: TargetRef): string | undefined {
  if (kind !== 'Deployment' && kind !== 'StatefulSet') return undefined;
  const label = kind.toLowerCase();
  return `scalar(kube_${label}_status_replicas_ready{namespace="$namespace",${label}="$target"})`;
}
