/** What a comparison yields: the rows of the JSON contract, and what the report draws. */

/** One policy on one trace; the JSON of `duoloop compare` is an array of these. */
export interface ComparisonRow {
  app: string;
  trace: string;
  policy: string;
  steps: number;
  stepSeconds: number;
  /** Share of steps whose true p95 was above the SLA, percent. */
  violationPercent: number;
  /** Mean of ready and pending pods over the steps, all services together. */
  meanReplicas: number;
  podHours: number;
  /** Changes of desired replicas, all services together. */
  scalingActions: number;
  p95Milliseconds: { mean: number; max: number };
}

/** One policy on one trace, tick by tick; arrays are per tick. */
export interface ComparisonSeries {
  trace: string;
  policy: string;
  stepSeconds: number;
  rps: Float32Array;
  desired: Int32Array;
  ready: Int32Array;
  p95: Float32Array;
}

/** A policy with one parameter swept: each point is the mean over the same traces. */
export interface Frontier {
  label: string;
  parameter: string;
  points: { value: number; violationPercent: number; meanReplicas: number }[];
}

export interface ComparisonReport {
  app: string;
  slaP95Milliseconds: number;
  /** The command line that made it. */
  command: string;
  /** ISO 8601. */
  createdAt: string;
  rows: ComparisonRow[];
  series: ComparisonSeries[];
  frontiers: Frontier[];
  /** HTML of further sections, shown after the traces. */
  sections?: readonly string[];
}
