/** An AdmissionReview answered: problems refuse a write, warnings go to whoever writes. Pure but for the world it is given. */
import { z } from 'zod';
import { checkJsonBounds } from '../../env/bounded-json.ts';
import { resourceDefinitions } from '../../policies/resources/definitions.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { checkFor, describeFinding, type Findings, type World } from './checks.ts';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  // A name to come (generateName) is not there yet.
  metadata: z.looseObject({ name: z.string().default('') }),
});

export const admissionReviewSchema = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string(),
    operation: z.string(),
    namespace: z.string().default(''),
    name: z.string().default(''),
    object: objectSchema.nullish(),
    oldObject: objectSchema.nullish(),
  }),
});
export type AdmissionRequest = z.infer<typeof admissionReviewSchema>['request'];

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly warnings?: readonly string[];
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
}

/** The object as the checks want it; undefined when there is nothing to check. */
export function objectOf({ object, namespace, name }: AdmissionRequest): StoredObject | undefined {
  if (!object || object.metadata.deletionTimestamp !== undefined) return undefined;
  // A write that is being admitted may leave out its namespace.
  return { ...object, metadata: { ...object.metadata, namespace, name: object.metadata.name || name } } as StoredObject;
}

/**
 * What the API server is told. A write is never refused for what was wrong before it: it may be mending something else, or
 * come from a controller that only sets a label.
 */
export function respond(request: AdmissionRequest, world: World): AdmissionResponse {
  const { uid } = request;
  const object = objectOf(request);
  const check = object && checkFor(object.kind);
  if (object === undefined || check === undefined) return { uid, allowed: true };
  const defined = asDefined(object);
  if (defined === undefined) return unchecked(request, 'its spec is not as its definition says');
  const { problems, warnings } = check(defined, world);
  const known = new Set(knownProblems(request, check, world));
  const fresh = problems.map(describeFinding).filter((problem) => !known.has(problem));
  const said = [
    ...problems.map(describeFinding).filter((problem) => known.has(problem)),
    ...warnings.map(describeFinding),
  ];
  if (fresh.length > 0) {
    return { uid, allowed: false, status: { code: 422, reason: 'Invalid', message: fresh.join('; ') } };
  }
  return said.length > 0 ? { uid, allowed: true, warnings: said } : { uid, allowed: true };
}

/** The write passes: the webhook is beside what the API server checks by itself and what controllers check again. */
export function unchecked({ uid }: AdmissionRequest, reason: string): AdmissionResponse {
  const warnings = [`${uncheckedPrefix} (${reason}); the object's conditions will tell`];
  return { uid, allowed: true, warnings };
}
export const uncheckedPrefix = 'not checked against other objects';

/** Ours have some hundred values; a schema that checks a million of them names a million faults. */
const specBounds = { values: 10_000, depth: 32 };
const specSchemas = new Map(resourceDefinitions.map(({ kind, spec }) => [kind, spec]));

/**
 * The object with its spec as the checks want it; undefined for what the API server would not send, since it has checked
 * it. Whoever else reaches this port may send anything, such as a query of megabytes: the checks are not for it.
 */
export function asDefined(object: StoredObject & { readonly spec?: unknown }): StoredObject | undefined {
  try {
    checkJsonBounds(object.spec, specBounds);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const parsed = specSchemas.get(object.kind)?.safeParse(object.spec);
  return parsed?.success ? ({ ...object, spec: parsed.data } as StoredObject) : undefined;
}

function knownProblems(
  request: AdmissionRequest,
  check: (object: StoredObject, world: World) => Findings,
  world: World,
): string[] {
  const old = request.oldObject && objectOf({ ...request, object: request.oldObject });
  const defined = old && asDefined(old);
  return defined ? check(defined, world).problems.map(describeFinding) : [];
}
