/** From the text of a measurement's query to what Prometheus is asked. Pure. */
import type { ObservedSystem } from '../../ports.ts';

/**
 * Values of the placeholders in a query's text: `$window` is a duration, `$namespaces` and `$workloads` are alternatives for
 * a regular expression inside a label matcher, such as `namespace=~"$namespaces"`.
 */
export interface QueryScope {
  readonly windowSeconds: number;
  readonly namespaces: readonly string[];
  /** Undefined: any. */
  readonly workloads: readonly string[] | undefined;
}

export function renderLiveQuery(text: string, { windowSeconds, namespaces, workloads }: QueryScope): string {
  return text
    .replaceAll('$window', () => promqlDuration(windowSeconds))
    .replaceAll('$namespaces', () => alternatives(namespaces))
    .replaceAll('$workloads', () => (workloads === undefined ? '.+' : alternatives(workloads)));
}

/** `30s`, or `750ms` where it is no whole second. */
export function promqlDuration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.max(1, Math.round(seconds * 1000))}ms`;
}

/** What a Kubernetes object can be called; anything else would be no name but a piece of query. */
const objectName = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/** The names as a regular expression inside a PromQL string. What no object can be called is left out. */
export function alternatives(names: readonly string[]): string {
  const usable = [...new Set(names)].filter((name) => objectName.test(name));
  // Names have no other character that means something in a regular expression; no name at all must match nothing.
  return usable.length === 0 ? '-' : usable.map((name) => name.replaceAll('.', '\\\\.')).join('|');
}

/** Systems whose namespaces one query names. */
export interface SystemChunk {
  readonly namespaces: readonly string[];
  readonly workloads: readonly string[];
  /** Of these, the first of each system. */
  readonly entries: readonly string[];
}

/**
 * Measured: Prometheus answers a literal alternation of 1,000 names in 10 ms, and in proportion beyond; the bound keeps one
 * answer small and the text far below the 10 MiB that a form may have.
 */
export interface ChunkLimits {
  readonly namespaces: number;
  readonly workloads: number;
}
export const defaultChunkLimits: ChunkLimits = { namespaces: 250, workloads: 2500 };

/** All systems of a namespace are in one chunk; only a namespace with more workloads than the limit exceeds it. */
export function chunkSystems(systems: readonly ObservedSystem[], limits = defaultChunkLimits): SystemChunk[] {
  const byNamespace = new Map<string, ObservedSystem[]>();
  for (const system of systems) {
    const members = byNamespace.get(system.namespace);
    if (members === undefined) byNamespace.set(system.namespace, [system]);
    else members.push(system);
  }
  const chunks: { namespaces: string[]; workloads: Set<string>; entries: Set<string> }[] = [];
  for (const [namespace, members] of byNamespace) {
    const workloads = members.flatMap((system) => system.workloads);
    let chunk = chunks.at(-1);
    const full =
      chunk === undefined ||
      chunk.namespaces.length >= limits.namespaces ||
      chunk.workloads.size + workloads.length > limits.workloads;
    if (chunk === undefined || full) {
      chunk = { namespaces: [], workloads: new Set(), entries: new Set() };
      chunks.push(chunk);
    }
    chunk.namespaces.push(namespace);
    for (const workload of workloads) chunk.workloads.add(workload);
    for (const {
      workloads: [entry],
    } of members)
      if (entry !== undefined) chunk.entries.add(entry);
  }
  return chunks.map(({ namespaces, workloads, entries }) => ({
    namespaces,
    workloads: [...workloads],
    entries: [...entries],
  }));
}
