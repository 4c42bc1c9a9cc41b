/** What scenarios are made of: pods in every state, and loads that wander. */
import { createDraw, mixSeed } from '../../env/random.ts';
import type { HpaBehaviorInput } from './behavior.ts';

export type ScenarioResource = 'cpu' | 'memory';

export interface ScenarioPod {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly deleting?: boolean;
  /** Of the Ready condition; absent: there is no condition. */
  readonly ready?: boolean;
  readonly startedSecondsAgo?: number;
  readonly readyChangedSecondsAgo?: number;
}

export interface Scenario {
  readonly name: string;
  readonly metrics: readonly { readonly resource: ScenarioResource; readonly targetPercent: number }[];
  readonly behavior: HpaBehaviorInput;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly initialReplicas: number;
  readonly pods: readonly ScenarioPod[];
  /**
   * The workload has as many of the pods as it has replicas, and one that is added takes two syncs to become ready;
   * without it the pods stay as they are and only the number of replicas moves.
   */
  readonly podsFollow?: boolean;
  /** Percent of its request that a pod uses in a sync, in tenths; undefined: it has no metrics. */
  usagePercent(sync: number, pod: number, resource: ScenarioResource, livePods: number): number | undefined;
  /** What somebody sets the replicas to after a sync. */
  readonly byHand?: Readonly<Record<number, number>>;
}

export const ready: ScenarioPod = {
  phase: 'Running',
  ready: true,
  startedSecondsAgo: 3600,
  readyChangedSecondsAgo: 3590,
};
export const pending: ScenarioPod = { phase: 'Pending' };
export const neverReady: ScenarioPod = {
  phase: 'Running',
  ready: false,
  startedSecondsAgo: 3600,
  readyChangedSecondsAgo: 3599,
};
export const lostReadiness: ScenarioPod = {
  phase: 'Running',
  ready: false,
  startedSecondsAgo: 3600,
  readyChangedSecondsAgo: 60,
};
export const young: ScenarioPod = { phase: 'Running', ready: true, startedSecondsAgo: 2, readyChangedSecondsAgo: 0 };
export const youngUnready: ScenarioPod = {
  phase: 'Running',
  ready: false,
  startedSecondsAgo: 0,
  readyChangedSecondsAgo: 0,
};
export const withoutCondition: ScenarioPod = { phase: 'Running', startedSecondsAgo: 3600 };
export const failed: ScenarioPod = {
  phase: 'Failed',
  ready: false,
  startedSecondsAgo: 3600,
  readyChangedSecondsAgo: 10,
};
export const deleting: ScenarioPod = { ...ready, deleting: true };
export const many = (count: number, pod: ScenarioPod = ready) => Array.from({ length: count }, () => pod);

export const tenths = (value: number) => Math.round(value * 10) / 10;
export const longest = 200;

/** A level per sync that wanders between bounds, by a factor of up to 2 a sync. */
export function walk(seed: number, low: number, high: number): number[] {
  const draw = createDraw(mixSeed(seed, 7));
  let level = draw.scale(low, high);
  return Array.from({ length: longest }, () => {
    level = Math.min(high, Math.max(low, level * draw.scale(1 / 2, 2)));
    return tenths(level);
  });
}

/** All pods at one level. */
export const uniform = (levels: readonly number[]) => (sync: number) => levels[sync];
/** Pods beside the level by up to a fifth. */
export const uneven = (levels: readonly number[]) => (sync: number, pod: number) =>
  tenths(levels[sync] * (1 + 0.2 * Math.sin(pod * 2.4)));
