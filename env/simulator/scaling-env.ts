/**
 * The environment that the deliberative loop learns in: a batch of simulated applications, each under its reactive
 * loop. One step is one decision interval. Episodes end only by their time limit (truncation), with same-step autoreset.
 */
import type { AppModel } from '../apps/app-model.ts';
import { podsPerGroupSize } from '../apps/group.ts';
import type { VectorEnv, VectorStep } from '../contract.ts';
import { actionHeads, holdChoice, noRaiseChoice, proposeChoice } from '../deliberative-action.ts';
import { createObservationBuilder } from '../observation/observation.ts';
import type { ReactiveLoop } from '../ports.ts';
import { mixSeed } from '../random.ts';
import { defaultRewardWeights, type IntervalTotals, type RewardWeights, rewardTerms } from '../reward/reward.ts';
import { createNeededGroupSize } from './create-kernel.ts';
import { createEpisodeSource, type Episode, type EpisodeSourceOptions } from './episodes.ts';
import { mixRow } from './queueing-services.ts';
import { createSimulator, defaultTickSeconds, type Simulator } from './simulator.ts';

export interface ScalingEnvOptions {
  app: AppModel;
  lanes: number;
  /** Seconds between two decisions of the agent; a multiple of the reactive loop's interval. */
  intervalSeconds: number;
  /** The very reactive loop that an operator runs, in its batched form. */
  createReactiveLoop: (lanes: number) => ReactiveLoop;
  reward?: Partial<RewardWeights>;
  episodes?: Omit<EpisodeSourceOptions, 'app' | 'tickSeconds' | 'seed'>;
  /** Decisions after which an episode is cut off at the latest (its trace may end it earlier). */
  maxEpisodeSteps?: number;
  /** Seed of the pool of traces; `reset` seeds the episodes drawn from it. */
  poolSeed?: number;
  /** Which halves of the action take effect; the other one is ignored. */
  learns?: 'both' | 'ranks' | 'set-points';
}

export interface ScalingEnv extends VectorEnv {
  readonly simulator: Simulator;
  readonly weights: RewardWeights;
  /** Pods of the application at its nominal load: the unit of cost. */
  readonly nominalPods: number;
  /** Raw sums of the last step per lane, for logs: pods × ticks, violating ticks, and moves of desired replicas. */
  readonly lastStep: { podTicks: Float32Array; violationTicks: Int32Array; podChanges: Int32Array; ticks: number };
  /** Load that the lane's group will have to carry `ticksAhead` ticks from now, in requests/s of the calibrated mix and capacity: for learning in hindsight. */
  futureDemand(lane: number, ticksAhead: number): number;
  readonly reactiveLoop: ReactiveLoop;
  /** 1 where the lane's episode has the app model's own delays, no noise and no faults. */
  readonly plainLanes: Uint8Array;
  readonly laneDelays: { readonly coldStartTicks: Int32Array };
}

const coldStartLimitFactor = 8;
/** Load before an episode's start that its first observation knows of. */
const historySeconds = 5400;

/** Pods of the application at its nominal load: the unit of cost. */
export function nominalPodsOf(app: AppModel): number {
  return podsPerGroupSize(app)[createNeededGroupSize(app)(app.nominalLoad, 1, 0)];
}

