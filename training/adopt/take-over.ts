/**
 * From watching to acting, without a moment in which two scale: who scaled so far is removed (and kept in a file), then the
 * loops are let go. What fails half way is undone.
 */
import { stringify } from 'yaml';
import { isNotFound, type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { writeFileWhole } from '../../env/files.ts';
import { applyObjects } from './apply.ts';
import type { ObjectToApply } from './objects.ts';
import { type Autoscaler, describeScaler, type Scaler } from './survey.ts';
import { type Waiting, waitUntilActing } from './wait.ts';

export interface TakeOver {
  readonly waiting: Waiting;
  readonly scalers: readonly Scaler[];
  /** Where the removed scalers are kept. */
  readonly replacedFile: string;
  readonly acting: readonly ObjectToApply[];
  readonly watching: readonly ObjectToApply[];
  readonly force: boolean;
}

const removalSeconds = 60;
/** An admission webhook may still see what was removed a moment ago. */
const admissionSeconds = 20;
const actingSeconds = 60;
const pollMilliseconds = 500;

/** Before anything is changed. @throws UserError `adopt.forbidden`, `adopt.restores` */
export async function checkRemovable(api: KubernetesApi, namespace: string, scalers: readonly Scaler[]): Promise<void> {
  for (const scaler of scalers) {
    if (scaler.object.spec.advanced?.restoreToOriginalReplicaCount) {
      throw new UserError(
        'adopt.restores',
        `${describeScaler(scaler)} has advanced.restoreToOriginalReplicaCount, so that KEDA would scale the workload when it goes: set that to false first`,
      );
    }
  }
  for (const type of new Set(scalers.map((scaler) => scaler.type))) {
    const { apiVersion, plural, kind } = resourceTypes[type];
    const resourceAttributes = { namespace, verb: 'delete', group: apiVersion.split('/')[0], resource: plural };
    const review = await api.create<{ status?: { allowed?: boolean } }>(accessReview, undefined, {
      apiVersion: accessReview.apiVersion,
      kind: accessReview.kind,
      spec: { resourceAttributes },
    });
    if (review.status?.allowed !== true) {
      throw new UserError(
        'adopt.forbidden',
        `--replace-hpa: this account may not delete a ${kind} in namespace ${namespace}; have somebody delete it who may, or ask for the verb delete on ${plural}`,
      );
    }
  }
}

const accessReview = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
} as const;

/** What the closed loop says once it acts, or has not begun to in time. @throws KubernetesError, with everything as before */
export async function takeOver(work: TakeOver): Promise<ReturnType<typeof waitUntilActing>> {
  const { waiting, scalers, acting, watching, force } = work;
  const { api, log } = waiting;
  const removed: Scaler[] = [];
  try {
    if (scalers.length > 0) {
      await writeFileWhole(
        work.replacedFile,
        scalers.map(({ object }) => stringify(withoutServerFields(object))).join('---\n'),
      );
      for (const scaler of scalers) {
        const { metadata } = scaler.object;
        await api.delete(resourceTypes[scaler.type], waiting.namespace, metadata.name);
        removed.push(scaler);
        log(`removed ${describeScaler(scaler)}, kept in ${work.replacedFile}`);
      }
      await waitUntilGone(waiting, scalers);
    }
    await untilAdmitted(waiting, () => applyObjects(api, acting, { force, isRehearsal: false }));
  } catch (error) {
    log(`taking over failed, going back: ${(error as Error).message}`);
    await applyObjects(api, watching, { force: true, isRehearsal: false });
    for (const { type, object } of removed) {
      await api.create(resourceTypes[type], waiting.namespace, withoutServerFields(object));
    }
    throw error;
  }
  return waitUntilActing(waiting, actingSeconds);
}

async function waitUntilGone({ api, namespace, now, pause }: Waiting, scalers: readonly Scaler[]): Promise<void> {
  const end = now() + removalSeconds;
  for (const { type, object } of scalers) {
    for (;;) {
      const isGone = await api.get<Autoscaler>(resourceTypes[type], namespace, object.metadata.name).then(
        ({ metadata }) => metadata.uid !== object.metadata.uid,
        (error) => isNotFound(error) || Promise.reject(error),
      );
      if (isGone) break;
      if (now() >= end) throw new Error(`${resourceTypes[type].kind} ${object.metadata.name} is still being deleted`);
      await pause(pollMilliseconds, new AbortController().signal);
    }
  }
}

async function untilAdmitted({ now, pause }: Waiting, write: () => Promise<unknown>): Promise<void> {
  const end = now() + admissionSeconds;
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (error instanceof UserError || now() >= end) throw error;
      await pause(pollMilliseconds, new AbortController().signal);
    }
  }
}

/** As somebody would write it. */
export function withoutServerFields(object: Autoscaler): object {
  const { apiVersion, kind, metadata, spec } = object;
  const { name, namespace, labels, annotations } = metadata;
  const { [lastApplied]: _, ...kept } = annotations ?? {};
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(labels && { labels }),
      ...(Object.keys(kept).length > 0 && { annotations: kept }),
    },
    spec,
  };
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
