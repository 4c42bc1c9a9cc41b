/**
 * The reactive loop for a batch of lanes: `decide.ts` without allocation, as the simulator runs it. It goes metric by
 * metric over all lanes (streaming through the arrays), then once per lane. Rules and their order are those of `decide.ts`.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import type { FleetMetrics, ReactiveLoop } from '../../env/ports.ts';
import { actionText, breachCode, breachMessage } from './breaches.ts';
import { type Clamp, clampBit, clampsOf } from './clamps.ts';
import { type CompiledMetric, type CompiledReaction, compileMetrics, reactionKind } from './compiled-spec.ts';
import { membersOf, writeMembers } from './group-members.ts';
import { ReactionHistory } from './lane-history.ts';
import { LaneRanks } from './lane-ranks.ts';
import { LaneSetPoints } from './lane-set-points.ts';
import { LaneSizing } from './lane-sizing.ts';
import { LaneVertical } from './lane-vertical.ts';
import type { LoopSpec } from './loop-spec.ts';
import { rememberedReactions } from './loop-state.ts';
import { createMetricReader } from './metric-reader.ts';
import { coveringGroupSize, stepTarget, trackingTolerance, trackTarget } from './targets.ts';

export interface ReactiveLoopOptions {
  readonly spec: LoopSpec;
  readonly app: AppModel;
  readonly lanes: number;
}

/** What a lane's last decision was, in words; made on demand, so that deciding allocates nothing. */
export interface LaneReport {
  readonly message: string;
  readonly winner: string | null;
  readonly action: string;
  readonly clampedBy: readonly Clamp[];
}

export interface BatchedReactiveLoop extends ReactiveLoop {
  readonly reactions: ReactionHistory;
  readonly ranking: LaneRanks;
  /** The metric that the last decision reacted to, per lane; −1 when none. */
  readonly winner: Int8Array;
  report(lane: number): LaneReport;
}

// A precedence is (down, exhausted, rank) as one number, smallest first, with the metric in its lowest bits.
const downWeight = 1 << 20;
const exhaustedWeight = 1 << 16;
const metricBits = 4;
const metricMask = (1 << metricBits) - 1;
const nobody = 2 ** 31 - 1;

/**
 * A lane's group size is unknown until its first decision after `resetLane`, which takes it from the replicas that are
 * there; until then `state.groupSize` shows the smallest, and set-points are ignored, since a step from an unknown size
 * could be a fall.
 * @throws UserError `loop-metric`, `loop-vertical`, `loop-members` when the spec does not fit the app model
 */
