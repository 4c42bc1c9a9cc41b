/**
 * One decision of the reactive loop as a pure function of (spec, state, observation, now): what the operator calls.
 * `batched-loop.ts` is the same for many lanes without allocation; a property test holds the two equal.
 * The order of the rules, and why it is so: docs/decisions/0003-reactive-loop.md.
 */
import { actionText, type Breach, breachCode, breachMessage, type MetricReading, readMetric } from './breaches.ts';
import { type Clamp, clampNames } from './clamps.ts';
import { type LoopSpec, reactionGoesUp, type VerticalResource } from './loop-spec.ts';
import { type LoopState, rememberedReactions } from './loop-state.ts';
import { resolveSetPoint } from './set-point.ts';
import { rateLimited, recentChanges, remember, stabilised, withSeed } from './stabilization.ts';
import { clampTo, memberReplicas, stepOf, stepTarget } from './targets.ts';
import { type VerticalChange, verticalTarget } from './vertical.ts';

export interface LoopObservation {
  /** Size of the group that is in force (for a single workload: its replicas). */
  readonly groupSize: number;
  /** Measured values by metric name; undefined and NaN are missing. */
  readonly metrics: Readonly<Record<string, number | undefined>>;
  /** Metrics whose value does not cover all members: they may ask for more, never for less. */
  readonly incomplete?: readonly string[];
  /**
   * Metrics whose value was decided on before and has not been measured anew (a pushed message that is still the last): they
   * are not reacted to again, are not missing either, and while one of them asks for more nothing scales down.
   */
  readonly settled?: readonly string[];
  /** Pod size in force, relative to the standard pod; 1 where not given. */
  readonly verticalSize?: Readonly<Partial<Record<VerticalResource, number>>>;
  /** A member is between two versions. */
  readonly rollingOut?: boolean;
}

export interface LoopDecision {
  readonly second: number;
  /** "Low cpu,Low memory", "No Event". */
  readonly message: string;
  readonly breaches: readonly { readonly name: string; readonly breach: Breach }[];
  readonly winner: string | null;
  /** Metrics in breach that did not win, best rank first. */
  readonly losers: readonly string[];
  /** "React to cpu", "No action". */
  readonly action: string;
  /** Desired size of the group, and of its members. */
  readonly groupSize: number;
  readonly members: readonly { readonly name: string; readonly replicas: number }[];
  /** Desired pod size relative to the standard pod, when it is to change. */
  readonly vertical: VerticalChange | null;
  /** Rules that held back or changed what was asked for. */
  readonly clampedBy: readonly Clamp[];
  readonly state: LoopState;
}

/** Every metric on its side of the thresholds: the monitoring stage. */
export function readMetrics(spec: LoopSpec, observation: LoopObservation): MetricReading[] {
  const { metrics, incomplete, groupSize } = observation;
  return spec.metrics.map((metric) =>
    readMetric(metric, metrics[metric.name], incomplete?.includes(metric.name) ?? false, groupSize),
  );
}

/**
 * @param now seconds, of the clock that set-points and state are in
 * @param chosen the metric to react to when something else than the ranks decides that (a policy engine, a stage of its own):
 *   a metric that is not in breach, or null, is no reaction. The safety rules hold whoever chooses.
 */
