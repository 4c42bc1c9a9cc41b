/** A small world for checks: what is said of it, and nothing else. */
import { type ClosedLoop, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { type DeliberativeLoop, deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import { apiVersion, type TargetRef } from '../../policies/resources/resource.ts';
import { type ScalingGroup, scalingGroupSpecSchema } from '../../policies/resources/scaling-group.ts';
import { type SpecKind, specOf } from '../crds/specs.fixture.ts';
import type { Owner, Workload } from '../workloads/contract.ts';
import { targetKey } from '../workloads/target-key.ts';
import type { World } from './checks.ts';

export const namespace = 'shop';

interface Made {
  readonly name?: string;
  /** Absent: being made now. */
  readonly second?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** See specs.fixture.ts. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

function object(kind: SpecKind, { name = 'web', second, labels, changes = {} }: Made) {
  const creationTimestamp = second === undefined ? undefined : new Date(second * 1000).toISOString();
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, creationTimestamp },
    spec: specOf({ kind, changes }),
  };
}

export function closedLoop(made: Made = {}): ClosedLoop {
  const stored = object('ClosedLoop', made);
  return { ...stored, spec: closedLoopSpecSchema.parse(stored.spec) };
}

export function scalingGroup(made: Made = {}): ScalingGroup {
  const stored = object('ScalingGroup', made);
  return { ...stored, spec: scalingGroupSpecSchema.parse(stored.spec) };
}

export function deliberativeLoop(made: Made = {}): DeliberativeLoop {
  const stored = object('DeliberativeLoop', made);
  return { ...stored, spec: deliberativeLoopSpecSchema.parse(stored.spec) };
}

export function deployment(name: string): TargetRef {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name };
}

interface WorldContent {
  readonly owners?: readonly { readonly of: TargetRef; readonly owner: Owner }[];
  readonly absent?: readonly TargetRef[];
  /** What any selector takes in. */
  readonly selected?: readonly TargetRef[];
  readonly closedLoops?: readonly ClosedLoop[];
  readonly scalingGroups?: readonly ScalingGroup[];
  readonly deliberativeLoops?: readonly DeliberativeLoop[];
  readonly scrapeIntervalSeconds?: number;
}

export function worldOf({ owners = [], absent = [], selected = [], ...content }: WorldContent = {}): World {
  const same = (one: TargetRef, other: TargetRef) => targetKey('', one) === targetKey('', other);
  return {
    ownerOf: (_, ref, except) =>
      owners.find(({ of, owner }) => same(of, ref) && !(owner.kind === except?.kind && owner.name === except.name))
        ?.owner,
    select: () => selected.map((ref) => ({ ref }) as Workload),
    exists: (_, ref) => !absent.some((missing) => same(missing, ref)),
    closedLoops: () => content.closedLoops ?? [],
    scalingGroups: () => content.scalingGroups ?? [],
    deliberativeLoops: () => content.deliberativeLoops ?? [],
    scrapeIntervalSeconds: content.scrapeIntervalSeconds,
  };
}
