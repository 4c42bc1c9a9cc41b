/** A ClosedLoop object → a running loop, or conditions that say what is wrong with it. */
import { type ClosedLoop, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { OperatorContext, Reconcile, ResourceCache } from '../runtime/contract.ts';
import type { RunningLoop } from './contract.ts';
import type { Executor } from './execute.ts';
import { invalidFindings } from './findings.ts';
import type { LoopMemories } from './loop-memory.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import type { OwnedLoopTable } from './loop-table.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import { rebaseState, restoreState } from './restore.ts';
import type { Assess } from './standing.ts';
import type { LoopStatusWriter } from './status-writer.ts';

export interface ReconcileOptions {
  readonly context: Pick<OperatorContext, 'now'>;
  readonly cache: ResourceCache<ClosedLoop>;
  readonly table: OwnedLoopTable;
  readonly memories: LoopMemories;
  readonly assess: Assess;
  readonly executor: Executor;
  readonly statusWriter: LoopStatusWriter;
  readonly metrics: ClosedLoopMetrics;
  readonly onIntervals: () => void;
}

export function createReconcile(options: ReconcileOptions): Reconcile {
  const { context, cache, table, memories, assess, executor, statusWriter, metrics, onIntervals } = options;

  function forget(key: string): undefined {
    table.remove(key);
    memories.forget(key);
    metrics.forget(key);
  }

  async function reportInvalid(key: string, object: ClosedLoop, problems: readonly string[]): Promise<void> {
    table.remove(key);
    metrics.forget(key);
    metrics.standing(key, 'invalid');
    metrics.refused('InvalidSpec');
    await statusWriter.report({
      object,
      memory: memories.of(key, object),
      target: targetOf(object),
      now: context.now(),
      findings: invalidFindings(problems),
      dropped: [],
    });
  }

  return async (key, signal) => {
    const separator = key.indexOf('/');
    const object = cache.get(key.slice(0, separator), key.slice(separator + 1));
    // One that waits for somebody's finalizer is as good as gone: nothing is scaled for it any more.
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return forget(key);
    const parsed = closedLoopSpecSchema.safeParse(object.spec);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => `spec.${path.join('.')} ${message}`);
      await reportInvalid(key, object, problems);
      return undefined;
    }
    const spec = parsed.data;
    const before = table.get(key);
    if (before !== undefined && before.object.metadata.uid === object.metadata.uid) {
      const state = rebaseState(
        before.state,
        loopSpecOf(before.spec, undefined, undefined),
        loopSpecOf(spec, undefined, undefined),
      );
      table.put({ ...before, object, spec, state });
      // Our own status write comes back as a change too, and is no reason to look at anything.
      if (before.object.metadata.generation === object.metadata.generation) return undefined;
    } else {
      const { written } = memories.of(key, object);
      const isSameSpec = written?.observedGeneration === object.metadata.generation;
      const state = restoreState(loopSpecOf(spec, undefined, undefined), written, isSameSpec);
      const loop: RunningLoop = { key, object, spec, state, guardrails: undefined };
      table.put(loop);
    }
    metrics.standing(key, 'running');
    onIntervals();
    const loop = table.get(key);
    if (loop === undefined) return undefined;
    // Not only at the next tick: who has just written a loop wants to know at once that its target is not there.
    const standing = await assess(loop, signal);
    const current = executor.current(loop);
    if ('refusal' in standing && current !== undefined) await executor.refuse(current, standing.refusal, context.now());
    return undefined;
  };
}

/** As far as it can be read. */
function targetOf({ spec }: ClosedLoop): TargetRef {
  const ref = (spec as Partial<ClosedLoop['spec']> | undefined)?.targetRef as Partial<TargetRef> | undefined;
  return { apiVersion: 'apps/v1', kind: ref?.kind ?? 'Deployment', name: ref?.name ?? '' };
}
