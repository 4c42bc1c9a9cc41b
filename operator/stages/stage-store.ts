/** Reading and writing the stages of one loop: what is waiting in them, and each message at most once. */
import type { StageKind } from '../../policies/resources/stages.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';
import { isOurs, type StageCaches, type StageSpecs, stageName, stageTypes } from './stage-types.ts';

export interface StageStore {
  /** The stage's resource; undefined before it was made. */
  get<Kind extends StageKind>(kind: Kind): ReturnType<StageCaches[Kind]['get']>;
  /** Time of the message that waits in a stage; undefined when there is none, or it is done. */
  waiting(kind: StageKind): string | undefined;
  /** As `waiting`, for the stages that are ours to handle. */
  ours(kind: StageKind): string | undefined;
  /** Writes a message into a stage, unless that or a newer one is there. @throws KubernetesError */
  send<Kind extends StageKind>(
    kind: Kind,
    time: string,
    message: { readonly [Field in keyof StageSpecs[Kind]]?: unknown },
    options?: { readonly resourceVersion?: string },
  ): Promise<void>;
  /** Marks the message of that time as done. @throws KubernetesError */
  finish(kind: StageKind, time: string, message: string): Promise<void>;
  /** Notes down that a message is about to be carried out; refused when somebody else wrote meanwhile. @throws KubernetesError */
  begin(time: string, from: number): Promise<void>;
}

export interface StageStoreOptions {
  readonly context: Pick<OperatorContext, 'api' | 'mayAct'>;
  readonly caches: StageCaches;
  /** What this process finished and the caches may not show yet: time by stage. */
  readonly finished: Map<StageKind, string>;
  readonly namespace: string;
  readonly closedLoop: string;
  readonly signal: AbortSignal;
}

/** This process must not write any more; another one goes on. */
export class NotActingError extends Error {}

export function createStageStore(options: StageStoreOptions): StageStore {
  const { context, caches, finished, namespace, closedLoop, signal } = options;

  const get = <Kind extends StageKind>(kind: Kind) =>
    caches[kind].get(namespace, stageName(closedLoop, kind)) as ReturnType<StageCaches[Kind]['get']>;

  function waiting(kind: StageKind): string | undefined {
    const stage = get(kind);
    const time = stage?.spec.time;
    return time === undefined || stage?.status?.time === time || finished.get(kind) === time ? undefined : time;
  }

  async function patch(kind: StageKind, content: object, subresource?: 'status'): Promise<void> {
    if (!context.mayAct()) throw new NotActingError('no longer the leader');
    const name = stageName(closedLoop, kind);
    await context.api.mergePatch(stageTypes[kind], namespace, name, content, {
      fieldManager,
      signal,
      ...(subresource && { subresource }),
    });
  }

  return {
    get,
    waiting,
    ours(kind) {
      const stage = get(kind);
      return stage !== undefined && isOurs(stage) ? waiting(kind) : undefined;
    },
    async send(kind, time, message, { resourceVersion } = {}) {
      const present = get(kind)?.spec.time;
      // The same one is there already: another leader sent it, and it may be done.
      if (present !== undefined && Date.parse(present) >= Date.parse(time)) return;
      await patch(kind, { ...(resourceVersion && { metadata: { resourceVersion } }), spec: { ...message, time } });
    },
    async finish(kind, time, message) {
      await patch(kind, { status: { time, message: message.slice(0, 1024), underWay: null } }, 'status');
      finished.set(kind, time);
    },
    async begin(time, from) {
      const resourceVersion = get('Execution')?.metadata.resourceVersion;
      await patch('Execution', { metadata: { resourceVersion }, status: { underWay: { time, from } } }, 'status');
    },
  };
}
