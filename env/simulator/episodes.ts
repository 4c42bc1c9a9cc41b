/**
 * Domain randomisation: what a lane's next episode is made of. A policy trained on such a spread of traffic, delays,
 * noise and capacity has to infer them, and so serves traffic that it has not seen.
 */
import type { AppModel } from '../apps/app-model.ts';
import { createDraw, type Draw, mixSeed } from '../random.ts';
import { generateTrace, type WorkloadFamily, workloadFamilies } from '../workload/families.ts';
import { loadPerTick, type Trace } from '../workload/trace.ts';
import type { CapacityChange } from './capacity.ts';
import { createNeededGroupSize } from './create-kernel.ts';

import { defaultLaneParameters, type LaneParameters } from './simulator.ts';

export interface RandomisationOptions {
  /** Share of episodes that keep the app model's own delays and capacity, without noise or faults. */
  plainShare: number;
  /** Share of episodes whose pods change their capacity now and then. */
  changingCapacityShare: number;
  /** Bounds of the factor that a trace is scaled by. */
  loadScale: readonly [number, number];
}

export const defaultRandomisation: RandomisationOptions = {
  plainShare: 0.4,
  changingCapacityShare: 0.45,
  loadScale: [0.7, 1.4],
};

export interface Episode {
  /** Load at each tick from `startTick` on, before `loadScale`. */
  readonly loads: Float32Array;
  readonly startTick: number;
  readonly loadScale: number;
  readonly capacity: readonly CapacityChange[];
  readonly parameters: LaneParameters;
  /** Whether the parameters are the app model's own (its capacity may still change). */
  readonly plain: boolean;
}

export interface EpisodeSource {
  next(seed: number): Episode;
}

export interface EpisodeSourceOptions {
  app: AppModel;
  tickSeconds: number;
  seed: number;
  /** Own traffic; replaces the synthetic pool. */
  traces?: readonly Trace[];
  families?: readonly WorkloadFamily[];
  poolSize?: number;
  randomisation?: Partial<RandomisationOptions>;
}

/** Generated training traces take their seeds from 2^19 ones that start here; evaluation draws keep clear of them, so the two never meet. */
export const trainingTraceSeed = 1_000_000;

/** Seed of the i-th trace in the pool of a training run. */
export function poolTraceSeed(seed: number, i: number): number {
  return trainingTraceSeed + (mixSeed(seed, i) >>> 13);
}

export function createEpisodeSource(options: EpisodeSourceOptions): EpisodeSource {
  const { app, tickSeconds, seed, families = workloadFamilies, poolSize = 160 } = options;
  const randomisation = { ...defaultRandomisation, ...options.randomisation };
  const traces =
    options.traces ??
    Array.from({ length: poolSize }, (_, i) =>
      generateTrace({
        family: families[i % families.length],
        seed: poolTraceSeed(seed, i),
        nominalLoad: app.nominalLoad,
      }),
    );
  const pool = traces.map((trace) => loadPerTick(trace, tickSeconds));
  const needed = createNeededGroupSize(app);
  return {
    next(episodeSeed) {
      const draw = createDraw(episodeSeed);
      const loads = pool[Math.floor(draw.uniform(0, pool.length))];
      const startTick = Math.floor(draw.uniform(0, Math.max(1, loads.length - 3600 / tickSeconds)));
      const loadScale = draw.scale(...randomisation.loadScale);
      const capacity = drawCapacity(draw, randomisation.changingCapacityShare, loads.length * tickSeconds);
      const plain = draw.chance(randomisation.plainShare);
      const parameters = plain ? defaultLaneParameters(app) : drawParameters(draw, app);
      parameters.seed = episodeSeed;
      parameters.startSecond = startTick * tickSeconds;
      const inForce = capacity.findLast(({ second }) => second <= parameters.startSecond) ?? capacity[0];
      const fitting = needed(loads[startTick] * loadScale, inForce.factor, parameters.startSecond);
      // Too few and too many pods belong to what a policy must have seen.
      const initial = Math.round(fitting * draw.scale(0.35, 2.5));
      parameters.initialGroupSize = Math.max(app.minGroupSize, Math.min(app.maxGroupSize, initial));
      return { loads, startTick, loadScale, capacity, parameters, plain };
    },
  };
}

function drawCapacity(draw: Draw, share: number, durationSeconds: number): CapacityChange[] {
  if (!draw.chance(share)) return [{ second: 0, factor: 1 }];
  const changes = [{ second: 0, factor: draw.scale(0.6, 1.6) }];
  for (let t = draw.scale(900, 20_000); t < durationSeconds; t += draw.scale(1800, 30_000)) {
    changes.push({ second: t, factor: draw.scale(0.6, 1.6) });
  }
  return changes;
}

function drawParameters(draw: Draw, app: AppModel): LaneParameters {
  const parameters = defaultLaneParameters(app);
  if (draw.chance(0.6)) parameters.coldStartSeconds = Math.round(app.coldStartSeconds * draw.scale(0.3, 2.2));
  if (draw.chance(0.6)) parameters.metricLagSeconds = Math.round(app.metricLagSeconds * draw.scale(0.3, 2));
  if (draw.chance(0.4)) parameters.metricAveragingSeconds = Math.round(draw.uniform(0, 60));
  if (draw.chance(0.5)) parameters.metricNoise = draw.uniform(0, 0.03);
  if (draw.chance(0.15)) parameters.metricGapsPerHour = draw.uniform(0, 1);
  if (draw.chance(0.15)) parameters.podLossesPerHour = draw.uniform(0, 0.3);
  if (draw.chance(0.15)) parameters.slowStartProbability = draw.uniform(0, 0.2);
  if (draw.chance(0.3)) parameters.graceSeconds = Math.round(draw.uniform(0, 30));
  if (app.serving.kind === 'queueing') parameters.demandFactor = draw.scale(0.85, 1.18);
  return parameters;
}
