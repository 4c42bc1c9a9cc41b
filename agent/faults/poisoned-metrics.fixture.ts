/** What somebody who owns an application's metrics can make of them. */

export interface MetricPoison {
  readonly name: string;
  /** Of one line of a scrape, about the application that is attacked. */
  readonly line?: (line: string) => string;
  /** Lines that come on top, once per scrape. */
  readonly further?: (namespace: string) => readonly string[];
  /** Whether the agent has to see that nothing can be decided on it; else it has to decide as if nothing were. */
  readonly abstains: boolean;
}

const bucket = 'istio_request_duration_milliseconds_bucket';
const requests = 'istio_requests_total';
const cpu = 'container_cpu_usage_seconds_total';

const withValue =
  (metric: string, change: (value: string) => string) =>
  (line: string): string => {
    if (!line.startsWith(`${metric}{`)) return line;
    const space = line.lastIndexOf(' ');
    return `${line.slice(0, space)} ${change(line.slice(space + 1))}`;
  };

/** As PromQL, a label matcher, a property of every object, and a line of the format itself. */
const hostileNames = [
  'frontend\\"} or vector(1e9) or x{a=\\"',
  '.*',
  'frontend|.*',
  'frontend\\nistio_requests_total{} 1e30',
  '__proto__',
  'constructor',
  '',
];

const requestLabels = (namespace: string, name: string, pod: string) =>
  `reporter="destination",destination_workload="${name}",destination_workload_namespace="${namespace}",namespace="${namespace}",pod="${pod}"`;

/** Growing, or it would be no rate. */
const count = () => Math.round(performance.now() * 1e3);

export const metricPoisons: readonly MetricPoison[] = [
  // Of both Prometheus makes the highest bound, which is what requests that time out look like.
  { name: 'buckets that are no number', line: withValue(bucket, () => 'NaN'), abstains: false },
  { name: 'buckets of infinitely many requests', line: withValue(bucket, () => '+Inf'), abstains: false },
  { name: 'load that is no number', line: withValue(requests, () => 'NaN'), abstains: true },
  {
    name: 'p95 of 1e30 ms',
    line: (line) =>
      line.startsWith(`${bucket}{`) && !line.includes('le="+Inf"')
        ? withValue(bucket, () => '0')(line).replace(/le="([^"]+)"/, 'le="$1e30"')
        : line,
    abstains: true,
  },
  { name: 'load of 1e30 requests/s', line: withValue(requests, () => `${count()}e30`), abstains: true },
  { name: 'negative CPU', line: withValue(cpu, (value) => `-${value}`), abstains: true },
  { name: 'CPU of 1e30 cores', line: withValue(cpu, () => `${count()}e30`), abstains: true },
  { name: 'no CPU at all under load', line: withValue(cpu, () => '0'), abstains: true },
  { name: 'series that end', line: (line) => (line.startsWith('istio_') ? '' : line), abstains: true },
  {
    name: '10,000 further series',
    further: (namespace) =>
      Array.from(
        { length: 10_000 },
        (_, i) => `${requests}{${requestLabels(namespace, `other-${i}`, `p-${i}`)}} ${count()}`,
      ),
    abstains: false,
  },
  {
    name: 'names of workloads that are pieces of queries',
    further: (namespace) =>
      hostileNames.flatMap((name, i) => [
        `${requests}{${requestLabels(namespace, name, `q-${i}`)}} ${count()}`,
        `kube_deployment_spec_replicas{namespace="${namespace}",deployment="${name}"} 1e9`,
      ]),
    abstains: false,
  },
];

/** Changes a scrape for some namespaces only; what is said of the others stays as it is. */
export function poisonScrape({ line, further }: MetricPoison, namespaces: readonly string[]) {
  return (text: string): string => {
    const isAttacked = (each: string) => namespaces.some((namespace) => each.includes(`namespace="${namespace}"`));
    const lines = text.split('\n').map((each) => (line !== undefined && isAttacked(each) ? line(each) : each));
    const isRequests = text.includes(`${requests}{`);
    if (further === undefined || !isRequests) return lines.join('\n');
    return `${lines.join('\n')}${namespaces.flatMap(further).join('\n')}\n`;
  };
}
