/** Live closed loops as rows of features: those of the simulator, by the same builder, with a history per loop. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { DemandModel } from '../../env/observation/demand-model.ts';
import { mixRow } from '../../env/simulator/queueing-services.ts';
import type { DeliberationTime, LoopView } from './contract.ts';
import { createLoopBlocks, type LoopBlock, type LoopBlocks, type LoopMemory } from './loop-block.ts';
import {
  type MetricStanding,
  metricStanding,
  ranksInForce,
  reactionStanding,
  wantedMemorySize,
} from './loop-standing.ts';

/** A load of the past, requests/s; the second is that of the observation's clock. */
export interface PastLoad {
  readonly second: number;
  readonly load: number;
}

export interface LoopObserverOptions {
  readonly app: AppModel;
  readonly model: DemandModel;
  readonly metricNames: readonly string[];
  /** Between two observations of a loop. */
  readonly intervalSeconds: number;
  readonly delays: { readonly coldStartSeconds: number; readonly metricLagSeconds: number };
  /** Seconds of the observation's clock per real second. */
  readonly timeScale: number;
  /** p95 of the application without traffic, which no request tells. */
  readonly idleP95Milliseconds: number;
}

/** One loop to observe; `isUsable` false: the measurement is left out, as if nothing had been measured. */
export interface LoopToObserve {
  readonly view: LoopView;
  readonly isUsable: boolean;
}

export interface LoopObserver {
  readonly blocks: LoopBlocks;
  readonly featureNames: readonly string[];
  /** Observes all, in the order given; the features are in the rows of their blocks until the next call. */
  observe(loops: readonly LoopToObserve[], time: DeliberationTime): readonly LoopMemory[];
  remember(key: string, loads: readonly PastLoad[]): void;
}

const lanesPerBlock = 32;
/** After a silence this long, what was known of the traffic before says little about now. */
const longestSilenceSeconds = 1800;

/** @throws UserError `loop-metric` for a metric that a live fleet does not measure */
export function createLoopObserver(options: LoopObserverOptions): LoopObserver {
  const { metricNames, delays, timeScale, idleP95Milliseconds } = options;
  const blocks = createLoopBlocks({ ...options, lanes: lanesPerBlock });
  const featureNames = blocks.all[0].builder.names;
  const capacityFeature = featureNames.indexOf('capacity.fast');
  const mixFactor = createMixFactor(options.app);

  function restart(memory: LoopMemory): void {
    const { block, lane } = memory;
    block.builder.resetLane(lane, delays);
    block.fleet.clear(lane);
    block.state.groupSize[lane] = 1;
    block.load[lane] = 0;
    block.capacity[lane] = 1;
    block.starts[lane]++;
    memory.lastSecond = Number.NEGATIVE_INFINITY;
    memory.standing = undefined;
    memory.memorySize = 1;
  }

  function memoryOf(key: string): LoopMemory {
    const known = blocks.get(key);
    if (known !== undefined) return known;
    const memory = blocks.add(key);
    restart(memory);
    return memory;
  }

  function write({ view, isUsable }: LoopToObserve, second: number): LoopMemory {
    const memory = memoryOf(view.key);
    const silence = second - memory.lastSecond;
    if (silence < 0 || (silence > longestSilenceSeconds && silence < Number.POSITIVE_INFINITY)) restart(memory);
    memory.lastSecond = second;
    memory.memorySize = wantedMemorySize(view.status) ?? memory.memorySize;
    const { block, lane } = memory;
    const measurement = isUsable ? view.measurement : undefined;
    block.fleet.write(lane, measurement, second, memory.memorySize);
    if (measurement?.load === 0 && Number.isNaN(measurement.p95Milliseconds)) {
      block.fleet.metrics.p95Milliseconds[lane] = idleP95Milliseconds;
    }
    return memory;
  }

  function makeFeatures({ view }: LoopToObserve, memory: LoopMemory, time: DeliberationTime): void {
    const { block, lane } = memory;
    const { spec, status } = view;
    // Not known at the moment: as it was.
    const size = Number.isFinite(view.groupSize) ? view.groupSize : block.state.groupSize[lane];
    const groupSize = Math.max(1, Math.min(size, options.app.maxGroupSize));
    const current = metricStanding(spec, metricNames, block.values, lane, groupSize, time.second);
    const standing = standingOfLastTick(memory.standing, current, spec.intervalSeconds * timeScale);
    memory.standing = current;
    const reactions = reactionStanding(view, metricNames, current.breaches, time, timeScale);
    const ranks = ranksInForce(spec, status);
    const { state } = block;
    state.groupSize[lane] = groupSize;
    for (const [m, name] of metricNames.entries()) {
      const i = m * block.lanes + lane;
      state.ranks[i] = ranks[name] ?? m + 1;
      state.overThreshold[i] = standing.overThreshold[m];
      state.breaches[i] = standing.breaches[m];
      state.lastReactionSecond[i] = reactions.lastReactionSecond[m];
      state.recentReactions[i] = reactions.recentReactions[m];
    }
    const { metrics } = block.fleet;
    block.builder.observeLane(metrics, state, lane, block.observations);
    if (!Number.isNaN(metrics.load[lane])) block.load[lane] = metrics.load[lane];
    // Dearer requests of the hour look like weaker pods, but a model of the application knows its mix.
    block.capacity[lane] = Math.exp(block.rows[lane][capacityFeature]) * mixFactor(time.second);
  }

  return {
    blocks,
    featureNames,
    observe(loops, time) {
      const memories = loops.map((loop) => write(loop, time.second));
      for (const block of new Set<LoopBlock>(memories.map(({ block }) => block))) block.readValues();
      for (const [i, loop] of loops.entries()) makeFeatures(loop, memories[i], time);
      return memories;
    },
    remember(key, loads) {
      const memory = memoryOf(key);
      restart(memory);
      for (const { load, second } of loads) {
        // Nothing is known of what no finite number tells; the estimates stand over a gap.
        // Rounded as measurements are.
        if (load >= 0 && Number.isFinite(load)) memory.block.builder.remember(memory.lane, Math.fround(load), second);
      }
    },
  };
}

/** CPU of a request at that second of the day over that of the calibrated mix. */
function createMixFactor({ serving }: AppModel): (second: number) => number {
  if (serving.kind !== 'queueing' || serving.mix.length === 0) return () => 1;
  return (second) => serving.mix[mixRow(serving.mix, second)].cpuFactor;
}

/**
 * In training the policy saw the metrics' standing as of the reactive loop's last tick, an interval ago; of the two
 * observations at hand, the nearer one to that moment.
 */
function standingOfLastTick(
  previous: MetricStanding | undefined,
  current: MetricStanding,
  loopIntervalSeconds: number,
): MetricStanding {
  if (previous === undefined) return current;
  const lastTick = current.second - loopIntervalSeconds;
  return Math.abs(previous.second - lastTick) < loopIntervalSeconds ? previous : current;
}
