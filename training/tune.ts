/** Tunes the baselines' targets on training traces, and sweeps their frontiers. */
import type { AppModel } from '../env/apps/app-model.ts';
import { appHash } from '../env/apps/load-app.ts';
import type { Trace } from '../env/workload/trace.ts';
import { forecastPolicy } from '../policies/forecast.ts';
import { hpaPolicy, requestRatePolicy } from '../policies/hpa/policies.ts';
import { loadTuned, type Tuned, type TunedTargets } from '../policies/hpa/tuned.ts';
import { type Evaluate, isBetter, tune, tunePerService } from '../policies/hpa/tuning.ts';
import type { Policy } from '../policies/policy.ts';
import { resolvePolicy } from '../policies/registry.ts';
import { evaluatePolicy, meanOutcome } from './evaluate.ts';
import { tuningTraces } from './trace-sets.ts';

const budgetPercent = 1;
const behaviors = ['kubernetes-default', 'measured-project'] as const;

/** What can be swept: a common target, with everything else as given. */
export const sweeps = {
  'hpa-tuned': {
    parameter: 'CPU target, %',
    grid: [15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90],
    policyFor: (targets: readonly number[], behavior: TunedTargets['behavior']): Policy =>
      hpaPolicy({ cpuTargetPercent: targets, behavior }),
  },
  'rps-tuned': {
    parameter: 'share of a pod’s capacity',
    grid: [
      0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.91, 0.94, 0.97, 1, 1.02, 1.04, 1.06, 1.08,
      1.1, 1.15, 1.2,
    ],
    policyFor: (targets: readonly number[], behavior: TunedTargets['behavior']): Policy =>
      requestRatePolicy({ loadFactor: targets, behavior }),
  },
  forecast: {
    parameter: 'share of a group’s capacity',
    grid: [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15],
    policyFor: (targets: readonly number[]): Policy => forecastPolicy({ loadFactor: targets[0] }),
  },
} as const;

export type SweptPolicy = keyof typeof sweeps;

/** Mean outcome over the traces. */
export function evaluateOn(app: AppModel, traces: readonly Trace[]): Evaluate {
  return async (policy) => meanOutcome(policy.name, await evaluatePolicy(policy, { app, traces }));
}

/**
 * The best target of each tunable baseline within a budget of 1 % violations on `traces`: one target for all services,
 * for both scaling behaviours, then (with several services) one per service by coordinate descent from there.
 */
export async function tuneBaselines(
  app: AppModel,
  traces: readonly Trace[],
  log: (line: string) => void,
  names: readonly SweptPolicy[] = Object.keys(sweeps) as SweptPolicy[],
): Promise<Tuned> {
  const evaluate = evaluateOn(app, traces);
  const tuned: Tuned = {
    app: app.name,
    appHash: appHash(app),
    budgetPercent,
    trainingTraces: traces.map((trace) => trace.name),
    policies: {},
  };
  for (const name of names) {
    const { grid, policyFor } = sweeps[name];
    let chosen: TunedTargets | undefined;
    for (const behavior of name === 'forecast' ? behaviors.slice(0, 1) : behaviors) {
      const { best, frontier } = await tune({
        grid,
        policyFor: (value) => policyFor([value], behavior),
        evaluate,
        budgetPercent,
      });
      let targets = [best.value];
      let outcome: { violationPercent: number; meanReplicas: number } = best;
      if (app.services.length > 1 && name !== 'forecast') {
        const start = app.services.map(() => best.value);
        ({ targets, outcome } = await tunePerService({
          grid,
          start,
          evaluate,
          budgetPercent,
          rounds: 1,
          policyFor: (values) => policyFor(values, behavior),
        }));
      }
      const { violationPercent, meanReplicas } = outcome;
      if (chosen === undefined || isBetter(outcome, chosen, budgetPercent)) {
        chosen = { targets, behavior, violationPercent, meanReplicas, frontier };
      }
    }
    if (chosen === undefined) continue;
    tuned.policies[name] = chosen;
    log(
      `${name}: ${chosen.targets.join(', ')} (${chosen.behavior}): ${chosen.violationPercent.toFixed(2)} % at ${chosen.meanReplicas.toFixed(2)} replicas`,
    );
  }
  return tuned;
}

/** The tuned baselines of an app: the shipped file when it fits the app model, else tuned now. */
export async function tunedBaselines(app: AppModel, log: (line: string) => void): Promise<Tuned> {
  const hash = appHash(app);
  const known = loadTuned(app) ?? tunedNow.get(hash);
  if (known) return known;
  log(`tuning the baselines for ${app.name} (no tuned targets are shipped for this app model)`);
  const tuned = await tuneBaselines(app, tuningTraces({ app, perFamily: 4 }), log);
  tunedNow.set(hash, tuned);
  return tuned;
}

/** By hash of the app model: checkpoints carry a copy of it. */
const tunedNow = new Map<string, Tuned>();

/** `resolvePolicy`, with the tuned baselines tuned now where no targets are shipped for this app model. Throws UserError. */
export async function resolveTunedPolicy(name: string, app: AppModel, log: (line: string) => void): Promise<Policy> {
  const policy = await resolvePolicy(name);
  if (name !== 'hpa-tuned' && name !== 'rps-tuned') return policy;
  const targets = (await tunedBaselines(app, log)).policies[name];
  if (!targets) return policy;
  return { ...sweeps[name].policyFor(targets.targets, targets.behavior), name, description: policy.description };
}
