/** What the checks of an object may know besides the object, and what they say. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { Owner, Workloads } from '../workloads/contract.ts';

/** The other objects, as caches have them: a moment old, so that a check never replaces the one before each write. */
export interface World {
  readonly ownerOf: Workloads['ownerOf'];
  readonly select: Workloads['select'];
  /** Undefined when it is not known. */
  readonly exists: (namespace: string, ref: TargetRef) => boolean | undefined;
  readonly closedLoops: (namespace: string) => readonly ClosedLoop[];
  readonly scalingGroups: (namespace: string) => readonly ScalingGroup[];
  readonly deliberativeLoops: (namespace: string) => readonly DeliberativeLoop[];
  /** How often Prometheus measures; undefined when it is not known. */
  readonly scrapeIntervalSeconds?: number;
}

export interface Finding {
  /** Such as `spec.metrics[0].source.prometheus.query`. */
  readonly field: string;
  /** What is wrong and what to do; reads on from the field, as the messages of the schemas do. */
  readonly message: string;
}

export interface Findings {
  /** The object cannot work. */
  readonly problems: readonly Finding[];
  /** It is legal and probably not what was meant. */
  readonly warnings: readonly Finding[];
}

export function describeFinding({ field, message }: Finding): string {
  return `${field}: ${message}`;
}

/** Collects findings in the order of the fields. */
export function createFindings() {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  return {
    problems,
    warnings,
    problem: (field: string, message: string) => void problems.push({ field, message }),
    warn: (field: string, message: string) => void warnings.push({ field, message }),
  };
}

export function describeRef({ kind, name }: TargetRef): string {
  return `${kind} ${name}`;
}

/** How an owner lets go. */
export function ownedMessage(ref: TargetRef, owner: Owner, mend: string): string {
  return `${describeRef(ref)} is scaled by ${owner.kind} ${owner.name} already: ${mend}`;
}