export function createReactiveLoop({ spec, app, lanes }: ReactiveLoopOptions): BatchedReactiveLoop {
  refuseVerticalCpu(spec);
  const metrics = compileMetrics(spec);
  const readers = metrics.map(({ name }) => createMetricReader(name));
  const members = membersOf(spec, app);
  const { paused } = spec;
  const { minReplicas, maxReplicas } = spec.behavior;
  const fallbackReplicas = spec.onMissingMetrics.replicas ?? 0;
  const fallbackTicks = spec.onMissingMetrics.afterTicks;

  const overThreshold = new Float32Array(metrics.length * lanes);
  const breaches = new Int8Array(metrics.length * lanes);
  const groupSize = new Int32Array(lanes);
  const winner = new Int8Array(lanes);
  const clampMask = new Int32Array(lanes);
  const started = new Uint8Array(lanes);
  const missingTicks = new Int32Array(lanes);
  const reactions = new ReactionHistory(lanes, metrics.length, rememberedReactions);
  const ranking = new LaneRanks(spec, lanes);
  const setPoints = new LaneSetPoints(spec, lanes);
  const sizing = new LaneSizing(spec, lanes, clampMask);
  const vertical = new LaneVertical(spec, lanes, clampMask);
  const { ranks } = ranking;
  const { floor: setPointFloor, isNew: setPointIsNew } = setPoints;

  // Of one decision only.
  const values = new Float32Array(lanes);
  const incomplete = new Uint8Array(lanes);
  const anyMissing = new Uint8Array(lanes);
  const precedence = new Int32Array(lanes);
  const trackedReplicas = new Float64Array(lanes);
  const neededReplicas = new Float64Array(lanes);

  function resetLane(lane: number): void {
    for (let m = 0; m < metrics.length; m++) {
      overThreshold[m * lanes + lane] = Number.NaN;
      breaches[m * lanes + lane] = breachCode.none;
    }
    groupSize[lane] = minReplicas;
    winner[lane] = -1;
    clampMask[lane] = 0;
    started[lane] = 0;
    missingTicks[lane] = 0;
    reactions.reset(lane);
    ranking.reset(lane);
    setPoints.reset(lane);
    sizing.reset(lane);
  }

  function prepare({ second, desired }: FleetMetrics): void {
    for (let lane = 0; lane < lanes; lane++) {
      const now = second[lane];
      winner[lane] = -1;
      anyMissing[lane] = 0;
      precedence[lane] = nobody;
      neededReplicas[lane] = Number.NEGATIVE_INFINITY;
      if (started[lane] === 0) {
        started[lane] = 1;
        vertical.keep(lane, now);
        groupSize[lane] = coveringGroupSize(members, desired, minReplicas, maxReplicas, lane, lanes);
        sizing.seed(lane, now, groupSize[lane]);
      }
      clampMask[lane] = paused ? clampBit.paused : setPoints.resolve(lane, now, groupSize[lane]);
    }
  }

  /** Breaches of one metric in all lanes, and where it goes before what was found so far. */
  function classify(m: number, memorySize: Float32Array): void {
    const metric = metrics[m];
    const { superior, inferior, equal, track, overThresholdReference: reference } = metric;
    const row = m * lanes;
    for (let lane = 0; lane < lanes; lane++) {
      const value = values[lane];
      if (incomplete[lane] === 1) anyMissing[lane] = 1;
      let breach: number = breachCode.none;
      let tracked = 0;
      if (track > 0) {
        const size = groupSize[lane];
        const ratio = value / (track * size);
        overThreshold[row + lane] = ratio;
        if (ratio > 1 + trackingTolerance) {
          tracked = trackTarget(value, track);
          if (tracked > size) breach = breachCode.superior;
        } else if (ratio < 1 - trackingTolerance) {
          tracked = trackTarget(value, track);
          if (tracked < size) breach = breachCode.inferior;
        }
        const needed = breach === breachCode.none ? size : tracked;
        if (!Number.isNaN(value) && needed > neededReplicas[lane]) neededReplicas[lane] = needed;
      } else {
        overThreshold[row + lane] = reference === 0 ? 1 + value : value / reference;
        if (value > superior) breach = breachCode.superior;
        else if (value < inferior) breach = breachCode.inferior;
        else if (value === equal) breach = breachCode.equal;
      }
      breaches[row + lane] = breach;
      if (breach === breachCode.none) continue;
      const weight = weightOf(reactionTo(metric, breach), lane, memorySize);
      const key = weight + (ranks[row + lane] << metricBits) + m;
      if (key < precedence[lane]) {
        precedence[lane] = key;
        trackedReplicas[lane] = tracked;
      }
    }
  }

  /** Ups before downs; a reaction that is at its end already gives way, or it would keep the others from helping. */
  function weightOf({ kind, up, min, max }: CompiledReaction, lane: number, memorySize: Float32Array): number {
    let exhausted: boolean;
    if (kind === reactionKind.vertical) exhausted = up ? memorySize[lane] >= max : memorySize[lane] <= min;
    else
      exhausted = up ? groupSize[lane] >= maxReplicas : groupSize[lane] <= Math.max(minReplicas, setPointFloor[lane]);
    return (up ? 0 : downWeight) + (exhausted ? exhaustedWeight : 0);
  }

  function decideLane(lane: number, now: number, memorySize: Float32Array, wantedMemorySize: Float32Array): void {
    const size = groupSize[lane];
    const missing = anyMissing[lane] === 1;
    missingTicks[lane] = missing ? missingTicks[lane] + 1 : 0;
    if (paused) {
      sizing.remember(lane, now, size);
      vertical.keep(lane, now);
      return;
    }
    const m = precedence[lane] === nobody ? -1 : precedence[lane] & metricMask;
    const reaction = m < 0 ? null : reactionTo(metrics[m], breaches[m * lanes + lane]);

    // The winner's reaction on the group.
    let reacted = size;
    if (reaction !== null && reaction.kind !== reactionKind.vertical) {
      const { kind, pods, percent } = reaction;
      const raw = kind === reactionKind.track ? trackedReplicas[lane] : stepTarget(size, pods, percent);
      const needed = reaction.up ? raw : Math.min(size, neededReplicas[lane]);
      if (raw < needed) clampMask[lane] |= clampBit.breach;
      reacted = sizing.bounded(lane, Math.max(raw, needed));
      if (!reaction.up && missing) {
        reacted = size;
        clampMask[lane] |= clampBit.missingMetrics;
      }
    }
    reacted = sizing.stabilised(lane, now, reacted, size);

    // Fallback and set-point.
    let target = reacted;
    if (missingTicks[lane] >= fallbackTicks && fallbackReplicas > target) {
      target = fallbackReplicas;
      clampMask[lane] |= clampBit.fallback;
    }
    const floor = setPointFloor[lane];
    if (setPointIsNew[lane] === 1 && floor < size) {
      // Up-reactions come first: if the winner's is none, nothing asks for more.
      if (reaction?.up) clampMask[lane] |= clampBit.breach;
      else if (missing) clampMask[lane] |= clampBit.missingMetrics;
      else target = floor;
    }
    if (target < floor) {
      if (reacted < size) clampMask[lane] |= clampBit.setPoint;
      target = floor;
    }

    // Rate limits and bounds, whoever asked.
    target = sizing.bounded(lane, sizing.rateLimited(lane, now, target, size));
    sizing.recordChange(lane, now, size, target);
    groupSize[lane] = target;

    if (reaction?.kind === reactionKind.vertical) {
      wantedMemorySize[lane] = vertical.resized(lane, now, reaction, memorySize[lane], missing);
    } else {
      vertical.keep(lane, now);
    }
    winner[lane] = m;
    if (m >= 0) reactions.push(lane, m, now);
  }

  for (let lane = 0; lane < lanes; lane++) resetLane(lane);
  return {
    intervalSeconds: spec.intervalSeconds,
    state: {
      lanes,
      metricNames: metrics.map(({ name }) => name),
      ranks,
      overThreshold,
      breaches,
      lastReactionSecond: reactions.lastSecond,
      recentReactions: reactions.recent,
      groupSize,
      minGroupSize: minReplicas,
      maxGroupSize: maxReplicas,
    },
    reactions,
    ranking,
    winner,
    resetLane,
    decide(fleet, actions) {
      prepare(fleet);
      for (let m = 0; m < metrics.length; m++) {
        readers[m](fleet, values, incomplete);
        classify(m, fleet.memorySize);
      }
      for (let lane = 0; lane < lanes; lane++)
        decideLane(lane, fleet.second[lane], fleet.memorySize, actions.memorySize);
      if (!paused) writeMembers(members, groupSize, actions.replicas);
    },
    proposeSetPoint(lane, wanted, second) {
      if (started[lane] === 1) setPoints.propose(lane, wanted, second);
    },
    raiseRank: (lane, metric, second) => ranking.raise(lane, metric, second),
    report(lane) {
      const name = winner[lane] < 0 ? null : metrics[winner[lane]].name;
      const found = metrics.map((metric, m) => ({ name: metric.name, breach: breaches[m * lanes + lane] }));
      return {
        message: breachMessage(found),
        winner: name,
        action: actionText(name),
        clampedBy: clampsOf(clampMask[lane]),
      };
    },
  };
}

function reactionTo(metric: CompiledMetric, breach: number): CompiledReaction {
  if (breach === breachCode.superior) return metric.onSuperior;
  return breach === breachCode.inferior ? metric.onInferior : metric.onEqual;
}

function refuseVerticalCpu(spec: LoopSpec): void {
  for (const { name, thresholds } of spec.metrics) {
    if (thresholds.every(({ reaction }) => reaction.vertical?.resource !== 'cpu')) continue;
    throw new UserError(
      'loop-vertical',
      `Metric "${name}" resizes the pods' cpu, which a simulated fleet cannot do. Use resource memory, or a horizontal reaction.`,
    );
  }
}
