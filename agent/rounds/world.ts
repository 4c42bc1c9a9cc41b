/** What a round reads of the API server: plain lists, no informers, with parsed specs remembered by generation. */
import { LRUCache } from 'lru-cache';
import type { z } from 'zod';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { type ClosedLoop, type ClosedLoopSpec, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import {
  type DeliberativeLoop,
  type DeliberativeLoopSpec,
  deliberativeLoopSpecSchema,
} from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';

/** An object whose spec was read; `problems` says why it could not be. */
export type Parsed<Spec, Stored> =
  | { readonly key: string; readonly object: Stored; readonly spec: Spec; readonly problems?: undefined }
  | { readonly key: string; readonly object: Stored; readonly spec?: undefined; readonly problems: string };

export type ParsedDeliberativeLoop = Parsed<DeliberativeLoopSpec, DeliberativeLoop>;
export type ParsedClosedLoop = Parsed<ClosedLoopSpec, ClosedLoop>;

/** By namespace, each by name. */
export interface Targets {
  readonly closedLoops: ReadonlyMap<string, ReadonlyMap<string, ParsedClosedLoop>>;
  readonly scalingGroups: ReadonlyMap<string, ReadonlyMap<string, ScalingGroup>>;
}

export interface World {
  /** Those that are not being deleted. @throws KubernetesError */
  deliberativeLoops(signal: AbortSignal): Promise<ParsedDeliberativeLoop[]>;
  /** Of these namespaces. @throws KubernetesError */
  targets(namespaces: ReadonlySet<string>, signal: AbortSignal): Promise<Targets>;
}

/** Up to so many namespaces are listed one by one; beyond, the whole cluster is one list. */
const fewNamespaces = 8;
const maxParsed = 10_000;

/** @param watched namespaces that may be read; undefined for all */
export function createWorld(api: KubernetesApi, watched: readonly string[] | undefined): World {
  const parseDeliberative = rememberingParser<DeliberativeLoop, DeliberativeLoopSpec>(deliberativeLoopSpecSchema);
  const parseClosed = rememberingParser<ClosedLoop, ClosedLoopSpec>(closedLoopSpecSchema);

  async function listIn<T extends StoredObject>(
    type: ResourceType,
    namespaces: readonly (string | undefined)[],
    signal: AbortSignal,
  ): Promise<T[]> {
    const lists = await Promise.all(namespaces.map((namespace) => api.list<T>(type, { namespace, signal })));
    const all = lists.flatMap(({ items }) => items);
    return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  return {
    async deliberativeLoops(signal) {
      const all = await listIn<DeliberativeLoop>(resourceTypes.deliberativeLoop, watched ?? [undefined], signal);
      return all.map(parseDeliberative);
    },
    async targets(namespaces, signal) {
      const isFew = watched !== undefined || namespaces.size <= fewNamespaces;
      const scopes = isFew ? [...namespaces] : [undefined];
      const [closedLoops, scalingGroups] = await Promise.all([
        listIn<ClosedLoop>(resourceTypes.closedLoop, scopes, signal),
        listIn<ScalingGroup>(resourceTypes.scalingGroup, scopes, signal),
      ]);
      return {
        closedLoops: byNamespace(closedLoops.map(parseClosed).map(trimmed), ({ object }) => object),
        scalingGroups: byNamespace(scalingGroups, (group) => group),
      };
    },
  };
}

export function keyOf({ metadata }: StoredObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function byNamespace<T>(items: readonly T[], objectOf: (item: T) => StoredObject): Map<string, Map<string, T>> {
  const found = new Map<string, Map<string, T>>();
  for (const item of items) {
    const { namespace = '', name } = objectOf(item).metadata;
    const names = found.get(namespace) ?? new Map<string, T>();
    found.set(namespace, names.set(name, item));
  }
  return found;
}

/** Without what is large and nobody looks at: a thousand of them live as long as a round. */
function trimmed({ object, ...parsed }: ParsedClosedLoop): ParsedClosedLoop {
  const { name, namespace, uid, generation, creationTimestamp, labels } = object.metadata;
  const { spec, status } = object;
  return {
    ...parsed,
    object: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { name, namespace, uid, generation, creationTimestamp, labels },
      spec: parsed.spec ?? spec,
      ...(status && { status: { ...status, recentDecisions: [], recentChanges: [], conditions: [] } }),
    },
  };
}

function rememberingParser<Stored extends StoredObject & { readonly spec: unknown }, Spec>(schema: z.ZodType<Spec>) {
  const remembered = new LRUCache<string, { generation: number | undefined; spec?: Spec; problems?: string }>({
    max: maxParsed,
  });
  return (object: Stored): Parsed<Spec, Stored> => {
    const { uid = '', generation } = object.metadata;
    let known = remembered.get(uid);
    if (known === undefined || generation === undefined || known.generation !== generation) {
      const { success, data, error } = schema.safeParse(object.spec);
      known = success ? { generation, spec: data } : { generation, problems: problemsOf(error) };
      remembered.set(uid, known);
    }
    const base = { key: keyOf(object), object };
    return known.spec === undefined
      ? { ...base, problems: known.problems ?? 'the spec cannot be read' }
      : { ...base, spec: known.spec };
  };
}

function problemsOf(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`).join('; ');
}
