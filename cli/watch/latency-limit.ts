/** Which p95 is too much, as far as a closed loop says so itself. */
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';

type Metric = Pick<ClosedLoopSpec['metrics'][number], 'name' | 'thresholds' | 'source'>;

const latencyName = /p9\d|latenc|respon|duration/i;

/**
 * Milliseconds: the upper threshold of the loop's best-ranked metric that is a latency by its name; undefined when it has
 * none. Its unit is told by the names in its query or field, milliseconds where they say nothing.
 */
export function latencyLimitMilliseconds(metrics: readonly (Metric & { readonly rank: number })[]): number | undefined {
  const limits = metrics
    .filter(({ name }) => latencyName.test(name))
    .sort((a, b) => a.rank - b.rank)
    .map((metric) => ({
      metric,
      value: metric.thresholds.find(({ kind, value }) => kind === 'superior' && value !== undefined)?.value,
    }));
  const limit = limits.find(({ value }) => value !== undefined);
  return limit?.value === undefined ? undefined : limit.value * millisecondsPerUnit(limit.metric);
}

function millisecondsPerUnit({ name, source }: Metric): number {
  const query = source?.prometheus?.query ?? '';
  const words = `${name} ${source?.push?.field ?? source?.http?.field ?? ''} ${query}`;
  const inMilliseconds = /milliseconds?|_ms\b|\bms\b|[a-z]Ms\b/.test(words) || /\*\s*1000\b/.test(query);
  return !inMilliseconds && /seconds?/i.test(words) ? 1000 : 1;
}
