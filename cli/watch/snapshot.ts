/** What the watch has of a cluster and a Prometheus at one moment; the view is made of it. */
import type { SystemMeasurement } from '../../env/ports.ts';
import type { DeploymentObject, StatefulSetObject } from '../../operator/workloads/cached-objects.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';

export interface ClusterObjects {
  readonly closedLoops: readonly ClosedLoop[];
  readonly deliberativeLoops: readonly DeliberativeLoop[];
  readonly scalingGroups: readonly ScalingGroup[];
  readonly workloads: readonly (DeploymentObject | StatefulSetObject)[];
}

/** `waiting`: not heard of yet. `lost`: heard of before, not now. `refused`: it answers, but not this. */
export type SourceState = 'waiting' | 'ok' | 'lost' | 'refused';

/** One thing that is asked: the API server, one kind of object, Prometheus. */
export interface Source {
  readonly name: string;
  readonly state: SourceState;
  /** What is wrong and what to do; empty when nothing is. */
  readonly message: string;
  /** Unix seconds of its last good answer. */
  readonly lastSeenSecond: number | undefined;
}

export interface Snapshot {
  readonly server: string;
  /** Unix time in seconds. */
  readonly second: number;
  readonly objects: ClusterObjects;
  readonly sources: readonly Source[];
  /** By `namespace/name` of the closed loop; none without Prometheus. */
  readonly measurements: ReadonlyMap<string, SystemMeasurement>;
  /** p95 in milliseconds that holds for every loop, as typed; undefined: each loop's own threshold. */
  readonly slaMilliseconds: number | undefined;
}
