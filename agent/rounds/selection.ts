/** What of its closed loops the agent decides for on behalf of a DeliberativeLoop. Pure. */
import { type Selectable, type Selecting, selectForAll } from '../../policies/deliberation/selection.ts';

/** As many as a status holds proposals for. */
export const maxClosedLoops = 256;

export interface ServedLoops {
  /** Sorted. */
  readonly closedLoops: readonly string[];
  /** How many more there are than one DeliberativeLoop can propose for. */
  readonly beyond: number;
}

/** By name of the DeliberativeLoop, one for each; all objects are of one namespace. */
export function servedLoops(
  deliberativeLoops: readonly Selecting[],
  closedLoops: readonly Selectable[],
): ReadonlyMap<string, ServedLoops> {
  return new Map(
    [...selectForAll(deliberativeLoops, closedLoops)].map(([name, all]) => {
      const served = all.slice(0, maxClosedLoops);
      return [name, { closedLoops: served, beyond: all.length - served.length }];
    }),
  );
}
