/** Judging a policy without exploration while it is trained, on traces kept for that. */
import type { AppModel } from '../env/apps/app-model.ts';
import type { Trace } from '../env/workload/trace.ts';
import type { Policy } from '../policies/policy.ts';
import { evaluatePolicy, meanOutcome } from './evaluate.ts';
import type { EvaluationRow } from './inspection.ts';
import { validationTraces } from './trace-sets.ts';

const hours = 6;
const tracesPerFamily = 2;
/** Two releases: pods serve less from the first on, more from the second. */
const releases = [
  { second: 0, factor: 1 },
  { second: 2 * 3600, factor: 0.75 },
  { second: 4 * 3600, factor: 1.25 },
];

/** Mean over the validation traces, each played with the application as calibrated and with releases that change it. */
export type Validate = (policy: Policy) => Promise<EvaluationRow>;

export function createValidation(app: AppModel): Validate {
  const traces: readonly Trace[] = validationTraces({ app, perFamily: tracesPerFamily, durationSeconds: hours * 3600 });
  return async (policy) => {
    const steady = await evaluatePolicy(policy, { app, traces });
    const changing = await evaluatePolicy(policy, { app, traces, capacity: releases });
    return meanOutcome(policy.name, [...steady, ...changing]);
  };
}
