/** Writing objects without overwriting what somebody else has set: first all as a rehearsal, then all. */
import { isDeepStrictEqual } from 'node:util';
import { isNotFound, type KubernetesApi, KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { ObjectToApply } from './objects.ts';

export const fieldManager = 'duoloop-adopt';

export type Change = 'created' | 'changed' | 'unchanged';

export interface Applied {
  /** "ClosedLoop web" */
  readonly what: string;
  readonly change: Change;
}

interface Content {
  readonly spec?: unknown;
  readonly data?: unknown;
  readonly binaryData?: unknown;
}

/**
 * Server-side apply of all, or as a rehearsal of none: the API server then says what it would. Fields that somebody else has
 * given another value are left unless `force`. Not to be interrupted half way, so it takes no signal.
 * @throws UserError `adopt.differs` for such a field; KubernetesError
 */
export async function applyObjects(
  api: KubernetesApi,
  objects: readonly ObjectToApply[],
  { force, isRehearsal }: { readonly force: boolean; readonly isRehearsal: boolean },
): Promise<Applied[]> {
  const applied: Applied[] = [];
  for (const { type, object } of objects) {
    const { name, namespace } = object.metadata;
    const before = await api.get<Content>(type, namespace, name).catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const after = await api
      .apply<Content>(type, object, { fieldManager, force, dryRun: isRehearsal })
      .catch((error) => refuseConflict(error, `${type.kind} ${namespace}/${name}`));
    const change = before === undefined ? 'created' : isSame(before, after) ? 'unchanged' : 'changed';
    applied.push({ what: `${type.kind} ${name}`, change });
  }
  return applied;
}

function isSame(before: Content, after: Content): boolean {
  return (['spec', 'data', 'binaryData'] as const).every((field) => isDeepStrictEqual(before[field], after[field]));
}

function refuseConflict(error: unknown, what: string): never {
  if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
  throw new UserError(
    'adopt.differs',
    `${what} is there and differs: ${error.message}. Overwrite it with --force, or keep it and choose another --name`,
    { cause: error },
  );
}
