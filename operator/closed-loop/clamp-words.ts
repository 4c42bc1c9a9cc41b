/** What each safety rule is in words: what held the loop back, and what to change if that is not wanted. */
import type { Clamp } from '../../policies/reactive/clamps.ts';

export const clampWords: Readonly<Record<Clamp, string>> = {
  paused: 'The loop is paused: set spec.paused to false to let it act.',
  rollingOut:
    'The target is rolling out, when measurements mix two versions: wait for it, or set spec.whileRollingOut to React.',
  setPointMinReplicas:
    'The agent proposed less than the smallest size allowed: lower guardrails.minReplicas or behavior.minReplicas.',
  setPointMaxReplicas:
    'The agent proposed more than the largest size allowed: raise guardrails.maxReplicas or behavior.maxReplicas.',
  maxStep: 'The agent proposed a size too far from the present one: raise guardrails.maxStep.',
  maxReplicas: 'The largest size is reached: raise spec.behavior.maxReplicas (or maxReplicas of the ScalingGroup).',
  minReplicas: 'The smallest size is reached: lower spec.behavior.minReplicas (or minReplicas of the ScalingGroup).',
  missingMetrics: 'Nothing scales down while a metric is missing or incomplete: mend the source of that metric.',
  breach:
    'Nothing scales down while a metric asks for more, nor below what a tracking metric needs: it goes on once that metric is back within its threshold.',
  scaleDownStabilization:
    'A larger size was wanted a short while ago: lower spec.behavior.scaleDown.stabilizationWindowSeconds to go down sooner.',
  scaleUpStabilization:
    'A smaller size was wanted a short while ago: lower spec.behavior.scaleUp.stabilizationWindowSeconds to go up sooner.',
  fallback:
    'Metrics were missing for so long that the fallback size is in force: mend their source, or change spec.onMissingMetrics.',
  setPoint: "The agent's fresh set-point is a floor: the loop goes below it once the set-point is stale or lowered.",
  scaleUpRate: 'The rate limit for growing is used up: raise spec.behavior.scaleUp.rateLimit.',
  scaleDownRate: 'The rate limit for shrinking is used up: raise spec.behavior.scaleDown.rateLimit.',
  verticalMax: "The pods have the largest size allowed: raise max of the metric's vertical reaction.",
  verticalMin: "The pods have the smallest size allowed: lower min of the metric's vertical reaction.",
};

/** One sentence per rule; a name that this version does not know is given as it is. */
export function sayClamps(clamps: readonly string[]): string[] {
  return clamps.map((name) => clampWords[name as Clamp] ?? `${name}.`);
}
