/** Carries a decision out on the target: its size by the scale subresource, its pods by resizing. Never rejects. */
import PQueue from 'p-queue';
import { isNotFound, KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import type { Workload, Workloads } from '../workloads/contract.ts';
import type { RunningLoop } from './contract.ts';
import type { Outcome } from './findings.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import type { PodSizing } from './pod-sizing.ts';
import type { PodResize } from './resize-plan.ts';
import { targetText } from './status.ts';

/** More in flight at one API server gains nothing and costs latency. */
const actionsInFlight = 10;

export interface Actuator {
  /** @param stillWanted asked before every write: whether the loop is still there and unchanged */
  scale(
    loop: RunningLoop,
    workload: Workload,
    replicas: number,
    why: string,
    stillWanted: () => boolean,
  ): Promise<Outcome>;
  /** All of the pods, or as many as can be: one failure does not keep the others from being resized. */
  resize(loop: RunningLoop, changes: readonly PodResize[], why: string, stillWanted: () => boolean): Promise<Outcome>;
}

export interface ActuatorOptions {
  readonly context: Pick<OperatorContext, 'events' | 'logger' | 'mayAct'>;
  readonly workloads: Workloads;
  readonly podSizing: PodSizing;
  readonly metrics: ClosedLoopMetrics;
}

export function createActuator({ context, workloads, podSizing, metrics }: ActuatorOptions): Actuator {
  const { events, logger, mayAct } = context;
  const queue = new PQueue({ concurrency: actionsInFlight });

  function failed(loop: RunningLoop, what: string, error: unknown): Outcome {
    const reason = error instanceof KubernetesError ? error.reason : 'Unexpected';
    const message = `${what} failed: ${error instanceof Error ? error.message : String(error)}`;
    metrics.scalingFailed(reason);
    events.record(loop.object, 'Warning', 'ScalingFailed', message);
    logger.warn({ err: error, closedLoop: loop.key }, what);
    return { kind: 'failed', reason: `${reason}Scaling`, message };
  }

  return {
    async scale(loop, workload, replicas, why, stillWanted) {
      const { replicas: from } = workload;
      if (replicas === from) return { kind: 'unchanged' };
      const step = `${targetText(workload.ref)}: ${from} → ${replicas}`;
      const mayWrite = () => mayAct() && stillWanted();
      try {
        const written = await queue.add(async () => {
          if (!mayWrite()) return false;
          // Somebody who changed the size meanwhile did so for a reason that this decision did not know.
          return workloads.scale(workload, replicas, { stillWanted: (current) => current === from && mayWrite() });
        });
        if (!written) return { kind: 'overtaken' };
        events.record(loop.object, 'Normal', 'Scaled', `${step}, ${why}`);
        return { kind: 'done' };
      } catch (error) {
        // Deleted since it was read: the next tick says so.
        if (isNotFound(error)) return { kind: 'overtaken' };
        return failed(loop, `Scaling ${step}`, error);
      }
    },

    async resize(loop, changes, why, stillWanted) {
      if (changes.length === 0) return { kind: 'unchanged' };
      const answers = await Promise.allSettled(
        changes.map((change) => queue.add(async () => mayAct() && stillWanted() && podSizing.resize(change))),
      );
      const written = answers.filter((answer) => answer.status === 'fulfilled' && answer.value).length;
      if (written > 0) {
        const [{ container, resources }] = changes;
        const note = `${written} of ${changes.length} pods: ${container} → ${JSON.stringify(resources)}, ${why}`;
        events.record(loop.object, 'Normal', 'Resized', note);
      }
      const failure = answers.find((answer) => answer.status === 'rejected');
      if (failure !== undefined) return failed(loop, 'Resizing pods', failure.reason);
      return { kind: written === changes.length ? 'done' : 'overtaken' };
    },
  };
}
