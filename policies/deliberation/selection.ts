/**
 * Which DeliberativeLoop decides for which ClosedLoop of its namespace: of several that act on one closed loop the oldest keeps
 * it (of one second, the first by name); those in Observe and Recommend only watch, so they neither keep it nor give way. Pure.
 */
import { byAge } from '../resources/age.ts';
import type { DeliberativeLoopSpec } from '../resources/deliberative-loop.ts';
import type { ObjectMeta } from '../resources/resource.ts';

type Named = Pick<ObjectMeta, 'name' | 'creationTimestamp' | 'labels'>;
type Selector = DeliberativeLoopSpec['closedLoops'];

/** A DeliberativeLoop as far as it matters here. */
export interface Selecting {
  readonly metadata: Named;
  readonly spec: Pick<DeliberativeLoopSpec, 'closedLoops' | 'mode'>;
}

export interface Selectable {
  readonly metadata: Named;
}

export interface Selection {
  /** Names of the closed loops that it may tune, or in Observe and Recommend watch; sorted. */
  readonly closedLoops: readonly string[];
  /** Selected, but kept by an older DeliberativeLoop. */
  readonly conflicts: readonly { readonly closedLoop: string; readonly keptBy: string }[];
  /** Named, but not there. */
  readonly absent: readonly string[];
}

export function appliesProposals(mode: DeliberativeLoopSpec['mode']): boolean {
  return mode === 'Bounded' || mode === 'Autonomous';
}

export function selects({ names, matchLabels }: Selector, { name, labels }: Named): boolean {
  if (names !== undefined) return names.includes(name);
  return Object.entries(matchLabels ?? {}).every(([key, value]) => labels?.[key] === value);
}

/** What one DeliberativeLoop has of its namespace. */
export function selectClosedLoops(
  self: Selecting,
  all: readonly Selecting[],
  closedLoops: readonly Selectable[],
): Selection {
  const selected = byName(closedLoops.filter(({ metadata }) => selects(self.spec.closedLoops, metadata)));
  const present = new Set(closedLoops.map(({ metadata }) => metadata.name));
  const absent = (self.spec.closedLoops.names ?? []).filter((name) => !present.has(name));
  const isActing = appliesProposals(self.spec.mode);
  const keepers = isActing
    ? keepersOf(
        all.filter((other) => byAge(other, self) < 0),
        selected,
      )
    : new Map();
  const mine: string[] = [];
  const conflicts: { closedLoop: string; keptBy: string }[] = [];
  for (const closedLoop of selected.keys()) {
    const keptBy = keepers.get(closedLoop);
    if (keptBy === undefined) mine.push(closedLoop);
    else conflicts.push({ closedLoop, keptBy });
  }
  return { closedLoops: mine.sort(), conflicts, absent };
}

/**
 * The same for all of a namespace at once: the closed loops of each, sorted, by the name of the DeliberativeLoop. Costs what
 * they select, not that times how many are older.
 */
export function selectForAll(
  deliberativeLoops: readonly Selecting[],
  closedLoops: readonly Selectable[],
): ReadonlyMap<string, readonly string[]> {
  const candidates = byName(closedLoops);
  const keepers = keepersOf(deliberativeLoops, candidates);
  return new Map(
    deliberativeLoops.map(({ metadata: { name }, spec }) => {
      const selected = selectedNames(spec.closedLoops, candidates);
      const isActing = appliesProposals(spec.mode);
      const mine = isActing ? selected.filter((closedLoop) => keepers.get(closedLoop) === name) : selected;
      return [name, mine.sort()];
    }),
  );
}

/** Who keeps each closed loop that somebody acts on. */
function keepersOf(
  deliberativeLoops: readonly Selecting[],
  candidates: ReadonlyMap<string, Named>,
): ReadonlyMap<string, string> {
  const keepers = new Map<string, string>();
  for (const { metadata, spec } of deliberativeLoops.filter(({ spec }) => appliesProposals(spec.mode)).sort(byAge)) {
    for (const closedLoop of selectedNames(spec.closedLoops, candidates)) {
      if (!keepers.has(closedLoop)) keepers.set(closedLoop, metadata.name);
    }
  }
  return keepers;
}

/** Looks names up instead of going through all. */
function selectedNames(selector: Selector, candidates: ReadonlyMap<string, Named>): string[] {
  if (selector.names !== undefined) return [...new Set(selector.names)].filter((name) => candidates.has(name));
  return [...candidates.values()].filter((candidate) => selects(selector, candidate)).map(({ name }) => name);
}

function byName(selectable: readonly Selectable[]): ReadonlyMap<string, Named> {
  return new Map(selectable.map(({ metadata }) => [metadata.name, metadata]));
}
