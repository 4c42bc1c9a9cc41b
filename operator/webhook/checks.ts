/** The checks of every kind, for the webhook and for reconciles, which make conditions of the same findings. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { problemsOfClosedLoop } from './closed-loop-checks.ts';
import { problemsOfDeliberativeLoop } from './deliberative-loop-checks.ts';
import { problemsOfScalingGroup } from './scaling-group-checks.ts';
import { problemsOfStage, type StageObject } from './stage-checks.ts';
import type { Findings, World } from './world.ts';

export { describeFinding, type Finding, type Findings, type World } from './world.ts';
export { problemsOfClosedLoop, problemsOfDeliberativeLoop, problemsOfScalingGroup, problemsOfStage };

type Check = (object: StoredObject, world: World) => Findings;

const checkOfKind: Readonly<Record<string, Check>> = {
  ScalingGroup: (object, world) => problemsOfScalingGroup(object as ScalingGroup, world),
  ClosedLoop: (object, world) => problemsOfClosedLoop(object as ClosedLoop, world),
  DeliberativeLoop: (object, world) => problemsOfDeliberativeLoop(object as DeliberativeLoop, world),
  ...Object.fromEntries(
    ['Monitoring', 'MonitoringD', 'DecisionD', 'ExecutionD'].map((kind) => [
      kind,
      (object: StoredObject, world: World) => problemsOfStage(object as StageObject, world),
    ]),
  ),
};

/** Undefined for a kind that has no checks besides its schema. */
export function checkFor(kind: string): Check | undefined {
  return Object.hasOwn(checkOfKind, kind) ? checkOfKind[kind] : undefined;
}
