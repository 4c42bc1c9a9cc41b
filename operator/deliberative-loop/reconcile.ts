/** Brings one DeliberativeLoop into force: who it tunes, what is proposed, what of that goes in, and what is shown. */

import { type Selecting, type Selection, selectClosedLoops } from '../../policies/deliberation/selection.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import {
  type DeliberativeLoop,
  deliberativeLoopSpecSchema,
  type Proposal,
} from '../../policies/resources/deliberative-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { LoopTable } from '../closed-loop/contract.ts';
import type { OperatorContext, ReconcileResult, ResourceCache } from '../runtime/contract.ts';
import type { StatusWriter } from '../runtime/status-writer.ts';
import type { Workloads } from '../workloads/contract.ts';
import { type Finding, findings, invalidSpecFindings } from './conditions.ts';
import { createEntry, type Entry, type EntryTable, runsHere } from './entries.ts';
import type { Judge } from './judge.ts';
import type { DeliberativeMetrics } from './metrics.ts';
import { randomGroupProposal } from './operator-policies.ts';
import { type OperatorStatus, operatorPart, statusOf } from './status.ts';
import type { Tuning } from './tuning.ts';

export interface ReconcilerOptions {
  readonly context: OperatorContext;
  readonly cache: ResourceCache<DeliberativeLoop>;
  readonly closedLoops: ResourceCache<ClosedLoop>;
  readonly table: LoopTable;
  readonly workloads: Pick<Workloads, 'read'>;
  readonly entries: EntryTable;
  readonly tuning: Tuning;
  readonly judge: Judge;
  readonly metrics: DeliberativeMetrics;
  readonly statusWriter: StatusWriter<OperatorStatus>;
}

