/** What a calibration found, as rows of text: the same in the terminal and on the page. */
import type { Calibration } from '../calibrate.ts';
import type { MeasuredFit } from '../fit-measured.ts';
import type { QueueingFit } from '../fit-queueing.ts';
import { durationText, estimateText, percentText, shortNumber } from './number-text.ts';

export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function factRows({ app, trace, startUp, delay }: Calibration): [string, string][] {
  const { rps, seconds } = trace.trace;
  const [low, high] = [rps.reduce((a, b) => Math.min(a, b)), rps.reduce((a, b) => Math.max(a, b))];
  const filled = trace.filled.reduce((sum, { fromSecond, toSecond }) => sum + toSecond - fromSecond, 0);
  return [
    ['SLA', `p95 ≤ ${shortNumber(app.slaP95Milliseconds)} ms`],
    ['group', `${app.minGroupSize} to ${app.maxGroupSize}`],
    [
      'start-up',
      startUp.seconds.length > 0
        ? `${shortNumber(startUp.coldStartSeconds)} s; seen: median ${shortNumber(startUp.medianSeconds)} s, p90 ${shortNumber(startUp.p90Seconds)} s of ${startUp.seconds.length} pods`
        : `${shortNumber(startUp.coldStartSeconds)} s (${startUp.origin})`,
    ],
    [
      'metrics',
      `lag ${shortNumber(delay.lagSeconds)} s, averaged over ${shortNumber(delay.averagingSeconds)} s (${delay.statement})`,
    ],
    [
      'trace',
      [
        `${durationText(seconds[seconds.length - 1])}, ${shortNumber(low)} to ${shortNumber(high)} requests/s`,
        trace.startSecondOfDay === 0 ? 'from midnight UTC' : 'not from midnight UTC',
        ...(trace.seamSecond === undefined ? [] : [`what was before midnight follows at second ${trace.seamSecond}`]),
        ...(filled > 0 ? [`${durationText(filled)} interpolated`] : []),
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
        return [String(curve.replicas), origins[origin], '–', rangeText(curve.load), '–', '–', '–', '–', '–'];
      const { samples, points, scatterPercent } = own;
      return [
        String(curve.replicas),
        origins[origin],
        String(samples.length),
        rangeText(points.map(({ load }) => load)),
        String(points.length),
        String(points.filter(({ trusted }) => trusted).length),
        percentText(scatterPercent.p95Milliseconds),
        percentText(scatterPercent.cpuPercent),
        percentText(scatterPercent.memory),
      ];
    }),
  };
}

const rangeText = (loads: readonly number[]) => `${shortNumber(loads[0])} – ${shortNumber(loads[loads.length - 1])}`;

export function serviceRows({ services, shape, serving }: QueueingFit): TextTable {
  return {
    head: ['service', 'replicas', 'ratio', 'visits', 'CPU ms a visit (95 %)', 'fixed ms', 'variation', 'memory idle'],
    rows: services.map((service, i) => {
      const { minReplicas, maxReplicas, ratio } = shape.services[i];
      const { latency, memory } = service;
      return [
        service.name,
        minReplicas === maxReplicas ? String(minReplicas) : `${minReplicas}–${maxReplicas}`,
        shortNumber(ratio),
        shortNumber(service.visitsPerRequest),
        estimateText(service.demand.cpuMilliseconds),
        latency === undefined ? '–' : shortNumber(serving.demands[i].fixedMilliseconds),
        latency === undefined ? '–' : shortNumber(serving.demands[i].squaredVariation),
        memory === undefined ? '–' : percentText(memory.memoryIdlePercent),
      ];
    }),
  };
}
