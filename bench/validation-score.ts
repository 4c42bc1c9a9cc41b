/** One number for a policy on the held-out traces, the same for Duoloop and its peers. */
import type { AppModel } from '../env/apps/app-model.ts';
import { createNeededGroupSize } from '../env/simulator/create-kernel.ts';
import { trainOptionsSchema } from '../training/options.ts';

/** Price of violating all the time, in nominal applications' worth of pods: what training starts from. */
export const scoreViolationWeight = trainOptionsSchema.parse({}).violationWeight;

/** The mean reward of a decision without churn and depth: −(replicas ÷ nominal pods) − weight × share of violating ticks. */
export function validationScore(
  { violationPercent, meanReplicas }: { violationPercent: number; meanReplicas: number },
  nominalPods: number,
): number {
  return -meanReplicas / nominalPods - (scoreViolationWeight * violationPercent) / 100;
}

/** Pods of an application with one service at its nominal load, as in the environment's reward. */
export function nominalPodsOf(app: AppModel): number {
  return createNeededGroupSize(app)(app.nominalLoad, 1, 0);
}
