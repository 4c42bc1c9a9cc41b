/** From the series of the queries to a measurement per system. Pure. */
import type { ObservedSystem, SystemMeasurement } from '../../ports.ts';
import type { PrometheusSample } from '../prometheus.ts';
import type { MetricName } from './metric-queries.ts';

export const metricNames: readonly MetricName[] = [
  'requestsPerSecond',
  'p95Milliseconds',
  'cpuPercent',
  'memoryPercent',
  'measuredPods',
  'readyPods',
  'desiredPods',
];

/** Why a workload has no value, where there is more to say than that the query returned nothing for it. */
type Unusable = 'several series' | 'no number';

/** The answer to one metric's query, by workload. */
export interface MetricAnswer {
  readonly values: ReadonlyMap<string, number>;
  readonly unusable: ReadonlyMap<string, Unusable>;
  /** For every workload that has no value: why the query failed, or what it should be. Undefined: it returned nothing. */
  readonly problem: string | undefined;
}

/** No number of pods is larger, and no rate or percentage. */
const largest = 2 ** 31 - 1;

export function workloadKey(namespace: string, workload: string): string {
  return `${namespace}/${workload}`;
}

/** Series without a number from 0 to what can be tell nothing, and nor do two series of one workload. */
export function readAnswer(samples: readonly PrometheusSample[]): MetricAnswer {
  const values = new Map<string, number>();
  const unusable = new Map<string, Unusable>();
  let labelled = 0;
  for (const { labels, value } of samples) {
    if (!labels.namespace || !labels.workload) continue;
    labelled++;
    const key = workloadKey(labels.namespace, labels.workload);
    if (values.has(key) || unusable.has(key)) {
      values.delete(key);
      unusable.set(key, 'several series');
    } else if (value >= 0 && value <= largest) values.set(key, value);
    else unusable.set(key, 'no number');
  }
  const unlabelled = samples.length > 0 && labelled === 0;
  return {
    values,
    unusable,
    problem: unlabelled ? 'returned series without the labels namespace and workload' : undefined,
  };
}

export function failedAnswer(problem: string): MetricAnswer {
  return { values: new Map(), unusable: new Map(), problem };
}

export interface JoinOptions {
  readonly answers: Readonly<Record<MetricName, MetricAnswer>>;
  /** Unix seconds of the oldest sample, by workload. */
  readonly sampleSeconds: ReadonlyMap<string, number>;
  /** Unix seconds. */
  readonly second: number;
  /** Older measurements are missing. */
  readonly maxAgeSeconds: number;
  /** What to say of a metric that returned nothing for anyone. */
  readonly hints: Partial<Readonly<Record<MetricName, string>>>;
}

export function joinMeasurement(system: ObservedSystem, options: JoinOptions): SystemMeasurement {
  const { key, namespace, workloads } = system;
  const { answers, sampleSeconds, second, maxAgeSeconds } = options;
  const keys = workloads.map((workload) => workloadKey(namespace, workload));
  const oldest = keys.reduce(
    (least, each) => Math.min(least, sampleSeconds.get(each) ?? least),
    Number.POSITIVE_INFINITY,
  );
  // Clocks differ a little; a sample of the future is one of now.
  const ageSeconds = Number.isFinite(oldest) ? Math.max(0, second - oldest) : Number.NaN;
  const tooOld = ageSeconds > maxAgeSeconds;
  const numberOf = (metric: MetricName, each: string) =>
    tooOld ? Number.NaN : (answers[metric].values.get(each) ?? Number.NaN);
  const rates = (metric: MetricName) => Float64Array.from(keys, (each) => numberOf(metric, each));
  const counts = (metric: MetricName) =>
    Int32Array.from(keys, (each) => {
      const value = numberOf(metric, each);
      return Number.isNaN(value) ? -1 : Math.round(value);
    });
  const [entry] = keys;
  return {
    key,
    load: numberOf('requestsPerSecond', entry),
    p95Milliseconds: numberOf('p95Milliseconds', entry),
    requestsPerSecond: rates('requestsPerSecond'),
    cpuPercent: rates('cpuPercent'),
    memoryPercent: rates('memoryPercent'),
    measuredReady: counts('measuredPods'),
    ready: counts('readyPods'),
    desired: counts('desiredPods'),
    ageSeconds,
    missing: tooOld
      ? [
          `everything: the oldest sample is ${Math.round(ageSeconds)} s old, and more than ${maxAgeSeconds} s is too old`,
        ]
      : missingLines(system, keys, options),
  };
}

function missingLines(
  { namespace, workloads }: ObservedSystem,
  keys: readonly string[],
  { answers, hints }: JoinOptions,
): string[] {
  return metricNames.flatMap((metric) => {
    const { values, unusable, problem } = answers[metric];
    const asked = metric === 'p95Milliseconds' ? keys.slice(0, 1) : keys;
    const without = asked.flatMap((key, i) =>
      values.has(key) ? [] : [{ name: workloads[i], why: unusable.get(key) }],
    );
    if (without.length === 0) return [];
    const hint = hints[metric] === undefined ? '' : `; ${hints[metric]}`;
    const namesOf = (members: typeof without) => `${members.map(({ name }) => name).join(', ')} in ${namespace}`;
    if (problem !== undefined) return [`${metric}: the query ${problem}; it is missing for ${namesOf(without)}`];
    const lines: string[] = [];
    const [nothing, several, odd] = [undefined, 'several series', 'no number'].map((why) =>
      without.filter((member) => member.why === why),
    );
    if (nothing.length > 0) lines.push(`returned nothing for ${namesOf(nothing)}${hint}`);
    if (several.length > 0)
      lines.push(`returned several series for ${namesOf(several)}; aggregate by (namespace, workload)`);
    if (odd.length > 0) {
      const idle = metric === 'p95Milliseconds' ? ' (as it does without requests)' : '';
      lines.push(`gave no number for ${namesOf(odd)}${idle}`);
    }
    return [`${metric}: the query ${lines.join(', ')}`];
  });
}
