/** The decision's view of a ClosedLoop: its own spec, narrowed by the group that it scales and by the agent's guardrails. */
import { type LoopSpec, loopSpecSchema } from '../../policies/reactive/loop-spec.ts';
import { clampTo } from '../../policies/reactive/targets.ts';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import type { RunningLoop } from './contract.ts';

/** Sizes that a target takes at all, such as a ScalingGroup's minReplicas and maxReplicas. */
export interface SizeBounds {
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

const defaultGuardrails: LoopSpec['guardrails'] = loopSpecSchema.shape.guardrails.parse(undefined);
/** Of an Autonomous agent: any distance. */
const unboundedStep = 100_000;

/** Where the loop's and the target's bounds do not meet, the target's win: it would refuse anything else. */
export function loopSpecOf(
  spec: ClosedLoopSpec,
  target: SizeBounds | undefined,
  guardrails: RunningLoop['guardrails'],
): LoopSpec {
  const { minReplicas, maxReplicas } = spec.behavior;
  const within = (size: number) => (target ? clampTo(size, target.minReplicas, target.maxReplicas) : size);
  return {
    intervalSeconds: spec.intervalSeconds,
    metrics: spec.metrics,
    behavior: { ...spec.behavior, minReplicas: within(minReplicas), maxReplicas: Math.max(1, within(maxReplicas)) },
    onMissingMetrics: spec.onMissingMetrics,
    whileRollingOut: spec.whileRollingOut,
    paused: spec.paused,
    guardrails: guardrails === undefined ? defaultGuardrails : guardrailsOf(guardrails),
    members: [],
  };
}

function guardrailsOf(guardrails: NonNullable<RunningLoop['guardrails']>): LoopSpec['guardrails'] {
  const { maxStep, rankChangesPerHour, staleAfterSeconds, minReplicas, maxReplicas, boundedByStep } = guardrails;
  return {
    maxStep: boundedByStep ? maxStep : unboundedStep,
    rankChangesPerHour,
    staleAfterSeconds,
    ...(minReplicas === undefined ? {} : { minReplicas }),
    ...(maxReplicas === undefined ? {} : { maxReplicas }),
  };
}
