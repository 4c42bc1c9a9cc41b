/** What a process uses, from /proc, and what it tells in Prometheus' text format. Linux only. */
import { readFile } from 'node:fs/promises';
import { type LoopbackRequest, requestLoopback } from '../env/lab/loopback-request.ts';

export interface ProcessUse {
  /** Of all its threads, since it started. */
  readonly cpuSeconds: number;
  readonly residentMegabytes: number;
}

/** Linux fixes the unit of /proc/PID/stat at 100 a second for user space. */
const clockTicksPerSecond = 100;

export async function processUse(pid: number): Promise<ProcessUse> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  // The second field, a name in parentheses, may hold spaces; user and system time are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const kilobytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond,
    residentMegabytes: kilobytes / 1024,
  };
}

export interface MetricSample {
  readonly name: string;
  /** As written between the braces. */
  readonly labels: string;
  readonly value: number;
}

/** Asks a `/metrics` endpoint on loopback. @throws LoopbackError */
export async function readMetrics(
  url: string,
  access: Pick<LoopbackRequest, 'bearerToken' | 'certificateAuthority'> = {},
): Promise<MetricSample[]> {
  return parseMetrics(await requestLoopback(url, { ...access, signal: AbortSignal.timeout(10_000) }));
}

export function parseMetrics(text: string): MetricSample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    return match === null ? [] : [{ name: match[1], labels: match[2] ?? '', value: Number(match[3]) }];
  });
}

/** Over the series whose labels match all patterns; 0 when there are none, as of a counter that has not counted yet. */
export function sumOf(samples: readonly MetricSample[], name: string, ...patterns: readonly RegExp[]): number {
  return samples
    .filter((sample) => sample.name === name && patterns.every((pattern) => pattern.test(sample.labels)))
    .reduce((sum, { value }) => sum + value, 0);
}

/**
 * The upper bound of the bucket that holds the largest observation between two looks at a histogram: what every observation
 * is at most. NaN when nothing was observed.
 */
export function largestObserved(
  before: readonly MetricSample[],
  after: readonly MetricSample[],
  histogram: string,
): number {
  const name = `${histogram}_bucket`;
  const bounds = after
    .filter((sample) => sample.name === name)
    .map(({ labels, value }) => ({
      bound: Number(/le="([^"]+)"/.exec(labels)?.[1].replace('+Inf', 'Infinity')),
      count: value - (before.find((sample) => sample.name === name && sample.labels === labels)?.value ?? 0),
    }))
    .sort((a, b) => a.bound - b.bound);
  const all = bounds.at(-1)?.count ?? 0;
  return all === 0 ? Number.NaN : (bounds.find(({ count }) => count === all)?.bound ?? Number.NaN);
}
