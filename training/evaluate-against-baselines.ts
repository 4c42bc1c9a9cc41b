/** What a checkpoint says of itself: how its policy and the baselines do on traffic that nothing was trained on. */
import type { AppModel } from '../env/apps/app-model.ts';
import type { Checkpoint } from '../policies/actor-critic/checkpoint.ts';
import { checkpointPolicy } from '../policies/two-loop.ts';
import { evaluatePolicy, meanOutcome } from './evaluate.ts';
import type { EvaluationRow } from './inspection.ts';
import { heldOutTraces } from './trace-sets.ts';
import { resolveTunedPolicy } from './tune.ts';

const baselines = ['hpa', 'hpa-tuned', 'rps-tuned', 'reactive'] as const;

/** The policy first, as `checkpoint:this`, then the baselines, all on two held-out traces of each family. */
export async function evaluateAgainstBaselines(
  app: AppModel,
  checkpoint: Checkpoint,
  log: (line: string) => void,
): Promise<EvaluationRow[]> {
  const traces = heldOutTraces({ app, perFamily: 2 });
  const policy = checkpointPolicy({ name: 'checkpoint:this', origin: 'just trained', checkpoint });
  const rows = [meanOutcome(policy.name, await evaluatePolicy(policy, { app, traces }))];
  for (const name of baselines) {
    rows.push(meanOutcome(name, await evaluatePolicy(await resolveTunedPolicy(name, app, log), { app, traces })));
  }
  return rows;
}
