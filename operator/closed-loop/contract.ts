/** What the parts of the reactive loop's controller hand each other. */

import type { LoopDecision, LoopObservation } from '../../policies/reactive/decide.ts';
import type { LoopState } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoop, ClosedLoopSpec, MetricSource } from '../../policies/resources/closed-loop.ts';
import type { Guardrails } from '../../policies/resources/deliberative-loop.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';

/** One metric of one loop, wanted in this tick. */
export interface MetricRequest {
  readonly namespace: string;
  /** Name of the ClosedLoop. */
  readonly loop: string;
  readonly target: TargetRef;
  /** Label selector of the target's pods as text; empty when unknown. */
  readonly podSelector: string;
  readonly metric: string;
  readonly source: MetricSource;
}

/**
 * A number, or why there is none, in words for the status. `time` (Unix seconds) is the identity of a pushed message.
 * `incomplete` says which members the number leaves out: it may then ask for more, never for less.
 */
export type MetricAnswer =
  | { readonly value: number; readonly time?: number; readonly incomplete?: string }
  | { readonly missing: string };

export interface MetricReader {
  /**
   * Answers every request, in their order; requests that can share a query do. Never rejects: what cannot be had is missing.
   * Settles within the deadline, so that a slow source does not hold up the tick.
   */
  read(requests: readonly MetricRequest[], deadline: AbortSignal): Promise<MetricAnswer[]>;
}

/** The last message that a managed system pushed, per ClosedLoop. Bounded: it holds messages of existing loops only. */
export interface PushStore {
  put(namespace: string, loop: string, message: PushedMessage): void;
  get(namespace: string, loop: string): PushedMessage | undefined;
  forget(namespace: string, loop: string): void;
}
export interface PushedMessage {
  readonly values: Readonly<Record<string, number>>;
  /** Unix seconds: when it was measured; identity of the message from end to end. */
  readonly time: number;
}

/** A closed loop that this process runs: parsed, with what it remembers. */
export interface RunningLoop {
  /** namespace/name */
  readonly key: string;
  readonly object: ClosedLoop;
  readonly spec: ClosedLoopSpec;
  readonly state: LoopState;
  /** Of the DeliberativeLoop that tunes it; undefined: none does. */
  readonly guardrails: (Guardrails & { readonly boundedByStep: boolean }) | undefined;
}

/** The loops under way, shared by the tick, the deliberative side and the stages. */
export interface LoopTable {
  get(key: string): RunningLoop | undefined;
  list(): readonly RunningLoop[];
  /** Changes what a loop remembers between ticks; persisted with the next status write. Nothing happens to an unknown loop. */
  change(key: string, change: Partial<Pick<RunningLoop, 'state' | 'guardrails'>>): void;
  /** Told of every decision, after it was carried out. */
  onDecision(listener: (loop: RunningLoop, decision: LoopDecision) => void): void;
}

/**
 * What was measured of one loop in one tick. Size, roll-out and pod sizes that an observation may carry are not taken from
 * here: the execution reads them anew.
 */
export interface Measured extends Partial<LoopObservation> {
  readonly metrics: Readonly<Record<string, number | undefined>>;
  /** Metrics without a usable value, and why. */
  readonly missing?: readonly { readonly name: string; readonly reason: string }[];
  /** Unix seconds: identity of the pushed message that the values are of; absent when none was pushed. */
  readonly messageTime?: number;
}

/** The Distributed topology's way out of the tick: what was measured goes on as a message instead of being decided on. */
export interface StagePublisher {
  /**
   * @param answers in the order of `loop.spec.metrics`
   * @param time Unix seconds, identity of the message: that of the pushed message where there is one, else of the tick
   */
  publish(loop: RunningLoop, answers: readonly MetricAnswer[], time: number): Promise<void>;
}

/** Decide, act, report: the one path to a workload, for the Inline tick and for the execution stage alike. */
export interface DecisionExecutor {
  /**
   * Undefined when nothing was carried out, and the same message may be executed later: the loop is gone or changed, its
   * target is refused, somebody else wrote to it, a write failed, or this process may not act. Never rejects; failures are a
   * condition, an event and a metric.
   * @param chosen see `decide`: undefined leaves the choice to the ranks
   * @param now Unix seconds of the tick
   */
  executeDecision(
    loop: RunningLoop,
    measured: Measured,
    chosen: string | null | undefined,
    now: number,
  ): Promise<LoopDecision | undefined>;
  /** Whom the loop's spec names picks the metric to react to: null is none, undefined leaves it to the ranks. Never rejects. */
  choose(loop: RunningLoop, measured: Measured, now: number): Promise<string | null | undefined>;
}
