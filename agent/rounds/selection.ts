/**
 * Which closed loops each DeliberativeLoop of a namespace decides for. The rule is the operator's: of several that act on one
 * closed loop the oldest keeps it (of one second, the first by name); those in Observe and Recommend only watch, so they
 * neither keep it nor give way. Pure.
 */
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { ObjectMeta } from '../../policies/resources/resource.ts';

type Named = Pick<ObjectMeta, 'name' | 'creationTimestamp' | 'labels'>;

export interface Selecting {
  readonly metadata: Named;
  readonly spec: Pick<DeliberativeLoopSpec, 'closedLoops' | 'mode'>;
}

/** As many as a status holds proposals for. */
export const maxClosedLoops = 256;

export interface Selection {
  /** Sorted. */
  readonly closedLoops: readonly string[];
  /** Selected, but tuned by an older one. */
  readonly keptByOthers: readonly string[];
  /** Selected beyond what one DeliberativeLoop can propose for. */
  readonly beyond: number;
}

/** By name of the DeliberativeLoop, one for each; all objects are of one namespace. */
export function selectClosedLoops(
  deliberativeLoops: readonly Selecting[],
  closedLoops: readonly { readonly metadata: Named }[],
): ReadonlyMap<string, Selection> {
  const byName = new Map(closedLoops.map(({ metadata }) => [metadata.name, metadata]));
  const keeper = new Map<string, string>();
  const selections = new Map<string, Selection>();
  for (const self of [...deliberativeLoops].sort(byAge)) {
    const { name } = self.metadata;
    const { names, matchLabels } = self.spec.closedLoops;
    const acts = self.spec.mode === 'Bounded' || self.spec.mode === 'Autonomous';
    const selected = names ? names.filter((each) => byName.has(each)) : labelled(byName.values(), matchLabels ?? {});
    const mine: string[] = [];
    const keptByOthers: string[] = [];
    for (const closedLoop of new Set(selected)) {
      if (acts && keeper.has(closedLoop)) keptByOthers.push(closedLoop);
      else mine.push(closedLoop);
      if (acts && !keeper.has(closedLoop)) keeper.set(closedLoop, name);
    }
    selections.set(name, {
      closedLoops: mine.sort().slice(0, maxClosedLoops),
      keptByOthers: keptByOthers.sort(),
      beyond: Math.max(0, mine.length - maxClosedLoops),
    });
  }
  return selections;
}

function labelled(all: Iterable<Named>, wanted: Readonly<Record<string, string>>): string[] {
  const pairs = Object.entries(wanted);
  return [...all]
    .filter(({ labels }) => pairs.every(([key, value]) => labels?.[key] === value))
    .map(({ name }) => name);
}

/** One that has no time yet is being made: it is younger than all that are there. */
function byAge({ metadata: one }: Selecting, { metadata: other }: Selecting): number {
  const [a, b] = [one, other].map(({ creationTimestamp }) => creationTimestamp ?? '9999');
  if (a !== b) return a < b ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}
