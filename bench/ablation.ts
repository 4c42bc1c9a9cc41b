/**
 * What each part of the action earns on an application: the reactive loop alone (every fixed ranking), last-ten, random
 * group scaling and the tuned HPA beside agents that learn ranks only, set-points only, or both. All on held-out traces.
 *
 *   npx tsx bench/ablation.ts --app boutique-moving [--steps 2000000] [--seeds 1,2,3] [--weight 6] [--json FILE]
 *   npx tsx bench/ablation.ts --app boutique-moving --checkpoint policies/checkpoints/boutique-moving   (trains nothing)
 */
import { parseArgs } from 'node:util';
import { loadApp } from '../env/apps/load-app.ts';
import { writeFileWhole } from '../env/files.ts';
import { loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import type { Policy } from '../policies/policy.ts';
import { agentLoopSpec, defaultLoopSpec } from '../policies/reactive/default-specs.ts';
import { reactivePolicy } from '../policies/reactive/reactive-policy.ts';
import { checkpointPolicy, loadCheckpointPolicy } from '../policies/two-loop.ts';
import { evaluatePolicy, meanOutcome } from '../training/evaluate.ts';
import type { EvaluationRow } from '../training/inspection.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { heldOutTraces } from '../training/trace-sets.ts';
import { train } from '../training/train.ts';
import { resolveTunedPolicy } from '../training/tune.ts';

const { values } = parseArgs({
  options: {
    app: { type: 'string', default: 'boutique-moving' },
    steps: { type: 'string', default: '2000000' },
    seeds: { type: 'string', default: '1' },
    weight: { type: 'string', default: '15' },
    json: { type: 'string' },
    'trace-seed': { type: 'string', default: '301' },
    checkpoint: { type: 'string' },
  },
});
const app = await loadApp(values.app);
const traces = heldOutTraces({ app, perFamily: 2, seed: Number(values['trace-seed']) });
const { tf } = await loadTensorBackend();
const rows: EvaluationRow[] = [];

async function report(policy: Policy): Promise<void> {
  const row = meanOutcome(policy.name, await evaluatePolicy(policy, { app, traces }));
  rows.push(row);
  const cells = [
    row.violationPercent.toFixed(2),
    row.meanReplicas.toFixed(2),
    row.podHours.toFixed(0),
    row.scalingActions.toFixed(0),
  ];
  console.log(`${policy.name.padEnd(44)}${cells.map((cell) => cell.padStart(9)).join('')}`);
}

/** All orders of the numbers 1 … count. */
function rankings(count: number): number[][] {
  if (count === 1) return [[1]];
  return rankings(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => [...order.slice(0, at), count, ...order.slice(at)]),
  );
}

console.log(
  `${app.name}, mean of ${traces.length} held-out days\n${'policy'.padEnd(44)}  above %     pods    pod-h  changes`,
);
for (const name of ['hpa-tuned', 'rps-tuned', 'random-group', 'last-ten', 'oracle']) {
  await report(await resolveTunedPolicy(name, app, console.log));
}
const names = defaultLoopSpec(app).metrics.map((metric) => metric.name);
for (const ranks of rankings(names.length)) {
  const order = names.map((name, i) => ({ name, rank: ranks[i] })).sort((a, b) => a.rank - b.rank);
  const specFor = (model: typeof app) => {
    const spec = defaultLoopSpec(model);
    return { ...spec, metrics: spec.metrics.map((metric, i) => ({ ...metric, rank: ranks[i] })) };
  };
  await report(
    reactivePolicy({ name: `reactive, ${order.map(({ name }) => name).join(' > ')}`, description: '', specFor }),
  );
}
if (values.checkpoint !== undefined) await report(await loadCheckpointPolicy(values.checkpoint));
for (const learns of values.checkpoint === undefined ? (['ranks', 'set-points', 'both'] as const) : []) {
  for (const seed of values.seeds.split(',')) {
    // Hindsight knows set-points only; ranks are PPO's to learn, over the loop that serves without set-points.
    const loop = learns === 'ranks' ? defaultLoopSpec(app) : agentLoopSpec(app);
    const warmStartShare = learns === 'ranks' ? 0 : 0.5;
    const options = trainOptionsSchema.parse({
      seed,
      learns,
      warmStartShare,
      environmentSteps: values.steps,
      learningRate: 6e-4,
      violationWeight: values.weight,
      fixedViolationWeight: true,
      entropyWeight: learns === 'ranks' ? 0.005 : 0.001,
    });
    const checkpoint = await train({ app, options, tf, gitCommit: null, loop });
    const mask = { ranks: learns !== 'set-points', setPoints: learns !== 'ranks' };
    await report(checkpointPolicy({ name: `agent, ${learns}, seed ${seed}`, origin: learns, checkpoint, mask }));
  }
}
if (values.json !== undefined) await writeFileWhole(values.json, `${JSON.stringify(rows, null, 2)}\n`);
