/**
 * The deliberative decision on live closed loops, without I/O: who observes (agent, live training) hands in what it saw at
 * one moment and gets proposals. One `Deliberation` per checkpoint keeps the history of its closed loops.
 */
import type { SystemMeasurement } from '../../env/ports.ts';
import type { ClosedLoop, ClosedLoopSpec } from '../resources/closed-loop.ts';
import type { Proposal } from '../resources/deliberative-loop.ts';

/** A closed loop as it is seen at one moment. */
export interface LoopView {
  /** `namespace/name`. */
  readonly key: string;
  /** Parsed: defaults are filled in. */
  readonly spec: ClosedLoopSpec;
  readonly status: ClosedLoop['status'];
  /** Wanted size of its target now: replicas of the workload, or the group's size. */
  readonly groupSize: number;
  /** Undefined when nothing could be measured. */
  readonly measurement: SystemMeasurement | undefined;
  /** Nothing that is proposed is applied (Observe, Recommend), so that a paused loop is proposed for as well. Default false. */
  readonly isWatched?: boolean;
}

/** Seconds as the app model and the checkpoint count them: Unix time, or the trace's where a lab runs faster than life. */
export interface DeliberationTime {
  /** Of observations: second of the day in UTC is `second mod 86400`. */
  readonly second: number;
  /** Unix seconds, for what is written. */
  readonly unixSecond: number;
}

export const abstentionReasons = [
  'MetricsMissing',
  'MetricsStale',
  'OutOfDistribution',
  'NotANumber',
  'WrongMetrics',
  'Paused',
] as const;
export type AbstentionReason = (typeof abstentionReasons)[number];

export interface LoopDecision {
  readonly key: string;
  /** Undefined: it abstains, and `abstention` says why. A hold without a rank change is a proposal with neither. */
  readonly proposal: Proposal | undefined;
  readonly abstention: { readonly reason: AbstentionReason; readonly message: string } | undefined;
  /** The features as the policy saw them, unnormalised; empty when none could be made. Valid until the next `decide`. */
  readonly observation: Float32Array;
  /** Choices of the two heads; −1 when it abstains. */
  readonly raise: number;
  readonly move: number;
}

export interface Deliberation {
  readonly sha256: string;
  readonly observationNames: readonly string[];
  /** Services of the app model, entry first: what `ObservedSystem.workloads` has to name. */
  readonly services: readonly string[];
  /** Seconds between two decisions, as trained. */
  readonly intervalSeconds: number;
  /** Undefined, or why this policy cannot tune such a closed loop (it was trained for other metrics), and what to do. */
  refusal(spec: ClosedLoopSpec): string | undefined;
  /** Observes all and decides in one forward pass; in the order given. Never throws on what was measured. */
  decide(views: readonly LoopView[], time: DeliberationTime): LoopDecision[];
  /** A closed loop is gone: its history goes too. */
  forget(key: string): void;
}
