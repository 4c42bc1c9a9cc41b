/**
 * The writes of a promotion. Each carries the version of the object that was seen, so that of two promoters one meets a
 * conflict and looks again.
 */
import { randomUUID } from 'node:crypto';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import { configMapContent } from '../export/config-map.ts';
import type { Write } from './contract.ts';
import { canaryName, type PromotionTarget, previousName, type Sight } from './observe.ts';
import { isOpen, type PromotionRecord, recordAnnotation, rememberedCandidates } from './record.ts';

const fieldManager = 'duoloop-promote';

/**
 * Carries a step out, on the objects as they were seen.
 * @param candidate where it is at hand; a canary's is in the cluster
 * @throws KubernetesError with status 409 when somebody wrote in between
 */
export async function act(
  target: PromotionTarget,
  sight: Sight,
  step: Write,
  candidate: Checkpoint | undefined,
): Promise<void> {
  const { name, canary, previous } = sight.objects;
  const since = new Date(target.now() * 1000).toISOString();
  switch (step.kind) {
    case 'storeCanary':
      return store(target, canaryName(name), canary.resourceVersion, demand(candidate));
    case 'keepPrevious':
      return store(target, previousName(name), previous.resourceVersion, demand(sight.incumbent));
    case 'install': {
      const sha256 = demand(candidate).document.weights.sha256;
      const { reason } = step;
      const earlier: string[] = [];
      const record: PromotionRecord = {
        stage: 'Accepted',
        candidate: sha256,
        incumbent: sha256,
        since,
        reason,
        earlier,
      };
      return store(target, name, undefined, demand(candidate), record);
    }
    case 'begin': {
      const { sha256 } = demand(candidate).document.weights;
      const incumbent = demand(sight.inForce);
      const earlier = earlierCandidates(sight.record);
      return change(target, sight, {
        stage: 'Canary',
        candidate: sha256,
        incumbent,
        since,
        reason: step.reason,
        earlier,
      });
    }
    case 'promote': {
      const record = { ...demand(sight.record), stage: 'Watch', since, reason: step.reason, band: step.band } as const;
      return change(target, sight, record, demand(canary.checkpoint));
    }
    case 'rollBack': {
      const record = { ...demand(sight.record), stage: step.outcome, since, reason: step.reason };
      return change(target, sight, record, demand(previous.checkpoint));
    }
    case 'finish': {
      const { outcome: stage, reason } = step;
      const incumbent = demand(sight.inForce);
      // A candidate that the gate turns down has no record yet.
      const record = isOpen(sight.record)
        ? sight.record
        : { candidate: demand(candidate).document.weights.sha256, incumbent, earlier: earlierCandidates(sight.record) };
      return change(target, sight, { ...record, stage, since, reason });
    }
    case 'showCanary':
      return patchPolicy(target, sight, { canary: { configMap: { name: canaryName(name) }, sha256: step.sha256 } });
    case 'hideCanary':
      return patchPolicy(target, sight, { canary: null });
    case 'movePin':
      return patchPolicy(target, sight, { checkpoint: { sha256: step.sha256 } });
  }
}

function earlierCandidates(record: PromotionRecord | undefined): string[] {
  return record === undefined ? [] : [...new Set([...record.earlier, record.candidate])].slice(-rememberedCandidates);
}

/** The plan asks for nothing that is not there. */
function demand<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the promotion was planned from something else than what was seen');
  return value;
}

/** Makes the ConfigMap, or replaces its checkpoint where it still is the version that was seen. */
async function store(
  { api, namespace }: PromotionTarget,
  name: string,
  resourceVersion: string | undefined,
  checkpoint: Checkpoint,
  record?: PromotionRecord,
): Promise<void> {
  const annotations = record && { [recordAnnotation]: JSON.stringify(record) };
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...(resourceVersion && { resourceVersion }), ...(annotations && { annotations }) },
    ...configMapContent(checkpoint, `${namespace}/${name}`),
  };
  if (resourceVersion === undefined) await api.create(resourceTypes.configMap, namespace, object, { fieldManager });
  else await api.apply(resourceTypes.configMap, object, { fieldManager });
}

/** Record and, where one is given, policy in force: in one write. */
async function change(
  { api, namespace }: PromotionTarget,
  { objects: { name, inForce } }: Sight,
  record: PromotionRecord,
  checkpoint?: Checkpoint,
): Promise<void> {
  const content = checkpoint && configMapContent(checkpoint, `${namespace}/${name}`);
  const patch = {
    metadata: {
      resourceVersion: inForce.resourceVersion,
      annotations: { [recordAnnotation]: JSON.stringify(record) },
    },
    // One to resume from would belong to the other checkpoint.
    ...(content && { data: content.data, binaryData: { ...content.binaryData, 'optimizer.bin': null } }),
  };
  await api.mergePatch(resourceTypes.configMap, namespace, name, patch, { fieldManager });
}

async function patchPolicy(
  { api, namespace }: PromotionTarget,
  { objects: { loop } }: Sight,
  policy: object,
): Promise<void> {
  const { name, resourceVersion } = loop.metadata;
  const patch = { metadata: { resourceVersion }, spec: { policy } };
  await api.mergePatch(resourceTypes.deliberativeLoop, namespace, name, patch, { fieldManager });
}

/** Tells of a step where people look for it. */
export async function tell(
  { api, namespace, now }: PromotionTarget,
  { objects: { loop } }: Sight,
  { type, reason, note }: { type: 'Normal' | 'Warning'; reason: string; note: string },
): Promise<void> {
  const { apiVersion, kind, metadata } = loop;
  const { name, uid, resourceVersion } = metadata;
  await api.create(resourceTypes.event, namespace, {
    apiVersion: resourceTypes.event.apiVersion,
    kind: resourceTypes.event.kind,
    metadata: { name: `${name.slice(0, 200)}.${randomUUID().slice(0, 13)}`, namespace },
    // metav1.MicroTime: exactly six digits.
    eventTime: new Date(now() * 1000).toISOString().replace('Z', '000Z'),
    reportingController: 'duoloop.dev/promote',
    reportingInstance: fieldManager,
    action: reason,
    reason,
    type,
    regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
    note: note.slice(0, 1024),
  });
}
