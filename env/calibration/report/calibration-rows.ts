/** What a calibration found, as rows of text: the same in the terminal and on the page. */
import { formatDuration, formatPercent, formatShort } from '../../report/number-format.ts';
import type { Calibration } from '../calibrate.ts';
import type { MeasuredFit } from '../fit-measured.ts';
import type { QueueingFit } from '../fit-queueing.ts';

export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function factRows({ app, trace, startUp, delay }: Calibration): [string, string][] {
  const { rps, seconds } = trace.trace;
  const [low, high] = [rps.reduce((a, b) => Math.min(a, b)), rps.reduce((a, b) => Math.max(a, b))];
  const filled = trace.filled.reduce((sum, { fromSecond, toSecond }) => sum + toSecond - fromSecond, 0);
  return [
    ['SLA', `p95 ≤ ${formatShort(app.slaP95Milliseconds)} ms`],
    ['group', `${app.minGroupSize} to ${app.maxGroupSize}`],
    [
      'start-up',
      startUp.seconds.length > 0
        ? `${formatShort(startUp.coldStartSeconds)} s; seen: median ${formatShort(startUp.medianSeconds)} s, p90 ${formatShort(startUp.p90Seconds)} s of ${startUp.seconds.length} pods`
        : `${formatShort(startUp.coldStartSeconds)} s (${startUp.origin})`,
    ],
    [
      'metrics',
      `lag ${formatShort(delay.lagSeconds)} s, averaged over ${formatShort(delay.averagingSeconds)} s (${delay.statement})`,
    ],
    [
      'trace',
      [
        `${formatDuration(seconds[seconds.length - 1])}, ${formatShort(low)} to ${formatShort(high)} requests/s`,
        trace.startSecondOfDay === 0 ? 'from midnight UTC' : 'not from midnight UTC',
        ...(trace.seamSecond === undefined ? [] : [`what was before midnight follows at second ${trace.seamSecond}`]),
        ...(filled > 0 ? [`${formatDuration(filled)} interpolated`] : []),
      ].join('; '),
    ],
  ];
}

export function curveRows({ curves, completed }: MeasuredFit): TextTable {
  const fitted = new Map(curves.map((curve) => [curve.replicas, curve]));
  const origins = { seen: 'seen', between: 'interpolated', below: 'of more pods' } as const;
  return {
    head: ['replicas', 'from', 'samples', 'requests/s', 'points', 'known to 10 %', 'scatter p95', 'CPU', 'memory'],
    rows: completed.curves.map(({ curve, origin }) => {
      const own = fitted.get(curve.replicas);
      if (own === undefined)
        return [String(curve.replicas), origins[origin], '—', rangeText(curve.load), '—', '—', '—', '—', '—'];
      const { samples, points, scatterPercent } = own;
      return [
        String(curve.replicas),
        origins[origin],
        String(samples.length),
        rangeText(points.map(({ load }) => load)),
        String(points.length),
        String(points.filter(({ trusted }) => trusted).length),
        formatPercent(scatterPercent.p95Milliseconds, 1),
        formatPercent(scatterPercent.cpuPercent, 1),
        formatPercent(scatterPercent.memory, 1),
      ];
    }),
  };
}

const rangeText = (loads: readonly number[]) => `${formatShort(loads[0])} – ${formatShort(loads[loads.length - 1])}`;

export function serviceRows({ services, shape, serving }: QueueingFit): TextTable {
  return {
    head: ['service', 'replicas', 'ratio', 'visits', 'CPU ms a visit (95 %)', 'fixed ms', 'variation', 'memory idle'],
    rows: services.map((service, i) => {
      const { minReplicas, maxReplicas, ratio } = shape.services[i];
      const { latency, memory } = service;
      return [
        service.name,
        minReplicas === maxReplicas ? String(minReplicas) : `${minReplicas}–${maxReplicas}`,
        formatShort(ratio),
        formatShort(service.visitsPerRequest),
        estimateText(service.demand.cpuMilliseconds),
        latency === undefined ? '—' : formatShort(serving.demands[i].fixedMilliseconds),
        latency === undefined ? '—' : formatShort(serving.demands[i].squaredVariation),
        memory === undefined ? '—' : formatPercent(memory.memoryIdlePercent, 1),
      ];
    }),
  };
}

/** Such as `4.97 (4.95 to 4.99)`. */
function estimateText({ value, low, high }: { value: number; low: number; high: number }): string {
  return `${formatShort(value)} (${formatShort(low)} to ${formatShort(high)})`;
}
