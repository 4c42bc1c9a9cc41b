/**
 * Histories of closed loops in blocks of fixed size: loops come and go without moving what is known of the others, and all
 * loops of a block are observed from the same typed arrays as a batch of the simulator.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { createLiveFleet, type LiveFleet } from '../../env/cluster/live/live-fleet.ts';
import type { DemandModel } from '../../env/observation/demand-model.ts';
import { createObservationBuilder, type ObservationBuilder } from '../../env/observation/observation.ts';
import type { ReactiveLoopState } from '../../env/ports.ts';
import { createMetricReader } from '../reactive/metric-reader.ts';
import type { MetricStanding, MetricValues } from './loop-standing.ts';

export interface LoopBlockOptions {
  readonly app: AppModel;
  readonly model: DemandModel;
  readonly lanes: number;
  readonly metricNames: readonly string[];
  readonly intervalSeconds: number;
}

export interface LoopBlock {
  readonly lanes: number;
  readonly fleet: LiveFleet;
  /** Its bounds of the size hold for no lane in particular. */
  readonly state: ReactiveLoopState;
  readonly builder: ObservationBuilder;
  /** The loops' metrics in the fleet, as of the last `readValues`. */
  readonly values: MetricValues;
  readValues(): void;
  /** The last observation of each lane, unnormalised; `rows` are views of it. */
  readonly observations: Float32Array;
  readonly rows: readonly Float32Array[];
  /** Last known load of each lane, requests/s, and capacity of its pods relative to the app model: what a model of it is driven with. */
  readonly load: Float32Array;
  readonly capacity: Float32Array;
  /** Grows each time that a lane's history starts anew. */
  readonly starts: Int32Array;
  readonly freeLanes: number[];
}

/** What is known of one closed loop beside the arrays of its block. */
export interface LoopMemory {
  readonly key: string;
  readonly block: LoopBlock;
  readonly lane: number;
  /** Of the last observation; −Infinity before the first. */
  lastSecond: number;
  standing: MetricStanding | undefined;
  /** Relative to the pod template, as last wanted. */
  memorySize: number;
}

/** @throws UserError `loop-metric` for a name that a fleet does not measure */
function createLoopBlock({ app, model, lanes, metricNames, intervalSeconds }: LoopBlockOptions): LoopBlock {
  const builder = createObservationBuilder({ app, lanes, metricNames, intervalSeconds, model });
  const fleet = createLiveFleet(app, lanes);
  const width = builder.names.length;
  const observations = new Float32Array(lanes * width);
  const perMetric = metricNames.length * lanes;
  const readers = metricNames.map(createMetricReader);
  const values = metricNames.map(() => ({ values: new Float32Array(lanes), incomplete: new Uint8Array(lanes) }));
  return {
    lanes,
    fleet,
    builder,
    values,
    readValues() {
      for (const [m, read] of readers.entries()) read(fleet.metrics, values[m].values, values[m].incomplete);
    },
    state: {
      lanes,
      metricNames,
      ranks: new Int32Array(perMetric),
      overThreshold: new Float32Array(perMetric),
      breaches: new Int8Array(perMetric),
      lastReactionSecond: new Float64Array(perMetric),
      recentReactions: new Int32Array(perMetric),
      groupSize: new Int32Array(lanes),
      minGroupSize: 1,
      maxGroupSize: app.maxGroupSize,
    },
    observations,
    rows: Array.from({ length: lanes }, (_, lane) => observations.subarray(lane * width, (lane + 1) * width)),
    load: new Float32Array(lanes),
    capacity: new Float32Array(lanes).fill(1),
    starts: new Int32Array(lanes),
    freeLanes: Array.from({ length: lanes }, (_, i) => lanes - 1 - i),
  };
}

export interface LoopBlocks {
  readonly all: readonly LoopBlock[];
  get(key: string): LoopMemory | undefined;
  /** Gives a loop that has none a lane, whose arrays still hold what was in them. */
  add(key: string): LoopMemory;
  forget(key: string): void;
}

export function createLoopBlocks(options: LoopBlockOptions): LoopBlocks {
  const blocks = [createLoopBlock(options)];
  const memories = new Map<string, LoopMemory>();
  return {
    all: blocks,
    get: (key) => memories.get(key),
    add(key) {
      let block = blocks.find(({ freeLanes }) => freeLanes.length > 0);
      if (block === undefined) {
        block = createLoopBlock(options);
        blocks.push(block);
      }
      const lane = block.freeLanes.pop() as number;
      const memory = { key, block, lane, lastSecond: Number.NEGATIVE_INFINITY, standing: undefined, memorySize: 1 };
      memories.set(key, memory);
      return memory;
    },
    forget(key) {
      const memory = memories.get(key);
      if (memory === undefined) return;
      memories.delete(key);
      memory.block.freeLanes.push(memory.lane);
    },
  };
}
