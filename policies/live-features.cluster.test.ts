/**
 * One trace through the lab and through the simulator: what the agent sees of a live application against what it was
 * trained on, feature by feature. Both scale at the same moments and lose capacity at the same moment; neither decides.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AppModel } from '../env/apps/app-model.ts';
import { loadApp } from '../env/apps/load-app.ts';
import { resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { createLiveFleet } from '../env/cluster/live/live-fleet.ts';
import { createMetricsSource } from '../env/cluster/live/metrics-source.ts';
import { presetQueries } from '../env/cluster/live/presets.ts';
import { createPrometheusClient } from '../env/cluster/prometheus.ts';
import { createLab, type Lab } from '../env/lab/lab.ts';
import { until } from '../env/lab/lab-api.ts';
import { createObservationBuilder } from '../env/observation/observation.ts';
import type { FleetActions, FleetMetrics } from '../env/ports.ts';
import { capacityPerTick } from '../env/simulator/capacity.ts';
import { createSimulator, defaultLaneParameters, defaultTickSeconds } from '../env/simulator/simulator.ts';
import { loadPerTick, type Trace } from '../env/workload/trace.ts';
import { describeCluster } from '../test/cluster.ts';
import { createReactiveLoop } from './reactive/batched-loop.ts';
import { defaultLoopSpec } from './reactive/default-specs.ts';

const speed = 10;
const scrapeIntervalSeconds = 0.5;
/** Six scrapes, and 30 s of the trace. */
const rateWindowSeconds = 3;
const intervalSeconds = 20;
const endSecond = 720;
const groupSizes = [
  { second: 0, size: 2 },
  { second: 300, size: 3 },
  { second: 600, size: 2 },
];
const capacity = [{ second: 460, factor: 0.75 }];

/** A slow wave with bursts: trends, peaks and a rhythm for the features of the load to see. */
const trace: Trace = {
  name: 'waves',
  seconds: Array.from({ length: endSecond / 5 + 1 }, (_, i) => i * 5),
  rps: Array.from({ length: endSecond / 5 + 1 }, (_, i) => {
    const burst = i % 48 >= 30 && i % 48 < 42 ? 1.4 : 1;
    return burst * (900 + 250 * Math.sin(i / 25));
  }),
};

/** What one world showed at every decision: a row of features each. */
interface Recording {
  readonly names: readonly string[];
  readonly rows: Float32Array[];
}

function createRecorder(app: AppModel, metrics: FleetMetrics) {
  const loop = createReactiveLoop({ spec: { ...defaultLoopSpec(app), intervalSeconds }, app, lanes: 1 });
  const { metricNames } = loop.state;
  const builder = createObservationBuilder({ app, lanes: 1, metricNames, intervalSeconds });
  loop.resetLane(0);
  builder.resetLane(0, { coldStartSeconds: app.coldStartSeconds, metricLagSeconds: defaultTickSeconds });
  // What the loop wants is not carried out, so the size is that of the application.
  const state = { ...loop.state, groupSize: metrics.desired };
  const recording: Recording = { names: builder.names, rows: [] };
  return {
    recording,
    observe() {
      const row = new Float32Array(builder.names.length);
      builder.observe(metrics, state, row);
      recording.rows.push(row);
      const ignored: FleetActions = { replicas: metrics.desired.slice(), memorySize: metrics.memorySize.slice() };
      loop.decide(metrics, ignored);
    },
  };
}

function recordSimulator(app: AppModel): Recording {
  const simulator = createSimulator({ app, lanes: 1, maxMetricDelaySeconds: 60 });
  const metricAveragingSeconds = rateWindowSeconds * speed;
  simulator.resetLane(0, {
    ...defaultLaneParameters(app),
    initialGroupSize: groupSizes[0].size,
    metricLagSeconds: defaultTickSeconds,
    metricAveragingSeconds,
  });
  const recorder = createRecorder(app, simulator.metrics);
  const loads = loadPerTick(trace, defaultTickSeconds);
  const factors = capacityPerTick(capacity, loads.length, defaultTickSeconds);
  for (let tick = 0; tick < loads.length; tick++) {
    const second = tick * defaultTickSeconds;
    simulator.startTick();
    simulator.observe();
    // In its first tick a simulated application has not been measured yet.
    if (second > 0 && second % intervalSeconds === 0) recorder.observe();
    for (const group of groupSizes) if (group.second === second) simulator.actions.replicas[0] = group.size;
    simulator.apply();
    simulator.load[0] = loads[tick];
    simulator.capacity[0] = factors[tick];
    simulator.endTick();
  }
  return recorder.recording;
}

async function recordLab(app: AppModel, lab: Lab): Promise<Recording> {
  const fleet = createLiveFleet(app, 1);
  const recorder = createRecorder(app, fleet.metrics);
  const now = () => Date.now() / 1000;
  const source = createMetricsSource({
    prometheus: createPrometheusClient({ url: lab.prometheusUrl }),
    queries: presetQueries('istio'),
    presetName: 'istio',
    rateWindowSeconds,
    now,
  });
  const systems = [{ key: 'frontend', namespace: lab.namespace, workloads: ['frontend'] }];
  // Before the trace the application is steady under its first load, and so must the windows be.
  await until('the first measurements', 20, async () => (await source.measure(systems))[0].missing.length === 0);
  const start = lab.startTrace();
  for (let second = intervalSeconds; second < endSecond; second += intervalSeconds) {
    await sleep((start + second / speed - now()) * 1000);
    const [measurement] = await source.measure(systems);
    fleet.write(0, measurement, second);
    recorder.observe();
    const group = groupSizes.find((candidate) => candidate.second === second);
    if (group !== undefined) {
      const patch = { spec: { replicas: group.size } };
      await lab.api.mergePatch(resourceTypes.deployment, lab.namespace, 'frontend', patch, { subresource: 'scale' });
    }
  }
  return recorder.recording;
}

