/** What an autoscaler measures as metrics of a closed loop that track it, so many a pod. Pure. */
import { UserError } from '../../env/errors.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { GivenQueries, LoopMetricInput, Note } from './contract.ts';
import { createMetricNames } from './metric-names.ts';
import { readyPodsFactor } from './queries.ts';

type Source = LoopMetricInput['source'];

/** One metric of an autoscaler, before it has a name and a rank. */
export interface Wanted {
  /** As it would be called. */
  readonly name: string;
  /** Undefined: nothing is known that measures it. */
  readonly source: Source | undefined;
  /** Total of the metric that one pod should carry. */
  readonly track: number | undefined;
  /** The target is for the metric as it is, not for what a pod has of it: HPA's `Value`. */
  readonly isPerTarget?: boolean;
  readonly notes: readonly Omit<Note, 'metric'>[];
  /** For a PromQL that is given, where `source` is none or a guess. */
  readonly takesQuery?: boolean;
}

export interface MetricContext {
  /** "HorizontalPodAutoscaler shop/web" */
  readonly source: string;
  readonly target: TargetRef;
  readonly queries: GivenQueries;
  /** Names of given queries that were used. */
  readonly used: Set<string>;
}

export interface ConvertedMetrics {
  readonly metrics: readonly LoopMetricInput[];
  readonly notes: readonly Note[];
}

/** Ranked in their order. What cannot be measured is left out with a note. */
export function convertMetrics(wanted: readonly Wanted[], context: MetricContext): ConvertedMetrics {
  const nameOf = createMetricNames();
  const metrics: LoopMetricInput[] = [];
  const notes: Note[] = [];
  for (const one of wanted) {
    const name = nameOf(one.name);
    const given = one.takesQuery ? context.queries.get(name) : undefined;
    if (given !== undefined) context.used.add(name);
    const source = sourceOf(one, given, context.target);
    const own = given === undefined ? one.notes : one.notes.filter(({ isDifferent }) => !isDifferent);
    if (source === undefined || one.track === undefined || !(one.track > 0)) {
      const mend = one.takesQuery ? `: give its PromQL with --query ${name}='…'` : '';
      const why = one.notes.map(({ text }) => text).join('; ');
      notes.push({ text: `metric ${name} is left out${why === '' ? '' : ` (${why})`}${mend}`, isDifferent: true });
      continue;
    }
    notes.push(...own.map((note) => ({ ...note, metric: name })));
    const reaction = { horizontal: { track: one.track } };
    metrics.push({ name, rank: metrics.length + 1, source, thresholds: [{ kind: 'superior', reaction }] });
  }
  if (metrics.length > 1) {
    const text =
      'of several metrics that ask for more the best-ranked is served first and the next 15 s later; an autoscaler takes the largest at once';
    notes.push({ text, isDifferent: true });
  }
  return { metrics, notes };
}

function sourceOf({ source, isPerTarget }: Wanted, given: string | undefined, target: TargetRef): Source | undefined {
  const query = given ?? source?.prometheus?.query;
  if (query === undefined) return source;
  if (!isPerTarget) return { prometheus: { query } };
  const factor = readyPodsFactor(target);
  return factor === undefined ? undefined : { prometheus: { query: `(${query}) * ${factor}` } };
}

/** `cpu` and `memory` of the target's pods. */
export function resourceWanted(
  name: string,
  { utilization, average }: { readonly utilization: number | undefined; readonly average: number | undefined },
): Wanted {
  if (name !== 'cpu' && name !== 'memory') {
    const text = `resource ${name} is not read from metrics.k8s.io`;
    return {
      name,
      source: undefined,
      track: utilization ?? average,
      takesQuery: true,
      notes: [{ text, isDifferent: true }],
    };
  }
  const isPercent = utilization !== undefined;
  const type = isPercent ? ('TotalUtilization' as const) : ('Total' as const);
  return { name, source: { resource: { name, type } }, track: utilization ?? average, notes: [] };
}

/** CPU or memory of one container. */
export function containerWanted(name: string, container: string, track: number | undefined): Wanted {
  const text = `it is of container ${container} alone, and a closed loop reads whole pods`;
  return {
    name: `${container}-${name}`,
    source: undefined,
    track,
    takesQuery: true,
    notes: [{ text, isDifferent: true }],
  };
}

/** @throws UserError `migrate.query` for a name that no metric has */
export function refuseUnused(queries: GivenQueries, used: ReadonlySet<string>): void {
  const stray = [...queries.keys()].find((name) => !used.has(name));
  if (stray === undefined) return;
  throw new UserError(
    'migrate.query',
    `--query ${stray}=…: no metric that needs a query is called ${stray}; names are those of the closed loop's metrics`,
  );
}
