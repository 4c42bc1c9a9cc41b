/** Breaches and the words for them, as the closed loop operator writes them. */
import type { LoopMetric, Reaction } from './loop-spec.ts';
import { trackingTolerance, trackTarget } from './targets.ts';

/** +1 above a superior threshold, −1 below an inferior one, 2 for equal, 0 for none: ReactiveLoopState's codes. */
export const breachCode = { none: 0, superior: 1, inferior: -1, equal: 2 } as const;

export type Breach = (typeof breachCode)[keyof typeof breachCode];

/** One metric in one tick. */
export interface MetricReading {
  readonly name: string;
  /** NaN when missing. */
  readonly value: number;
  /** The value is there but does not cover everything: it may ask for more, never for less. */
  readonly incomplete: boolean;
  readonly breach: Breach;
  /** What the breach calls for; undefined without breach. */
  readonly reaction: Reaction | undefined;
  /** Replicas that a tracking metric wants; NaN for others. */
  readonly trackedReplicas: number;
  /** Replicas below which a tracking metric would ask for more again; −Infinity for others, and without a value. */
  readonly neededReplicas: number;
}

/** Missing, empty and −Infinity are no measurement; +Infinity is one (a saturated service's latency). */
export function isMissing(value: number | undefined | null): boolean {
  return value === undefined || value === null || Number.isNaN(value) || value === Number.NEGATIVE_INFINITY;
}

const nothingTracked = { trackedReplicas: Number.NaN, neededReplicas: Number.NEGATIVE_INFINITY };

/** The side of its thresholds that a value is on. Comparison is strict: 5 is not below an inferior threshold of 5. */
export function readMetric(
  metric: LoopMetric,
  measured: number | undefined,
  incomplete: boolean,
  groupSize: number,
): MetricReading {
  const missing = isMissing(measured);
  const value = missing ? Number.NaN : (measured as number);
  const track = metric.thresholds[0].reaction.horizontal?.track;
  const none = { name: metric.name, value, incomplete: missing || incomplete, ...nothingTracked };
  if (missing) return { ...none, breach: breachCode.none, reaction: undefined };
  if (track !== undefined) {
    const trackedReplicas = trackTarget(value, track);
    const ratio = value / (track * groupSize);
    // Inside the tolerance nothing is wanted (Kubernetes' HPA: 0.9 ≤ ratio ≤ 1.1).
    const breach =
      ratio > 1 + trackingTolerance && trackedReplicas > groupSize
        ? breachCode.superior
        : ratio < 1 - trackingTolerance && trackedReplicas < groupSize
          ? breachCode.inferior
          : breachCode.none;
    const reaction = breach === breachCode.none ? undefined : metric.thresholds[0].reaction;
    const neededReplicas = breach === breachCode.none ? groupSize : trackedReplicas;
    return { ...none, breach, reaction, trackedReplicas, neededReplicas };
  }
  for (const kind of ['superior', 'inferior', 'equal'] as const) {
    const threshold = metric.thresholds.find((candidate) => candidate.kind === kind);
    if (threshold?.value === undefined) continue;
    const breached =
      kind === 'superior'
        ? value > threshold.value
        : kind === 'inferior'
          ? value < threshold.value
          : value === threshold.value;
    if (breached) return { ...none, breach: breachCode[kind], reaction: threshold.reaction };
  }
  return { ...none, breach: breachCode.none, reaction: undefined };
}

const words: Readonly<Record<number, string>> = { 1: 'High', [-1]: 'Low', 2: 'Equal' };

/** "Low cpu,Low memory" in the metrics' order, "No Event" without a breach. */
export function breachMessage(breaches: readonly { readonly name: string; readonly breach: number }[]): string {
  const parts = breaches.filter(({ breach }) => breach !== 0).map(({ name, breach }) => `${words[breach]} ${name}`);
  return parts.length > 0 ? parts.join(',') : 'No Event';
}

/** "React to cpu"; "No action" when no metric won. */
export function actionText(winner: string | null): string {
  return winner === null ? 'No action' : `React to ${winner}`;
}

/**
 * The value over its superior (else inferior, else equal) threshold, 1 at the threshold; for tracking, the load
 * per replica over the tracked value. A threshold of 0 gives 1 + value, which is 1 at the threshold too.
 */
export function overThreshold(metric: LoopMetric, value: number, groupSize: number): number {
  const track = metric.thresholds[0].reaction.horizontal?.track;
  if (track !== undefined) return value / (track * groupSize);
  const threshold = overThresholdReference(metric);
  return threshold === 0 ? 1 + value : value / threshold;
}

/** The threshold that a (not tracking) metric is shown against. */
export function overThresholdReference(metric: LoopMetric): number {
  for (const kind of ['superior', 'inferior', 'equal'] as const) {
    const value = metric.thresholds.find((threshold) => threshold.kind === kind)?.value;
    if (value !== undefined) return value;
  }
  return Number.NaN;
}
