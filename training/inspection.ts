/** What `duoloop inspect` finds out about a checkpoint; its JSON is exactly this. Missing figures are null, since JSON knows no NaN. */
import type { ActionHead } from '../env/contract.ts';
import { UserError } from '../env/errors.ts';

export interface Inspection {
  identity: CheckpointIdentity;
  /** In order of environment steps; empty when none was recorded. */
  trainingCurve: TrainingCurvePoint[];
  /** The policy run without exploration on validation traces, now and then during training. */
  validation: ValidationPoint[];
  /** What the validation is to beat, on the same traces. */
  validationBaseline: { policy: string; violationPercent: number; meanReplicas: number } | null;
  decisionMap: DecisionMap;
  /** Any order; reports sort it. */
  permutationImportance: ObservationImportance[];
  /** The checkpoint and the baselines that it was evaluated against, mean over the same traces. */
  evaluation: EvaluationRow[];
  difference: CheckpointDifference | null;
}

export interface CheckpointIdentity {
  /** The folder as the user named it. */
  path: string;
  schemaVersion: number;
  algorithm: string;
  /** ISO 8601. */
  createdAt: string;
  app: string;
  seeds: Record<string, number>;
  /** Hash of the app model, hex. */
  appHash: string;
  /** Hash of the training workloads, hex. */
  workloadHash: string;
  /** Null when it was not made in a git checkout. */
  gitCommit: string | null;
  weights: { sha256: string; bytes: number; parameters: number };
  decisionIntervalSeconds: number;
  hyperparameters: Record<string, number | string | boolean | null>;
  /** In the order of the network's input; an input is (observation − mean) ÷ standardDeviation, then clipped. */
  observations: { name: string; mean: number; standardDeviation: number }[];
  actionHeads: ActionHead[];
}

export interface TrainingCurvePoint {
  environmentSteps: number;
  /** Wall-clock since training began. */
  seconds: number;
  /** Mean reward of a decision. */
  reward: number | null;
  violationPercent: number | null;
  meanReplicas: number | null;
  /** Mean entropy of the action distribution over all heads, nats. */
  entropy: number | null;
  /** Approximate Kullback–Leibler divergence of an update, nats. */
  klDivergence: number | null;
  /** Weight of a violation that the Lagrangian has found; null for a fixed weight. */
  lagrangeMultiplier: number | null;
}

export interface ValidationPoint {
  environmentSteps: number;
  seconds: number;
  violationPercent: number;
  meanReplicas: number;
}

export interface DecisionMap {
  /** Offered load of each column, requests/s, increasing. */
  loads: number[];
  /** Group size of each row, increasing. */
  replicas: number[];
  /** Mean of the set-point move under the action probabilities, pods: `expectedMove[row][column]`. */
  expectedMove: number[][];
  /** What was held fixed, in words: "steady load, capacity 1, 10 min since the last change". */
  conditions: string;
}

export interface ObservationImportance {
  observation: string;
  /** How much the mean reward of a decision falls when the observation is shuffled among decisions. */
  scoreDrop: number | null;
  scoreDropDeviation: number | null;
  /** Mean total variation distance between the action probabilities with and without shuffling, 0 to 1. */
  probabilityChange: number;
  probabilityChangeDeviation: number | null;
}

export interface EvaluationRow {
  policy: string;
  traces: number;
  violationPercent: number;
  meanReplicas: number;
  podHours: number;
  scalingActions: number;
  p95Milliseconds: { mean: number; max: number };
}

/** `here` is the inspected checkpoint, `there` the one it is held against. */
export interface CheckpointDifference {
  against: { path: string; algorithm: string; createdAt: string; sha256: string };
  /** Only those that differ; null where one does not have it. */
  hyperparameters: { name: string; here: string | null; there: string | null }[];
  /** Both on the same traces. */
  evaluation: { here: EvaluationRow; there: EvaluationRow } | null;
  /** `expectedMove` here minus there, on the axes of the decision map; null when their observations differ. */
  expectedMoveDifference: number[][] | null;
  /** Of states visited by the inspected checkpoint, those in which the most probable actions differ. */
  decisions: { compared: number; differingPercent: number } | null;
}

/** @throws UserError BAD_INSPECTION when a matrix does not have a row per group size and a column per load. */
export function checkInspection(inspection: Inspection): void {
  const { loads, replicas, expectedMove } = inspection.decisionMap;
  const matrices: [string, number[][] | null | undefined][] = [
    ['decisionMap.expectedMove', expectedMove],
    ['difference.expectedMoveDifference', inspection.difference?.expectedMoveDifference],
  ];
  for (const [name, matrix] of matrices) {
    if (!matrix) continue;
    if (matrix.length === replicas.length && matrix.every((row) => row.length === loads.length)) continue;
    throw new UserError(
      'BAD_INSPECTION',
      `${name} of the inspection of ${inspection.identity.path} must have ${replicas.length} rows (group sizes) of ${loads.length} columns (loads). Run duoloop inspect again.`,
    );
  }
}