/** Bounds of a feature's difference at any decision, and of its mean over all; both worlds' ranges are several times as wide. */
type Bound = readonly [largest: number, mean: number];

/** Both worlds know it by the same clock, counts or calibration. */
const same: Bound = [1e-6, 1e-7];
/**
 * Logarithms of load. Scrapes are 5 s of the trace apart, so the live window of 30 s ends up to 5 s before the simulator's:
 * at the edge of a burst of 40 % that is 5/30 of 34 %, and in the wave 1 %.
 */
const loadRatio: Bound = [0.1, 0.025];
/** A burst or a threshold that one world sees a decision before the other: a flag, or what is counted from it, is all wrong then. */
const oneDecision = (range: number): Bound => [range, range * 0.06];
/**
 * The forecast is that of the method that erred least of late. Where two are as good, the worlds may take different ones at a
 * decision or two, which a scrape that came late is enough for: seen to differ by 0.39 then, and by 0.01 on average.
 */
const forecast: Bound = [0.5, 0.02];
/** The forecast's difference in deviations of itself (0.1 to 0.2), of a range of 8. */
const shortfall: Bound = [2.5, 0.15];
/**
 * p95 in a window in which it rose five-fold is the 95th percentile of a mixture here, and the mean of 5-s percentiles there;
 * pods that Kubernetes starts are ready some tenths of a real second, or 5 s of the trace, later.
 */
const latency: Bound = [0.9, 0.06];

const bounds: readonly (readonly [features: RegExp, bound: Bound])[] = [
  [/^(p95|cpu)\.rank$/, same],
  [/^p95\.overThreshold$/, [0.9, 0.05]],
  // Percent of 75 %.
  [/^cpu\.overThreshold$/, [0.12, 0.02]],
  [/^(p95|cpu)\.breach$/, oneDecision(1)],
  [/^(p95|cpu)\.(sinceReaction|recentReactions)$/, oneDecision(1)],
  [/^group\.demand/, loadRatio],
  [/^group\.shortfall/, shortfall],
  [/^group\.(size|sizeOfMaximum|sinceChange)$/, same],
  // Of three pods, one that is ready a tick earlier or later.
  [/^group\.pendingShare$/, oneDecision(0.34)],
  [/^capacity\.(fast|change)$/, [0.06, 0.01]],
  [/^latency\./, latency],
  [/^(memory\.size|delay\..*|time\..*)$/, same],
  [/^load\.(overLevel|forecastTrend|peak|trough)/, loadRatio],
  [/^load\.forecastBest$/, forecast],
  [/^load\.(forecastDeviation|largestRise)$/, [0.06, 0.02]],
  // Ten times a deviation of the load's logarithm.
  [/^load\.volatility(Fast|Slow)$/, [0.25, 0.08]],
  [/^load\.since/, oneDecision(1)],
  [/^load\.rise(Phase|Regularity)$/, [0.1, 0.02]],
];

describeCluster('the features of a live application', () => {
  let lab: Lab;
  let live: Recording;
  let simulated: Recording;

  beforeAll(async () => {
    const app = await loadApp('frontend');
    simulated = recordSimulator(app);
    lab = await createLab({ app, trace, speed, capacity, scrapeIntervalSeconds, groupSize: groupSizes[0].size });
    live = await recordLab(app, lab);
  }, 200_000);
  afterAll(() => lab?.stop());

  it('are those of the simulator, each within its bound', () => {
    expect(live.names).toEqual(simulated.names);
    expect(live.names.length).toBe(57);
    const differences = live.names.map((name, feature) => {
      const [, [largestAllowed, meanAllowed]] = bounds.find(([features]) => features.test(name)) ?? [name, [0, 0]];
      const each = live.rows.map((row, decision) => Math.abs(row[feature] - simulated.rows[decision][feature]));
      const largest = Math.max(...each);
      const mean = each.reduce((sum, difference) => sum + difference, 0) / each.length;
      return { name, largest, mean, largestAllowed, meanAllowed };
    });
    const beyond = differences.filter(
      ({ largest, mean, largestAllowed, meanAllowed }) => !(largest <= largestAllowed && mean <= meanAllowed),
    );
    expect(beyond).toEqual([]);
  });

  it('move: what never changed would agree with anything', () => {
    const { names, rows } = simulated;
    const still = names.filter((_, feature) => rows.every((row) => row[feature] === rows[0][feature]));
    // Nothing resizes pods, ranks stay, and nothing goes missing; with two pods more there is always enough.
    expect(still).toEqual([
      'p95.rank',
      'cpu.rank',
      'group.shortfallAt+2',
      'group.shortfallAt+4',
      'memory.size',
      'delay.coldStart',
      'delay.metricLag',
      'delay.metricsMissing',
    ]);
  });
});
