/** From a history to an app model and the trace of its load, with all that a reader needs to judge them. Pure. */
import { type AppModel, appModelSchema, appModelVersion } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import { createDraw } from '../random.ts';
import type { KnownCall } from './call-graph.ts';
import { type ExtractedTrace, extractTrace } from './extract-trace.ts';
import { fitMeasured, type MeasuredFit } from './fit-measured.ts';
import { fitQueueing, type QueueingFit } from './fit-queueing.ts';
import type { History } from './history.ts';
import { fitStartUp, type MetricDelay, metricDelay, type StartUpFit } from './start-up.ts';

export interface CalibrationOptions {
  /** Of the app model. */
  readonly name: string;
  readonly traceName: string;
  /** Where the history comes from, in words. */
  readonly origin: string;
  /** Undefined is refused, with what was seen, to choose from. */
  readonly slaP95Milliseconds: number | undefined;
  readonly coldStartSeconds?: number;
  readonly calls?: readonly KnownCall[];
  readonly longestGapSeconds: number;
  /** Of the bootstrap. */
  readonly seed: number;
}

export interface Calibration {
  readonly app: AppModel;
  readonly trace: ExtractedTrace;
  readonly fit: MeasuredFit | QueueingFit;
  readonly startUp: StartUpFit;
  readonly delay: MetricDelay;
  /** What is assumed, thin or left out; the most important first. */
  readonly warnings: readonly string[];
}

/** The peaks of synthetic workloads are three times the nominal load: those then reach what was seen, and no more. */
const peakOverNominal = 3;

/** @throws UserError CALIBRATION_REFUSED and others: what is missing, and how to get it */
export function calibrate(history: History, options: CalibrationOptions): Calibration {
  const slaP95Milliseconds = options.slaP95Milliseconds ?? refuseWithoutSla(history);
  const draw = createDraw(options.seed);
  const trace = extractTrace(history, { name: options.traceName, longestGapSeconds: options.longestGapSeconds });
  const fit =
    history.services.length === 1
      ? fitMeasured(history, slaP95Milliseconds, draw)
      : fitQueueing(history, options.calls ?? [], draw);
  const startUp = fitStartUp(history, options.coldStartSeconds);
  const delay = metricDelay(history);
  const warnings = [...fit.warnings, ...startUp.warnings, ...trace.warnings];
  const peak = trace.trace.rps.reduce((most, rps) => Math.max(most, rps), 0);
  const shape =
    fit.kind === 'queueing'
      ? fit.shape
      : { services: [fit.service], minGroupSize: fit.service.minReplicas, maxGroupSize: fit.service.maxReplicas };
  const app = appModelSchema.parse({
    version: appModelVersion,
    name: options.name,
    description: describe(history),
    source: [
      `Calibrated by Duoloop from ${options.origin}.`,
      `Metric delay: ${delay.statement}.`,
      ...warnings.map((one) => `Note: ${one}.`),
    ].join(' '),
    slaP95Milliseconds,
    nominalLoad: Number((peak / peakOverNominal).toPrecision(3)),
    coldStartSeconds: startUp.coldStartSeconds,
    metricLagSeconds: delay.lagSeconds,
    metricAveragingSeconds: delay.averagingSeconds,
    minGroupSize: shape.minGroupSize,
    maxGroupSize: shape.maxGroupSize,
    services: shape.services,
    serving: fit.serving,
  });
  return { app, trace, fit, startUp, delay, warnings };
}

function describe({ services, steps, stepSeconds }: History): string {
  const hours = Number(((steps * stepSeconds) / 3600).toPrecision(3));
  const names = services.map(({ name }) => name);
  return `${names.length === 1 ? names[0] : `${names.length} services behind ${names[0]}`}, ${hours} h of measurements. CPU in percent of the request, memory in percent of the limit.`;
}

function refuseWithoutSla({ services: [entry] }: History): never {
  const known = [...entry.p95Milliseconds].filter((value) => value > 0).sort((a, b) => a - b);
  const at = (share: number) => known[Math.min(known.length - 1, Math.floor(share * known.length))]?.toPrecision(3);
  const seen = known.length > 0 ? `; it was ${at(0.5)} ms half of the time and below ${at(0.95)} ms 95 % of it` : '';
  throw new UserError(
    'SLA_MISSING',
    `the promised p95 latency at ${entry.name} cannot be told from measurements: give it with --sla <milliseconds>${seen}`,
  );
}