export function createScalingEnv(options: ScalingEnvOptions): ScalingEnv {
  const { app, lanes, intervalSeconds, maxEpisodeSteps = 5760, learns = 'both' } = options;
  const tickSeconds = defaultTickSeconds;
  const loop = options.createReactiveLoop(lanes);
  const loopTicks = Math.max(1, Math.round(loop.intervalSeconds / tickSeconds));
  const stepTicks = Math.round(intervalSeconds / tickSeconds);
  const historySteps = Math.round(historySeconds / intervalSeconds);
  if (stepTicks % loopTicks !== 0) {
    throw new RangeError(
      `decision interval ${intervalSeconds} s is no multiple of the reactive loop's ${loop.intervalSeconds} s`,
    );
  }
  const simulator = createSimulator({
    app,
    lanes,
    tickSeconds,
    maxColdStartSeconds: Math.max(30, app.coldStartSeconds) * coldStartLimitFactor,
    maxMetricDelaySeconds: app.metricLagSeconds * 2 + 60 + app.metricAveragingSeconds,
  });
  const source = createEpisodeSource({ ...options.episodes, app, tickSeconds, seed: options.poolSeed ?? 0 });
  const builder = createObservationBuilder({ app, lanes, metricNames: loop.state.metricNames, intervalSeconds });
  const weights: RewardWeights = { ...defaultRewardWeights, ...options.reward };
  const nominalPods = nominalPodsOf(app);
  const heads = actionHeads(loop.state.metricNames);
  const width = builder.names.length;
  const observations = new Float32Array(lanes * width);
  const finalObservations = new Float32Array(lanes * width);
  const rewards = new Float32Array(lanes);
  const terminated = new Uint8Array(lanes);
  const truncated = new Uint8Array(lanes);
  const terms = { cost: new Float32Array(lanes), violation: new Float32Array(lanes), churn: new Float32Array(lanes) };
  const lastStep = {
    podTicks: new Float32Array(lanes),
    violationTicks: new Int32Array(lanes),
    podChanges: new Int32Array(lanes),
    ticks: stepTicks,
  };
  const result: VectorStep = { observations, rewards, terminated, truncated, finalObservations, terms };
  const interval: IntervalTotals = {
    ticks: stepTicks,
    podTicks: 0,
    violationTicks: 0,
    violationDepth: 0,
    podChanges: 0,
  };
  const episodes: Episode[] = new Array(lanes);
  const position = new Int32Array(lanes); // tick within the episode's loads
  const steps = new Int32Array(lanes);
  const episodeCount = new Int32Array(lanes);
  const nextChange = new Int32Array(lanes); // index into the episode's capacity changes
  const coldStartTicks = new Int32Array(lanes);
  const plainLanes = new Uint8Array(lanes);
  let seed = 0;
  // Dearer requests need more pods; that memory is filled is for the vertical reaction to mend.
  const mix = app.serving.kind === 'queueing' ? app.serving.mix : [];
  const cpuFactorAt = (second: number) => (mix.length === 0 ? 1 : mix[mixRow(mix, second)].cpuFactor);

  function startEpisode(lane: number): void {
    const episode = source.next(mixSeed(seed, lane, episodeCount[lane]++));
    const { parameters } = episode;
    episodes[lane] = episode;
    position[lane] = episode.startTick;
    steps[lane] = 0;
    nextChange[lane] = 0;
    releaseUpTo(lane, episode.startTick);
    plainLanes[lane] = episode.plain ? 1 : 0;
    coldStartTicks[lane] = Math.ceil(parameters.coldStartSeconds / tickSeconds);
    simulator.resetLane(lane, parameters);
    loop.resetLane(lane);
    builder.resetLane(lane, parameters);
    const lagTicks = Math.ceil(parameters.metricLagSeconds / tickSeconds);
    for (let steps = historySteps; steps > 0; steps--) {
      const tick = episode.startTick - lagTicks - steps * stepTicks;
      if (tick >= 0) builder.remember(lane, episode.loads[tick] * episode.loadScale, tick * tickSeconds);
    }
  }

  /** Puts releases up to that tick of the trace into force. */
  function releaseUpTo(lane: number, tick: number): void {
    const { capacity } = episodes[lane];
    while (nextChange[lane] < capacity.length && capacity[nextChange[lane]].second <= tick * tickSeconds) {
      simulator.capacity[lane] = capacity[nextChange[lane]++].factor;
    }
  }

  function serveTick(): void {
    for (let lane = 0; lane < lanes; lane++) {
      const { loads, loadScale } = episodes[lane];
      const at = position[lane]++;
      simulator.load[lane] = loads[at < loads.length ? at : loads.length - 1] * loadScale;
      releaseUpTo(lane, at);
    }
    simulator.endTick();
  }

  function decideLoop(): void {
    loop.decide(simulator.metrics, simulator.actions);
    simulator.apply();
  }

  function clearTotals(): void {
    for (const values of Object.values(simulator.totals)) values.fill(0);
  }

  function settle(): void {
    const { totals } = simulator;
    for (let lane = 0; lane < lanes; lane++) {
      interval.podTicks = totals.podTicks[lane];
      interval.violationTicks = totals.violationTicks[lane];
      interval.violationDepth = totals.violationDepth[lane];
      interval.podChanges = totals.podChanges[lane];
      rewards[lane] = rewardTerms(interval, weights, nominalPods, lane, terms);
      lastStep.podTicks[lane] = interval.podTicks;
      lastStep.violationTicks[lane] = interval.violationTicks;
      lastStep.podChanges[lane] = interval.podChanges;
    }
    clearTotals();
  }

  return {
    lanes,
    observationNames: builder.names,
    actionHeads: heads,
    simulator,
    weights,
    nominalPods,
    lastStep,
    reactiveLoop: loop,
    plainLanes,
    laneDelays: { coldStartTicks },
    futureDemand(lane, ticksAhead) {
      const { loads, loadScale, capacity } = episodes[lane];
      const at = Math.min(loads.length - 1, position[lane] + ticksAhead);
      let factor = simulator.capacity[lane];
      for (
        let change = nextChange[lane];
        change < capacity.length && capacity[change].second <= at * tickSeconds;
        change++
      ) {
        factor = capacity[change].factor;
      }
      return (loads[at] * loadScale * cpuFactorAt(at * tickSeconds)) / factor;
    },
    reset(newSeed) {
      seed = newSeed;
      episodeCount.fill(0);
      clearTotals();
      for (let lane = 0; lane < lanes; lane++) startEpisode(lane);
      simulator.startTick();
      simulator.observe();
      builder.observe(simulator.metrics, loop.state, observations);
      return observations;
    },
    step(actions) {
      const { second, load } = simulator.metrics;
      for (let lane = 0; lane < lanes; lane++) {
        // Without measurements nothing is proposed: the observation would be of the past.
        if (Number.isNaN(load[lane])) continue;
        const raise = learns === 'set-points' ? noRaiseChoice : actions[lane * 2];
        const move = learns === 'ranks' ? holdChoice : actions[lane * 2 + 1];
        proposeChoice(loop, lane, raise, move, second[lane]);
      }
      decideLoop();
      serveTick();
      for (let tick = 1; tick < stepTicks; tick++) {
        simulator.startTick();
        if (tick % loopTicks === 0) {
          simulator.observe();
          decideLoop();
        }
        serveTick();
      }
      settle();
      simulator.startTick();
      simulator.observe();
      builder.observe(simulator.metrics, loop.state, observations);
      for (let lane = 0; lane < lanes; lane++) {
        const over = ++steps[lane] >= maxEpisodeSteps || position[lane] + stepTicks > episodes[lane].loads.length;
        truncated[lane] = over ? 1 : 0;
        if (!over) continue;
        finalObservations.set(observations.subarray(lane * width, (lane + 1) * width), lane * width);
        startEpisode(lane);
        simulator.observeLane(lane);
        builder.observeLane(simulator.metrics, loop.state, lane, observations);
      }
      return result;
    },
  };
}
