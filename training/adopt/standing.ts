/** Whether the two loops watch the application by now, or what holds that up. Pure. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop, Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';

export interface SeenLoops {
  /** Undefined where the application has one service. */
  readonly scalingGroup: ScalingGroup | undefined;
  readonly closedLoop: ClosedLoop;
  readonly deliberativeLoop: DeliberativeLoop;
}

export type LoopsStanding =
  | { readonly proposal: Proposal; readonly agentMessage: string }
  /** In words: what is awaited, and what to do should it not come. */
  | { readonly waitsFor: string };

/** @param sinceSecond proposals before it are those of another time, Unix seconds */
export function standingOf(
  { scalingGroup, closedLoop, deliberativeLoop }: SeenLoops,
  sinceSecond: number,
): LoopsStanding {
  const operatorSilent = 'the operator to look at it: see whether duoloop-operator runs and watches this namespace';
  for (const object of [scalingGroup, closedLoop]) {
    if (object === undefined) continue;
    const { kind, metadata, status } = object;
    const what = `${kind} ${metadata.name}`;
    const ready = conditionOf(status?.conditions, 'Ready');
    if (ready === undefined || (status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
      return { waitsFor: `${what}: ${operatorSilent}` };
    }
    if (ready.status !== 'True') return { waitsFor: `${what}: ${ready.message} (${ready.reason})` };
  }
  const { status, metadata } = deliberativeLoop;
  const what = `DeliberativeLoop ${metadata.name}`;
  if (status?.agent === undefined) {
    return { waitsFor: `${what}: an agent to take it up: see whether duoloop-agent runs and watches this namespace` };
  }
  const ready = conditionOf(status.conditions, 'Ready');
  const proposal = status.proposals?.find(({ closedLoop: name }) => name === closedLoop.metadata.name);
  if (proposal !== undefined && fromTimestamp(proposal.time) >= sinceSecond) {
    return { proposal, agentMessage: ready?.message ?? '' };
  }
  if (ready === undefined || ready.status === 'True') return { waitsFor: `${what}: the agent's next decision` };
  return { waitsFor: `${what}: ${ready.message} (${ready.reason})` };
}

/** Whether the closed loop scales its target now, or why it does not. */
export function actingOf({ metadata, status }: ClosedLoop): { readonly isActing: boolean; readonly message: string } {
  const active = conditionOf(status?.conditions, 'ScalingActive');
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  // A roll-out ends by itself.
  const isActing = isSeen && (active?.status === 'True' || active?.reason === 'RollingOut');
  return { isActing, message: active?.message ?? 'the operator has not looked at it yet' };
}

function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