export function decide(
  spec: LoopSpec,
  state: LoopState,
  observation: LoopObservation,
  now: number,
  chosen?: string | null,
): LoopDecision {
  const { behavior } = spec;
  const size = observation.groupSize;
  const clamps = new Set<Clamp>();
  const readings = readMetrics(spec, observation);
  const missing = readings.some(({ incomplete }) => incomplete);
  const missingTicks = missing ? state.missingTicks + 1 : 0;
  const startSecond = state.startSecond ?? now;
  const history = withSeed(state, behavior.scaleDown.stabilizationWindowSeconds, size, now);

  const held = spec.paused ? 'paused' : observation.rollingOut && spec.whileRollingOut === 'Hold' ? 'rollingOut' : null;
  if (held !== null) {
    clamps.add(held);
    const recommendations = remember(spec, history, { second: now, size });
    const notSmallerSecond = { cpu: now, memory: now };
    const next = { ...state, startSecond, recommendations, notSmallerSecond, missingTicks };
    return conclude(spec, readings, null, [], size, null, clamps, next, now);
  }

  const setPoint = resolveSetPoint(spec, state.setPoint, size, now, clamps);
  const floor = Math.max(behavior.minReplicas, setPoint.floor);
  const pressing = readings.some(asksForMore);
  const reported = readings.filter(({ breach }) => breach !== breachCode.none);
  const ordered = byPrecedence(reported, state.ranks, (reading) => isExhausted(spec, reading, observation, floor));
  const isSettled = ({ name }: MetricReading) => observation.settled?.includes(name) ?? false;
  const fresh = ordered.filter((reading) => !isSettled(reading));
  let winner = (chosen === undefined ? fresh[0] : fresh.find(({ name }) => name === chosen)) ?? null;
  if (
    winner !== null &&
    !asksForMore(winner) &&
    ordered.some((reading) => isSettled(reading) && asksForMore(reading))
  ) {
    winner = null;
    clamps.add('breach');
  }
  const goesUp = winner !== null && asksForMore(winner);

  // The winner's reaction on the group: bounds, missing data, stabilisation.
  let reacted = size;
  if (winner?.reaction?.horizontal) {
    const { by } = winner.reaction.horizontal;
    const step = by === undefined ? null : stepOf(by);
    const raw = step === null ? winner.trackedReplicas : stepTarget(size, step.pods, step.percent);
    // Of several tracking metrics the one that needs most decides how far it goes down, as in Kubernetes' HPA.
    const needed = goesUp ? raw : Math.min(size, Math.max(...readings.map(({ neededReplicas }) => neededReplicas)));
    if (raw < needed) clamps.add('breach');
    reacted = bounded(spec, Math.max(raw, needed), clamps);
    if (!goesUp && missing) {
      reacted = size;
      clamps.add('missingMetrics');
    }
  }
  const recommendations = remember(spec, history, { second: now, size: reacted });
  reacted = stabilised(spec, recommendations, reacted, size, now, clamps);

  // Fallback and set-point.
  let target = reacted;
  const fallback = spec.onMissingMetrics.replicas;
  if (fallback !== undefined && missingTicks >= spec.onMissingMetrics.afterTicks && fallback > target) {
    target = fallback;
    clamps.add('fallback');
  }
  if (setPoint.applyNow && setPoint.floor < size) {
    if (pressing) clamps.add('breach');
    else if (missing) clamps.add('missingMetrics');
    else target = setPoint.floor;
  }
  if (target < setPoint.floor) {
    if (reacted < size) clamps.add('setPoint');
    target = setPoint.floor;
  }

  // Rate limits and bounds, whoever asked.
  const { scaleUp, scaleDown } = behavior;
  const added = recentChanges(state.added, scaleUp.rateLimit, now);
  const removed = recentChanges(state.removed, scaleDown.rateLimit, now);
  target = rateLimited(spec, target, size, added, removed, clamps);
  target = bounded(spec, target, clamps);

  const vertical = verticalTarget(spec, state, winner, observation, missing, startSecond, now, clamps);
  const next: LoopState = {
    ...state,
    startSecond,
    recommendations,
    added: target > size && scaleUp.rateLimit ? [...added, { second: now, size: target - size }] : added,
    removed: target < size && scaleDown.rateLimit ? [...removed, { second: now, size: size - target }] : removed,
    notSmallerSecond: vertical.notSmallerSecond,
    missingTicks,
    setPoint: setPoint.next,
    ...(winner === null ? {} : withReaction(state, winner.name, now)),
  };
  const losers = ordered
    .filter((reading) => reading !== winner)
    .sort((a, b) => state.ranks[a.name] - state.ranks[b.name]);
  return conclude(spec, readings, winner, losers, target, vertical.change, clamps, next, now);
}

function asksForMore({ breach, reaction }: MetricReading): boolean {
  if (reaction === undefined) return false;
  return reactionGoesUp(reaction) ?? breach === breachCode.superior;
}

/** Ups before downs (an up-reaction beats a down-reaction); then those with something left to do; then by rank. */
function byPrecedence(
  reported: readonly MetricReading[],
  ranks: Readonly<Record<string, number>>,
  exhausted: (reading: MetricReading) => boolean,
): MetricReading[] {
  const key = (reading: MetricReading) =>
    (asksForMore(reading) ? 0 : 2_000) + (exhausted(reading) ? 1_000 : 0) + ranks[reading.name];
  return [...reported].sort((a, b) => key(a) - key(b));
}

/** Whether a reaction is at its end already; it gives way, or a pod at its largest would keep the group from growing. */
function isExhausted(spec: LoopSpec, reading: MetricReading, observation: LoopObservation, floor: number): boolean {
  const up = asksForMore(reading);
  const vertical = reading.reaction?.vertical;
  if (vertical) {
    const current = observation.verticalSize?.[vertical.resource] ?? 1;
    return up ? current >= vertical.max : current <= vertical.min;
  }
  return up ? observation.groupSize >= spec.behavior.maxReplicas : observation.groupSize <= floor;
}

function bounded(spec: LoopSpec, wanted: number, clamps: Set<Clamp>): number {
  const { minReplicas, maxReplicas } = spec.behavior;
  if (wanted > maxReplicas) clamps.add('maxReplicas');
  if (wanted < minReplicas) clamps.add('minReplicas');
  return clampTo(wanted, minReplicas, maxReplicas);
}

function withReaction(
  state: LoopState,
  metric: string,
  now: number,
): Pick<LoopState, 'reactionEpochs' | 'recentReactions'> {
  const epochs = [...(state.reactionEpochs[metric] ?? []), now].slice(-rememberedReactions);
  return {
    reactionEpochs: { ...state.reactionEpochs, [metric]: epochs },
    recentReactions: [...state.recentReactions, metric].slice(-rememberedReactions),
  };
}

function conclude(
  spec: LoopSpec,
  readings: readonly MetricReading[],
  winner: MetricReading | null,
  losers: readonly MetricReading[],
  groupSize: number,
  vertical: LoopDecision['vertical'],
  clamps: ReadonlySet<Clamp>,
  state: LoopState,
  now: number,
): LoopDecision {
  const breaches = readings.map(({ name, breach }) => ({ name, breach }));
  return {
    second: now,
    message: breachMessage(breaches),
    breaches,
    winner: winner?.name ?? null,
    losers: losers.map(({ name }) => name),
    action: actionText(winner?.name ?? null),
    groupSize,
    members: spec.members.map(({ name, ratio, min, max }) => ({
      name,
      replicas: memberReplicas(ratio, groupSize, min, max),
    })),
    vertical,
    clampedBy: clampNames.filter((name) => clamps.has(name)),
    state,
  };
}
