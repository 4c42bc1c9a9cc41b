/** The least reactive loop that an environment can be tested with: it scales to the proposed size and reads no metric. */
import type { AppModel } from '../apps/app-model.ts';
import type { ReactiveLoop } from '../ports.ts';

export interface SetPointLoop extends ReactiveLoop {
  readonly proposals: { lane: number; groupSize: number; second: number }[];
  readonly raises: { lane: number; metric: number; second: number }[];
  /** Seconds of lane 0 at which the loop was asked to decide. */
  readonly decisions: number[];
}

export function createSetPointLoop(app: AppModel, lanes: number, intervalSeconds = 15): SetPointLoop {
  const { minGroupSize, maxGroupSize, services } = app;
  const metricNames = ['cpu', 'memory'];
  const size = metricNames.length * lanes;
  const ranks = new Int32Array(size);
  const groupSize = new Int32Array(lanes);
  const loop: SetPointLoop = {
    intervalSeconds,
    proposals: [],
    raises: [],
    decisions: [],
    state: {
      lanes,
      metricNames,
      ranks,
      overThreshold: new Float32Array(size).fill(Number.NaN),
      breaches: new Int8Array(size),
      lastReactionSecond: new Float64Array(size).fill(Number.NEGATIVE_INFINITY),
      recentReactions: new Int32Array(size),
      groupSize,
      minGroupSize,
      maxGroupSize,
    },
    resetLane(lane) {
      groupSize[lane] = 0;
      for (let metric = 0; metric < metricNames.length; metric++) ranks[metric * lanes + lane] = metric + 1;
    },
    proposeSetPoint(lane, proposed, second) {
      loop.proposals.push({ lane, groupSize: proposed, second });
      groupSize[lane] = Math.min(maxGroupSize, Math.max(minGroupSize, proposed));
    },
    raiseRank(lane, metric, second) {
      loop.raises.push({ lane, metric, second });
      for (let other = 0; other < metricNames.length; other++) ranks[other * lanes + lane] = other === metric ? 1 : 2;
      return true;
    },
    decide(metrics, actions) {
      loop.decisions.push(metrics.second[0]);
      for (let lane = 0; lane < lanes; lane++) {
        if (groupSize[lane] === 0) groupSize[lane] = Math.max(minGroupSize, metrics.desired[lane]);
        for (const [service, { ratio }] of services.entries()) {
          actions.replicas[service * lanes + lane] = Math.ceil(ratio * groupSize[lane] - 1e-9);
        }
      }
    },
  };
  return loop;
}
