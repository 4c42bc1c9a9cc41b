/** What the coordinated scaler tells Prometheus. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';
import type { Happening } from './happenings.ts';

export interface ScalingGroupMetrics {
  count(happening: Happening): void;
  /** The group as it is now. @param size in force */
  show(namespace: string, group: string, status: ScalingGroupStatus, size: number): void;
  forget(namespace: string, group: string): void;
  /** At the end of a term of leadership: from then on another process tells of the groups. */
  forgetAll(): void;
  memberWritten(result: 'written' | 'unneeded' | 'failed'): void;
  /** From the request until every member's patch was accepted. */
  patched(seconds: number): void;
  completed(seconds: number): void;
  /** A group that cannot be acted on, each time it is looked at. */
  refused(reason: string): void;
}

export function createScalingGroupMetrics(registry: Registry): ScalingGroupMetrics {
  const registers = [registry];
  const ofGroup = ['namespace', 'scaling_group'] as const;
  const size = new Gauge({
    name: 'duoloop_scaling_group_size',
    help: 'Group size in force',
    labelNames: ofGroup,
    registers,
  });
  const readySets = new Gauge({
    name: 'duoloop_scaling_group_ready_sets',
    help: 'Complete sets of members that are ready',
    labelNames: ofGroup,
    registers,
  });
  const scalings = new Counter({
    name: 'duoloop_scaling_group_scalings_total',
    help: 'Scalings of groups that ended, by outcome; a partial one may still complete',
    labelNames: ['outcome'] as const,
    registers,
  });
  const faults = new Counter({
    name: 'duoloop_scaling_group_member_faults_total',
    help: 'Members that became missing, refused, without quota or failed',
    labelNames: ['state'] as const,
    registers,
  });
  const limits = new Counter({
    name: 'duoloop_scaling_group_limits_total',
    help: 'Requests outside of minReplicas and maxReplicas',
    labelNames: ['reason'] as const,
    registers,
  });
  const refusals = new Counter({
    name: 'duoloop_scaling_group_refusals_total',
    help: 'Looks at groups that cannot be acted on',
    labelNames: ['reason'] as const,
    registers,
  });
  const memberWrites = new Counter({
    name: 'duoloop_scaling_group_member_writes_total',
    help: 'Writes of a member’s replicas; unneeded: somebody else was first',
    labelNames: ['result'] as const,
    registers,
  });
  const patchSeconds = new Histogram({
    name: 'duoloop_scaling_group_patch_seconds',
    help: 'From the request until the last member’s patch was accepted',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const scalingSeconds = new Histogram({
    name: 'duoloop_scaling_group_scaling_seconds',
    help: 'From the request until the last member was ready',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    registers,
  });

  return {
    count({ counts }) {
      if (counts === undefined) return;
      if ('scaling' in counts) scalings.inc({ outcome: counts.scaling });
      else if ('memberFault' in counts) faults.inc({ state: counts.memberFault });
      else limits.inc({ reason: counts.limit });
    },
    show(namespace, scaling_group, status, sizeInForce) {
      size.set({ namespace, scaling_group }, sizeInForce);
      readySets.set({ namespace, scaling_group }, status.replicas);
    },
    forget(namespace, scaling_group) {
      size.remove({ namespace, scaling_group });
      readySets.remove({ namespace, scaling_group });
    },
    forgetAll() {
      size.reset();
      readySets.reset();
    },
    memberWritten: (result) => memberWrites.inc({ result }),
    patched: (seconds) => patchSeconds.observe(seconds),
    completed: (seconds) => scalingSeconds.observe(seconds),
    refused: (reason) => refusals.inc({ reason }),
  };
}
