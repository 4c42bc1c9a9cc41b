/**
 * The Distributed topology: a loop as six small operators that talk by writing each other's resources. Each stage is ours
 * unless its `managedBy` names another controller; then the message waits until that one writes the next resource.
 */
import type { Runnable } from '../../env/service/run-all.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { StageKind } from '../../policies/resources/stages.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import type { DecisionExecutor, LoopTable, StagePublisher } from '../closed-loop/contract.ts';
import type { RankDeliberation } from '../deliberative-loop/contract.ts';
import type { OperatorContext, Reconcile, ReconcileResult, ResourceCache, WorkQueue } from '../runtime/contract.ts';
import type { Workloads } from '../workloads/contract.ts';
import { createDeliberativeStages } from './deliberative-stages.ts';
import { createViewLoop } from './loop-view.ts';
import { messageLifeSeconds, monitoringPatch } from './messages.ts';
import { createStageMetrics } from './metrics.ts';
import { ensureStages, removeStages } from './owned-stages.ts';
import { createReactiveStages } from './reactive-stages.ts';
import { createStageStore, NotActingError, type StageStore } from './stage-store.ts';
import { type StageCaches, stageKinds } from './stage-types.ts';

export interface StagesOptions {
  readonly context: OperatorContext;
  readonly closedLoops: ResourceCache<ClosedLoop>;
  /** One per kind of stage; run by whoever makes them. */
  readonly caches: StageCaches;
  readonly table: LoopTable;
  readonly executor: DecisionExecutor;
  readonly workloads: Workloads;
  readonly scalingGroups?: ResourceCache<ScalingGroup>;
  readonly deliberation: RankDeliberation;
  /** The runtime's work queue, made for a reconcile. */
  readonly createQueue: (reconcile: Reconcile) => WorkQueue;
}

export interface Stages extends Runnable, StagePublisher {}

/** Starts nothing before `run`, which is to be called while this process leads. Listens to the caches from the start. */
export function createStages(options: StagesOptions): Stages {
  const { context, closedLoops, caches, table, executor, workloads, scalingGroups, deliberation } = options;
  const metrics = createStageMetrics(context.metrics);
  const viewLoop = createViewLoop({ api: context.api, workloads, scalingGroups });
  const handlers = {
    ...createReactiveStages({ context, executor, viewLoop, metrics }),
    ...createDeliberativeStages({ deliberation, metrics }),
  };
  /** Per loop what this process finished; the caches lag behind. */
  const finished = new Map<string, Map<StageKind, string>>();
  /** Loops whose message waits for its next try: a newer one may take its place. */
  const retrying = new Set<string>();

  function storeOf(key: string, signal: AbortSignal): StageStore {
    const [namespace, closedLoop] = key.split('/');
    const ofLoop = finished.get(key) ?? new Map<StageKind, string>();
    finished.set(key, ofLoop);
    return createStageStore({ context, caches, finished: ofLoop, namespace, closedLoop, signal });
  }

  /** The stages one after the other, as a loop's messages must not overtake each other. */
  async function handle(key: string, object: ClosedLoop, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const store = storeOf(key, signal);
    let retryInSeconds: number | undefined;
    for (const kind of stageKinds) {
      const time = store.ours(kind);
      const loop = table.get(key);
      // A loop that is not run yet is published for in its first tick, which brings us back.
      if (time === undefined || loop === undefined) continue;
      const again = await handlers[kind]({ loop, object, store, time, signal });
      if (kind === 'Execution') retryInSeconds = again;
    }
    if (retryInSeconds === undefined) {
      retrying.delete(key);
      return undefined;
    }
    retrying.add(key);
    return { requeueAfterMilliseconds: retryInSeconds * 1000 };
  }

  const queue = options.createQueue(async (key, signal) => {
    const [namespace, name] = key.split('/');
    const object = closedLoops.get(namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      finished.delete(key);
      retrying.delete(key);
      return undefined;
    }
    if (!context.mayAct()) return undefined;
    if (object.spec.topology !== 'Distributed') {
      finished.delete(key);
      retrying.delete(key);
      await removeStages(context.api, caches, object, signal);
      return undefined;
    }
    await ensureStages(context.api, caches, object, signal);
    try {
      return await handle(key, object, signal);
    } catch (error) {
      // The next leader finds the message where it is.
      if (error instanceof NotActingError) return undefined;
      throw error;
    }
  });

  closedLoops.onChange((_, { metadata, spec }, previous) => {
    const isConcerned = spec.topology === 'Distributed' || previous?.spec.topology === 'Distributed';
    if (isConcerned) queue.add(`${metadata.namespace ?? ''}/${metadata.name}`);
  });
  for (const kind of stageKinds) {
    caches[kind].onChange((_, { metadata, spec }) => queue.add(`${metadata.namespace ?? ''}/${spec.closedLoop}`));
  }

  /** Whether the reactive side still works on the message before, and has time left to. */
  function isUnderWay(key: string, store: StageStore, life: number): boolean {
    if (retrying.has(key)) return false;
    const times = (['Monitoring', 'Decision', 'Execution'] as const).map((kind) => store.waiting(kind));
    return times.some((time) => time !== undefined && context.now() - Date.parse(time) / 1000 <= life);
  }

  return {
    async publish({ key, spec }, answers, time) {
      const store = storeOf(key, AbortSignal.timeout(spec.intervalSeconds * 1000));
      const present = store.get('Monitoring')?.spec;
      const text = toTimestamp(time);
      const isOld = present?.time !== undefined && Date.parse(present.time) >= Date.parse(text);
      if (present === undefined || isOld || isUnderWay(key, store, messageLifeSeconds(spec))) {
        if (!isOld) metrics.heldBack();
        queue.add(key);
        return;
      }
      try {
        const { time: id, ...values } = monitoringPatch(spec, answers, time, text, present.data);
        await store.send('Monitoring', id ?? text, values);
      } catch (error) {
        if (error instanceof NotActingError) return;
        metrics.publishFailed();
        throw error;
      }
    },
    async run(signal) {
      await Promise.all([closedLoops, ...Object.values(caches)].map((cache) => cache.synced(signal))).catch(() => {});
      if (signal.aborted) return;
      finished.clear();
      retrying.clear();
      for (const { metadata } of closedLoops.list()) queue.add(`${metadata.namespace ?? ''}/${metadata.name}`);
      await queue.run(signal);
    },
  };
}
