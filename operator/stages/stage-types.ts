/** The six resources of a Distributed loop: where they live, what they are called, who handles them. */
import type { ResourceType } from '../../env/cluster/kubernetes-api.ts';
import { apiVersion } from '../../policies/resources/resource.ts';
import {
  type DecisionDSpec,
  type DecisionSpec,
  type ExecutionDSpec,
  type ExecutionSpec,
  type MonitoringDSpec,
  type MonitoringSpec,
  type Stage,
  type StageKind,
  stageDefinitions,
} from '../../policies/resources/stages.ts';
import { fieldManager, type ResourceCache } from '../runtime/contract.ts';

export interface StageSpecs {
  readonly Monitoring: MonitoringSpec;
  readonly Decision: DecisionSpec;
  readonly Execution: ExecutionSpec;
  readonly MonitoringD: MonitoringDSpec;
  readonly DecisionD: DecisionDSpec;
  readonly ExecutionD: ExecutionDSpec;
}

export type StageCaches = { readonly [Kind in StageKind]: ResourceCache<Stage<StageSpecs[Kind]>> };

/** In the order in which a message passes through them. */
export const stageKinds = [
  'Monitoring',
  'Decision',
  'Execution',
  'MonitoringD',
  'DecisionD',
  'ExecutionD',
] as const satisfies readonly StageKind[];

export const stageTypes = Object.fromEntries(
  stageDefinitions.map(({ kind, plural }) => [kind, { apiVersion, kind, plural, namespaced: true }]),
) as Readonly<Record<StageKind, ResourceType>>;

/** `shop-monitoring`, `shop-decision-d`. */
export function stageName(closedLoop: string, kind: StageKind): string {
  return `${closedLoop}-${kind.replace(/D$/, '-d').toLowerCase()}`;
}

/** Whether our controller handles it, or one that its user named. */
export function isOurs({ spec }: Stage<{ readonly managedBy?: string }>): boolean {
  return spec.managedBy === undefined || spec.managedBy === fieldManager;
}
