/**
 * The operator's half of the deliberative loop: proposals of the agent, or of a policy that runs here, into the reactive
 * loops, within guardrails. Without the agent they turn stale and the reactive loops go on alone.
 */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { LoopTable, RunningLoop } from '../closed-loop/contract.ts';
import type { OperatorContext, Reconcile, ResourceCache, WorkQueue } from '../runtime/contract.ts';
import { createStatusWriter } from '../runtime/status-writer.ts';
import type { Workloads } from '../workloads/contract.ts';
import type { RaiseResult, RankDeliberation } from './contract.ts';
import { createEntryTable, type Entry } from './entries.ts';
import { createJudge } from './judge.ts';
import { createDeliberativeMetrics } from './metrics.ts';
import { askLastTen, raiseProposal } from './operator-policies.ts';
import { createReconciler } from './reconcile.ts';
import { createTuning } from './tuning.ts';

export interface DeliberativeLoopControllerOptions {
  readonly context: OperatorContext;
  readonly cache: ResourceCache<DeliberativeLoop>;
  readonly closedLoops: ResourceCache<ClosedLoop>;
  readonly table: LoopTable;
  /** For the group sizes in force. */
  readonly workloads: Pick<Workloads, 'read'>;
  /** The runtime's work queue, made for a reconcile. */
  readonly createQueue: (reconcile: Reconcile) => WorkQueue;
}

export interface DeliberativeLoopController extends Runnable, RankDeliberation {}

const noAction = { action: 'No action', metric: null } as const;

/** Starts nothing before `run`, which is to be called while this process leads. Listens to caches and table from the start. */
export function createDeliberativeLoopController(
  options: DeliberativeLoopControllerOptions,
): DeliberativeLoopController {
  const { context, cache, closedLoops, table, workloads } = options;
  const metrics = createDeliberativeMetrics(context.metrics);
  const entries = createEntryTable();
  const tuning = createTuning(table);
  const judge = createJudge({ context, table, metrics });
  const reconcile = createReconciler({
    context,
    cache,
    closedLoops,
    table,
    workloads,
    entries,
    tuning,
    judge,
    metrics,
    statusWriter: createStatusWriter({ type: resourceTypes.deliberativeLoop, context }),
  });
  const queue = options.createQueue(reconcile);
  let isRunning = false;

  const addAllOf = (namespace: string) => {
    for (const { metadata } of cache.list(namespace)) queue.add(`${namespace}/${metadata.name}`);
  };
  cache.onChange((kind, { metadata }, previous) => {
    const namespace = metadata.namespace ?? '';
    queue.add(`${namespace}/${metadata.name}`);
    const isStatusOnly = kind === 'updated' && previous?.metadata.generation === metadata.generation;
    // Who keeps a closed loop may be another one now.
    if (!isStatusOnly || metadata.deletionTimestamp !== undefined) addAllOf(namespace);
  });
  closedLoops.onChange((kind, { metadata }, previous) => {
    const before = previous?.metadata;
    const isSame =
      kind === 'updated' &&
      before?.generation === metadata.generation &&
      JSON.stringify(before?.labels) === JSON.stringify(metadata.labels);
    if (!isSame) addAllOf(metadata.namespace ?? '');
  });

  /** Those with the policy lastTen that tune or watch a closed loop. */
  function lastTenOf(loopKey: string): Entry[] {
    return entries.of(loopKey).filter(({ spec }) => spec.policy.lastTen !== undefined);
  }

  function ask(entry: Entry, loop: RunningLoop, epochs: Readonly<Record<string, readonly number[]>>, now: number) {
    const proposed = entry.proposedRaises.get(loop.object.metadata.name);
    return askLastTen(loop.state, epochs, proposed, !appliesProposals(entry.spec.mode), now);
  }

  function propose(entry: Entry, loop: RunningLoop, metric: string, second: number): RaiseResult {
    const { name } = loop.object.metadata;
    const proposal = raiseProposal(name, loop.state.ranks, metric, second);
    if (proposal === undefined) return { applied: false, message: `${metric} is first already` };
    entry.ownProposals.set(name, proposal);
    entry.proposedRaises.set(name, { metric, second });
    // At once, so that the ranks are in force in the next tick; the status follows.
    judge(entry, [proposal], new Map());
    queue.add(entry.key);
    const outcome = entry.outcomes.get(name);
    if (outcome?.takenIn) return { applied: true, message: `raised ${metric}` };
    const reasons = outcome?.refusals.map(({ reason }) => reason) ?? [];
    const message = reasons.length > 0 ? `refused: ${reasons.join(', ')}` : `shown only: mode ${entry.spec.mode}`;
    return { applied: false, message };
  }

  table.onDecision((loop, decision) => {
    if (!isRunning) return;
    for (const entry of entries.of(loop.key)) {
      if (entry.waiting.has(loop.key)) queue.add(entry.key);
    }
    const tuner = entries.get(tuning.tunerOf(loop.key) ?? '');
    if (tuner !== undefined && tuning.isLacking(loop, tuner)) queue.add(tuner.key);
    // In the Distributed topology the stages ask, after their own lists of reactions.
    if (decision.winner === null || loop.spec.topology === 'Distributed') return;
    for (const entry of lastTenOf(loop.key)) {
      const latest = table.get(loop.key);
      if (latest === undefined) return;
      const { metric } = ask(entry, latest, latest.state.reactionEpochs, decision.second);
      if (metric !== null) propose(entry, latest, metric, decision.second);
    }
  });

  return {
    askLastTen(loopKey, reactionEpochs, now) {
      const loop = table.get(loopKey);
      if (loop === undefined) return noAction;
      const answers = lastTenOf(loopKey).map((entry) => ask(entry, loop, reactionEpochs, now));
      return answers.find(({ metric }) => metric !== null) ?? noAction;
    },
    raise(loopKey, metric, second) {
      const loop = table.get(loopKey);
      if (loop === undefined) return { applied: false, message: 'nothing done: the loop is not run' };
      if (loop.state.increaseTime === second) return { applied: true, message: `raised ${metric}` };
      const results = lastTenOf(loopKey).map((entry) => propose(entry, table.get(loopKey) ?? loop, metric, second));
      if (results.length === 0) {
        const message = 'nothing done: no DeliberativeLoop with policy lastTen selects this loop';
        return { applied: false, message };
      }
      return {
        applied: results.some(({ applied }) => applied),
        message: results.map(({ message }) => message).join('; '),
      };
    },
    async run(signal) {
      await Promise.all([cache.synced(signal), closedLoops.synced(signal)]).catch(() => {});
      if (signal.aborted) return;
      // What another leader did meanwhile is in the statuses, not here.
      tuning.reset();
      for (const key of entries.keys()) entries.remove(key);
      isRunning = true;
      for (const { metadata } of cache.list()) queue.add(`${metadata.namespace ?? ''}/${metadata.name}`);
      try {
        await queue.run(signal);
      } finally {
        isRunning = false;
        metrics.forgetAll();
      }
    },
  };
}
