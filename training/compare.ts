/** Runs policies on the same traces and collects rows, series and frontiers. */
import type { AppModel } from '../env/apps/app-model.ts';
import type { CapacityChange } from '../env/simulator/capacity.ts';
import { capacityPerTick } from '../env/simulator/capacity.ts';
import { createGroupDemand } from '../env/simulator/create-kernel.ts';
import type { Simulator } from '../env/simulator/simulator.ts';
import { defaultTickSeconds } from '../env/simulator/simulator.ts';
import { loadPerTick, type Trace } from '../env/workload/trace.ts';
import type { Tuned } from '../policies/hpa/tuned.ts';
import { oracleFrontier } from '../policies/oracle/frontier.ts';
import type { Policy } from '../policies/policy.ts';
import type { ComparisonRow, ComparisonSeries, Frontier } from './comparison.ts';
import { type EvaluationOptions, evaluatePolicy, meanOutcome } from './evaluate.ts';
import { sweeps } from './tune.ts';

/** One service of one policy on one trace, tick by tick. */
export interface ServiceSeries {
  service: string;
  rps: Float32Array;
  desired: Int32Array;
  ready: Int32Array;
  cpu: Float32Array;
}

/** A policy on a trace with everything that the series CSV has. */
export interface RecordedSeries extends ComparisonSeries {
  /** CPU percent averaged over ready pods (of all services). */
  cpu: Float32Array;
  services: ServiceSeries[];
}

export interface PolicyComparison {
  rows: ComparisonRow[];
  series: RecordedSeries[];
}

/** Plays `policy` on every trace, recording each tick. */
export async function comparePolicy(policy: Policy, options: EvaluationOptions): Promise<PolicyComparison> {
  const { app, traces } = options;
  const stepSeconds = defaultTickSeconds;
  const series = traces.map((trace) => emptySeries(app, trace, policy.name, stepSeconds));
  const onTick = (tick: number, simulator: Simulator) => {
    for (const [lane, record] of series.entries())
      if (tick < record.rps.length) recordTick(record, simulator, lane, tick);
  };
  const outcomes = await evaluatePolicy(policy, { ...options, onTick });
  const rows = outcomes.map((outcome, i) => ({
    app: app.name,
    trace: traces[i].name,
    policy: policy.name,
    ...outcome,
  }));
  return { rows, series };
}

/** Room for every tick of the trace. */
export function emptySeries(app: AppModel, trace: Trace, policy: string, stepSeconds: number): RecordedSeries {
  const ticks = loadPerTick(trace, stepSeconds).length;
  return {
    trace: trace.name,
    policy,
    stepSeconds,
    rps: new Float32Array(ticks),
    desired: new Int32Array(ticks),
    ready: new Int32Array(ticks),
    p95: new Float32Array(ticks),
    cpu: new Float32Array(ticks),
    services: app.services.map(({ name }) => ({
      service: name,
      rps: new Float32Array(ticks),
      desired: new Int32Array(ticks),
      ready: new Int32Array(ticks),
      cpu: new Float32Array(ticks),
    })),
  };
}

function recordTick(record: RecordedSeries, { load, truth, pods, lanes }: Simulator, lane: number, tick: number): void {
  record.rps[tick] = load[lane];
  record.p95[tick] = truth.p95Milliseconds[lane];
  let desired = 0;
  let ready = 0;
  let cpu = 0;
  for (const [service, of] of record.services.entries()) {
    const i = service * lanes + lane;
    of.rps[tick] = truth.requestsPerSecond[i];
    of.desired[tick] = pods.desired[i];
    of.ready[tick] = pods.ready[i];
    of.cpu[tick] = truth.cpuPercent[i];
    desired += pods.desired[i];
    ready += pods.ready[i];
    cpu += truth.cpuPercent[i] * pods.ready[i];
  }
  record.desired[tick] = desired;
  record.ready[tick] = ready;
  record.cpu[tick] = ready > 0 ? cpu / ready : 0;
}

/** The series CSV of design.md. What a live series does not know (NaN, negative pods) is an empty field. */
export function formatSeries(series: RecordedSeries): string {
  const several = series.services.length > 1;
  const columns = ['second', 'rps', 'desired', 'ready', 'p95', 'cpu'];
  const extra = several
    ? series.services.flatMap(({ service }) => columns.slice(1).map((column) => `${service}.${column}`))
    : [];
  const short = (value: number) => (Number.isNaN(value) ? '' : Number(value.toFixed(4)));
  const count = (pods: number) => (pods < 0 ? '' : pods);
  const lines = [[...columns, ...extra].join(',')];
  for (let tick = 0; tick < series.rps.length; tick++) {
    const row = [
      tick * series.stepSeconds,
      short(series.rps[tick]),
      count(series.desired[tick]),
      count(series.ready[tick]),
      short(series.p95[tick]),
      short(series.cpu[tick]),
    ];
    if (several) {
      for (const of of series.services) {
        row.push(
          short(of.rps[tick]),
          count(of.desired[tick]),
          count(of.ready[tick]),
          short(series.p95[tick]),
          short(of.cpu[tick]),
        );
      }
    }
    lines.push(row.join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** `<trace>.<policy>.csv`, the policy's name made safe. */
export function seriesFileName(trace: string, policy: string): string {
  // A trace has the base name of a file; one of a file of results that is none must not lead elsewhere.
  return `${trace.replaceAll(/[/\\\0]/g, '_')}.${policy.replaceAll(/[^A-Za-z0-9_-]/g, '_')}.csv`;
}

/** Each tunable baseline with its common target swept over these traces, and the oracle's cost–violation frontier. */
export async function compareFrontiers(options: EvaluationOptions, tuned: Tuned): Promise<Frontier[]> {
  const { app, traces, capacity = [] } = options;
  const frontiers: Frontier[] = [];
  for (const name of ['rps-tuned', 'hpa-tuned', 'forecast'] as const) {
    const { parameter, grid, policyFor } = sweeps[name];
    const behavior = tuned.policies[name]?.behavior ?? 'kubernetes-default';
    const points = [];
    for (const value of grid) {
      const { violationPercent, meanReplicas } = meanOutcome(
        name,
        await evaluatePolicy(policyFor([value], behavior), options),
      );
      points.push({ value, violationPercent, meanReplicas });
    }
    frontiers.push({ label: name, parameter, points });
  }
  frontiers.push({
    label: 'oracle',
    parameter: 'pod-ticks that a violation may save',
    points: foresightPoints(app, traces, capacity, options),
  });
  return frontiers;
}

function foresightPoints(
  app: AppModel,
  traces: readonly Trace[],
  capacity: readonly CapacityChange[],
  { coldStartSeconds = app.coldStartSeconds }: EvaluationOptions,
): Frontier['points'] {
  const futures = traces.map((trace) => {
    const loads = loadPerTick(trace, defaultTickSeconds);
    return {
      loads,
      capacity: capacityPerTick(capacity, loads.length, defaultTickSeconds),
      tickSeconds: defaultTickSeconds,
    };
  });
  return oracleFrontier({ app, demand: createGroupDemand(app), futures, coldStartSeconds });
}
