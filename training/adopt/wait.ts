/** Waiting until the two loops watch, and until the closed loop acts. */
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { actingOf, type LoopsStanding, type SeenLoops, standingOf } from './standing.ts';

export interface Waiting {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;
  readonly isGroup: boolean;
  /** Unix seconds. */
  readonly now: () => number;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

const pollMilliseconds = 1_000;

/** The last standing that was seen, when the time is up or it is interrupted. */
export async function waitForProposals(
  waiting: Waiting,
  sinceSecond: number,
  patienceSeconds: number,
): Promise<LoopsStanding> {
  const { now, signal, pause, log } = waiting;
  const end = now() + patienceSeconds;
  let told = '';
  for (;;) {
    const standing = standingOf(await readLoops(waiting), sinceSecond);
    if ('proposal' in standing || now() >= end || signal.aborted) return standing;
    if (standing.waitsFor !== told) log(`waiting for ${standing.waitsFor}`);
    told = standing.waitsFor;
    await pause(pollMilliseconds, signal);
  }
}

/** Whether the closed loop acts by now, and what it says of it. Not to be interrupted: it is half way of a take-over. */
export async function waitUntilActing(
  waiting: Omit<Waiting, 'signal'>,
  patienceSeconds: number,
): Promise<ReturnType<typeof actingOf>> {
  const { api, namespace, name, now, pause } = waiting;
  const end = now() + patienceSeconds;
  for (;;) {
    const acting = actingOf(await api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, name));
    if (acting.isActing || now() >= end) return acting;
    await pause(pollMilliseconds, new AbortController().signal);
  }
}

export async function readLoops({ api, namespace, name, isGroup }: Waiting): Promise<SeenLoops> {
  const [closedLoop, deliberativeLoop, scalingGroup] = await Promise.all([
    api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, name),
    api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, name),
    isGroup ? api.get<ScalingGroup>(resourceTypes.scalingGroup, namespace, name) : undefined,
  ]);
  return { closedLoop, deliberativeLoop, scalingGroup };
}
