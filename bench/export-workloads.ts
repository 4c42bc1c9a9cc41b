/**
 * Writes what a peer in another language needs to train and be judged on the same environment:
 *   environment.json   delays, reward, moves, capacities and the baselines' outcome on the held-out traces
 *   train/*.csv        traces of the training pool (`second,rps`)
 *   held-out/*.csv     traces that nothing is trained or tuned on
 *   check.csv          our simulator, tick by tick, under a fixed sequence of moves: the peer must reproduce it
 *
 * Usage: npx tsx bench/export-workloads.ts --out FOLDER [--interval SECONDS] [--training-traces N]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AppModel } from '../env/apps/app-model.ts';
import { loadApp } from '../env/apps/load-app.ts';
import { setPointMoves } from '../env/deliberative-action.ts';
import { defaultRewardWeights, type IntervalTotals, rewardTerms } from '../env/reward/reward.ts';
import { createGroupDemand } from '../env/simulator/create-kernel.ts';
import { defaultRandomisation, trainingTraceSeed } from '../env/simulator/episodes.ts';
import { createSimulator, defaultLaneParameters, defaultTickSeconds } from '../env/simulator/simulator.ts';
import { generateTrace, workloadFamilies } from '../env/workload/families.ts';
import { formatTrace, loadPerTick, parseTrace, type Trace } from '../env/workload/trace.ts';
import { evaluatePolicy, meanOutcome } from '../training/evaluate.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { heldOutTraces } from '../training/trace-sets.ts';
import { resolveTunedPolicy } from '../training/tune.ts';
import { nominalPodsOf, scoreViolationWeight, validationScore } from './validation-score.ts';

const baselineNames = ['hpa', 'hpa-tuned', 'rps-tuned'] as const;
const checkDecisions = 400;

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    interval: { type: 'string', default: String(trainOptionsSchema.parse({}).intervalSeconds) },
    'training-traces': { type: 'string', default: '160' },
  },
});
const intervalSeconds = Number(values.interval);
if (values.out === undefined || !(intervalSeconds > 0) || intervalSeconds % defaultTickSeconds !== 0) {
  console.error(
    `give --out FOLDER, and an --interval that is a multiple of ${defaultTickSeconds} s. ` +
      'Example: npx tsx bench/export-workloads.ts --out workloads --interval 60',
  );
  process.exit(2);
}

const app = await loadApp('frontend');
const trainingTraces = Array.from({ length: Number(values['training-traces']) }, (_, i) =>
  generateTrace({
    family: workloadFamilies[i % workloadFamilies.length],
    seed: trainingTraceSeed + i,
    nominalLoad: app.nominalLoad,
  }),
);
const heldOut = heldOutTraces({ app, perFamily: 1 });
await writeTraces(join(values.out, 'train'), trainingTraces);
await writeTraces(join(values.out, 'held-out'), heldOut);
await writeFile(join(values.out, 'check.csv'), playFixedMoves(app, heldOut[0]));
await writeFile(
  join(values.out, 'environment.json'),
  `${JSON.stringify(await describeEnvironment(app, heldOut), null, 2)}\n`,
);

async function writeTraces(folder: string, traces: readonly Trace[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const trace of traces) await writeFile(join(folder, `${trace.name}.csv`), formatTrace(trace));
}

async function describeEnvironment(app: AppModel, traces: readonly Trace[]) {
  const nominalPods = nominalPodsOf(app);
  const baselines = [];
  for (const name of baselineNames) {
    const policy = await resolveTunedPolicy(name, app, console.error);
    const { violationPercent, meanReplicas } = meanOutcome(name, await evaluatePolicy(policy, { app, traces }));
    const score = validationScore({ violationPercent, meanReplicas }, nominalPods);
    baselines.push({ policy: name, violationPercent, meanReplicas, score });
  }
  return {
    tickSeconds: defaultTickSeconds,
    intervalSeconds,
    coldStartSeconds: app.coldStartSeconds,
    metricLagSeconds: app.metricLagSeconds,
    slaP95Milliseconds: app.slaP95Milliseconds,
    minReplicas: app.minGroupSize,
    maxReplicas: app.maxGroupSize,
    moves: setPointMoves,
    /** Requests/s within the SLA at 1, 2, 3 … replicas. */
    capacities: Array.from(createGroupDemand(app).capacities),
    nominalLoad: app.nominalLoad,
    nominalPods,
    loadScale: defaultRandomisation.loadScale,
    rewardWeights: { ...defaultRewardWeights, violation: scoreViolationWeight },
    scoreViolationWeight,
    discount: trainOptionsSchema.parse({}).discount,
    baselines,
  };
}

/** One lane under moves that come round in turn; a row per tick, with the reward on the last tick of each decision. */
function playFixedMoves(app: AppModel, trace: Trace): string {
  // As the peer will read it: the CSV rounds to three decimals.
  const loads = loadPerTick(parseTrace(formatTrace(trace), trace.name, trace.name), defaultTickSeconds);
  const simulator = createSimulator({ app, lanes: 1 });
  simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: 3 });
  const { truth, totals, metrics, actions, pods } = simulator;
  const weights = { ...defaultRewardWeights, violation: scoreViolationWeight };
  const terms = { cost: new Float32Array(1), violation: new Float32Array(1), churn: new Float32Array(1) };
  const ticks = intervalSeconds / defaultTickSeconds;
  const rows = ['tick,move,rps,desired,ready,p95,cpu,observedLoad,observedP95,observedCpu,reward'];
  for (let decision = 0; decision < checkDecisions; decision++) {
    const move = setPointMoves[(decision * decision + 3 * decision + 1) % setPointMoves.length];
    for (let tick = decision * ticks; tick < (decision + 1) * ticks; tick++) {
      simulator.startTick();
      simulator.observe();
      if (tick === decision * ticks) {
        actions.replicas[0] = Math.min(app.maxGroupSize, Math.max(app.minGroupSize, pods.desired[0] + move));
        simulator.apply();
      }
      simulator.load[0] = loads[tick];
      simulator.endTick();
      const last = tick === (decision + 1) * ticks - 1;
      const interval: IntervalTotals = {
        ticks,
        podTicks: totals.podTicks[0],
        violationTicks: totals.violationTicks[0],
        violationDepth: totals.violationDepth[0],
        podChanges: totals.podChanges[0],
      };
      rows.push(
        [
          tick,
          move,
          loads[tick],
          pods.desired[0],
          pods.ready[0],
          truth.p95Milliseconds[0],
          truth.cpuPercent[0],
          metrics.load[0],
          metrics.p95Milliseconds[0],
          metrics.cpuPercent[0],
          last ? rewardTerms(interval, weights, nominalPodsOf(app), 0, terms) : '',
        ].join(','),
      );
    }
    for (const values of Object.values(totals)) values.fill(0);
  }
  return `${rows.join('\n')}\n`;
}