export function createReconciler(options: ReconcilerOptions) {
  const { context, cache, closedLoops, table, workloads, entries, tuning, judge, metrics, statusWriter } = options;

  function forget(key: string): void {
    tuning.release(key);
    entries.remove(key);
    metrics.forget(key);
  }

  function entryOf(key: string, object: DeliberativeLoop, spec: Entry['spec']): Entry {
    const known = entries.get(key);
    const isSame = known?.uid === object.metadata.uid;
    const entry = known !== undefined && isSame ? known : createEntry(key, object, spec);
    if (JSON.stringify(entry.spec.policy) !== JSON.stringify(spec.policy)) {
      entry.ownProposals.clear();
      entry.proposedRaises.clear();
      entry.outcomes.clear();
    }
    entry.object = object;
    entry.spec = spec;
    entries.put(entry);
    return entry;
  }

  /** Which closed loops are its own, and which of those are run. */
  function select(entry: Entry): Selection {
    const { namespace } = entry;
    const candidates = cache.list(namespace).flatMap((object): Selecting[] => {
      const spec = deliberativeLoopSpecSchema.safeParse(object.spec);
      const isGoing = object.metadata.deletionTimestamp !== undefined;
      return spec.success && !isGoing ? [{ metadata: object.metadata, spec: spec.data }] : [];
    });
    const self = { metadata: entry.object.metadata, spec: entry.spec };
    const selection = selectClosedLoops(self, candidates, closedLoops.list(namespace));
    entries.assign(
      entry,
      selection.closedLoops.map((name) => `${namespace}/${name}`),
    );
    entry.waiting = new Set(entry.closedLoops.filter((key) => table.get(key) === undefined));
    const selected = new Set(selection.closedLoops);
    for (const remembered of [entry.ownProposals, entry.proposedRaises]) {
      for (const name of remembered.keys()) if (!selected.has(name)) remembered.delete(name);
    }
    return selection;
  }

  function tellConflicts(entry: Entry, { conflicts }: Selection): void {
    const names = new Set(conflicts.map(({ closedLoop }) => closedLoop));
    for (const name of entry.toldConflicts) if (!names.has(name)) entry.toldConflicts.delete(name);
    for (const { closedLoop, keptBy } of conflicts) {
      if (entry.toldConflicts.has(closedLoop)) continue;
      entry.toldConflicts.add(closedLoop);
      metrics.refused('Conflict');
      const note = `${closedLoop} is tuned by the older DeliberativeLoop ${keptBy}: select another, or delete one of the two`;
      context.events.record(entry.object, 'Warning', 'Conflict', note);
    }
  }

  function proposalsOf(entry: Entry, now: number): readonly Proposal[] {
    const { spec, object, ownProposals } = entry;
    if (spec.policy.none) return [];
    if (spec.policy.checkpoint) return object.status?.proposals ?? [];
    if (spec.policy.randomGroup) {
      for (const key of entry.closedLoops) {
        const loop = table.get(key);
        if (loop === undefined) continue;
        const closedLoop = loop.object.metadata.name;
        const { intervalSeconds, guardrails } = spec;
        const { seed } = spec.policy.randomGroup;
        const { behavior } = loop.spec;
        ownProposals.set(
          closedLoop,
          randomGroupProposal({ closedLoop, seed, intervalSeconds, guardrails, behavior, now }),
        );
      }
    }
    return [...ownProposals.values()];
  }

  async function sizesOf(entry: Entry, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const read = await Promise.all(
      entry.closedLoops.map(async (key) => {
        const loop = table.get(key);
        const workload = loop && (await workloads.read(entry.namespace, loop.spec.targetRef, signal));
        return workload === undefined ? undefined : ([key, workload.replicas] as const);
      }),
    );
    return new Map(read.filter((size) => size !== undefined));
  }

  /** @returns whether it said anything new */
  async function show(entry: Entry, all: readonly Finding[], signal: AbortSignal): Promise<boolean> {
    const { object } = entry;
    const status = statusOf(entry, all, context.now());
    const stored = { ...object, status: operatorPart(object.status, status) };
    const outcome = await statusWriter.write(stored, status, signal);
    if (outcome === 'written') entry.conditions = status.conditions;
    return outcome === 'written';
  }

  async function refuseSpec(
    key: string,
    object: DeliberativeLoop,
    problems: string,
    signal: AbortSignal,
  ): Promise<void> {
    tuning.release(key);
    const known = entries.get(key);
    // Its old spec must not go on behind its back.
    const idle = deliberativeLoopSpecSchema.parse({ closedLoops: { names: [] }, policy: { none: {} } });
    const entry = createEntry(key, object, idle);
    entry.conditions = known?.uid === entry.uid ? known?.conditions : undefined;
    entries.put(entry);
    if (await show(entry, invalidSpecFindings(problems), signal)) {
      metrics.refused('InvalidSpec');
      context.events.record(object, 'Warning', 'InvalidSpec', problems);
    }
  }

  return async (key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> => {
    const [namespace, name] = key.split('/');
    const object = cache.get(namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      forget(key);
      return undefined;
    }
    const parsed = deliberativeLoopSpecSchema.safeParse(object.spec);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`).join('; ');
      await refuseSpec(key, object, problems, signal);
      return undefined;
    }
    const entry = entryOf(key, object, parsed.data);
    const selection = select(entry);
    tellConflicts(entry, selection);
    if (context.mayAct()) tuning.update(entry);
    const { staleAfterSeconds } = entry.spec.guardrails;
    const isFresh = ({ time }: Proposal) => context.now() - fromTimestamp(time) < staleAfterSeconds;
    const shown = proposalsOf(entry, context.now());
    // That a policy of our own had nothing to say for a while is no fault of it.
    const proposals = runsHere(entry.spec) ? shown.filter(isFresh) : shown;
    const needsSizes = proposals.some(({ setPoint }) => setPoint !== undefined);
    judge(entry, proposals, needsSizes ? await sizesOf(entry, signal) : new Map());
    forgetOutcomes(entry, proposals);
    const notRunning = [...entry.waiting].map((loopKey) => loopKey.slice(namespace.length + 1));
    await show(entry, findings({ spec: entry.spec, selection, notRunning, outcomes: entry.outcomes }), signal);
    const fresh = proposals.filter(isFresh);
    metrics.standing(entry, fresh.length, selection.conflicts.length);
    return requeue(entry, fresh, context.now());
  };
}

/** What is said about a proposal goes with the proposal. */
function forgetOutcomes({ outcomes }: Entry, proposals: readonly Proposal[]): void {
  const names = new Set(proposals.map(({ closedLoop }) => closedLoop));
  for (const name of outcomes.keys()) if (!names.has(name)) outcomes.delete(name);
}

/** At the moment at which the next proposal turns stale, or is to be made. */
function requeue({ spec }: Entry, fresh: readonly Proposal[], now: number): ReconcileResult | undefined {
  const seconds = fresh.map(({ time }) => fromTimestamp(time) + spec.guardrails.staleAfterSeconds - now);
  if (spec.policy.randomGroup) seconds.push(spec.intervalSeconds - (now % spec.intervalSeconds));
  if (seconds.length === 0) return undefined;
  // Rounded up, so that it is not looked at a moment too early.
  return { requeueAfterMilliseconds: Math.ceil(Math.min(...seconds) * 1000) + 1 };
}
