/** A tick in conditions. Pure. */
import type { LoopDecision } from '../../policies/reactive/decide.ts';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import type { Owner, Workload } from '../workloads/contract.ts';
import { clampWords, sayClamps } from './clamp-words.ts';
import type { ConditionType, Finding } from './conditions.ts';
import type { Measured } from './contract.ts';
import type { Refusal } from './standing.ts';

/** What became of the writes of a decision. */
export type Outcome =
  | { readonly kind: 'unchanged' | 'done' }
  /** Somebody else changed the size meanwhile, or this process may no longer act: the next tick decides anew. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

/** Why pods cannot be resized now. */
export interface ResizeObstacle {
  readonly reason: string;
  readonly message: string;
}

export function refusalFindings({ reason, message }: Refusal): Finding[] {
  const ready: Finding =
    reason === 'ScaledToZero'
      ? { type: 'Ready', status: 'True', reason: 'Accepted', message: readyMessage }
      : { type: 'Ready', status: reason === 'TargetUnreadable' ? 'Unknown' : 'False', reason, message };
  return [ready, { type: 'ScalingActive', status: 'False', reason, message }];
}

export function invalidFindings(problems: readonly string[]): Finding[] {
  const message = `The spec is not usable, correct it: ${problems.join('; ')}`;
  return [
    { type: 'Ready', status: 'False', reason: 'InvalidSpec', message },
    { type: 'ScalingActive', status: 'False', reason: 'InvalidSpec', message: 'The spec is not usable.' },
  ];
}

const readyMessage = 'The spec is valid, the target is there, and nothing else scales it.';

/** Of a paused loop on a target that something else scales. */
function watchesMessage({ kind, name }: Owner): string {
  return `The spec is valid and the target is there; ${kind} ${name} scales it, and this loop is paused and watches.`;
}

/**
 * @param isNews whether something was measured anew; else the rules that held back stay as they were
 * @param owner what else scales the target
 */
export function decisionFindings(
  workload: Workload,
  measured: Measured,
  decision: LoopDecision,
  scaling: Outcome,
  isNews: boolean,
  owner: Owner | undefined,
): Finding[] {
  const findings: Finding[] = [
    owner === undefined
      ? { type: 'Ready', status: 'True', reason: 'Accepted', message: readyMessage }
      : { type: 'Ready', status: 'True', reason: 'WatchesBesideAnother', message: watchesMessage(owner) },
    metricsFinding(measured),
    scalingFinding(workload, decision, scaling),
  ];
  return isNews ? [...findings, limitFinding(decision)] : findings;
}

function metricsFinding({ missing = [], incomplete = [] }: Measured): Finding {
  const type = 'MetricsAvailable';
  if (missing.length > 0) {
    const message = missing.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
    return { type, status: 'False', reason: 'MissingMetrics', message };
  }
  if (incomplete.length > 0) {
    const message = `${incomplete.join(', ')}: not measured for every member, so that nothing scales down`;
    return { type, status: 'False', reason: 'IncompleteMetrics', message };
  }
  return { type, status: 'True', reason: 'AllMeasured', message: 'Every metric has a usable value.' };
}

function scalingFinding(workload: Workload, { clampedBy }: LoopDecision, scaling: Outcome): Finding {
  const type = 'ScalingActive';
  if (scaling.kind === 'failed') return { type, status: 'False', reason: scaling.reason, message: scaling.message };
  if (clampedBy.includes('paused')) return { type, status: 'False', reason: 'Paused', message: clampWords.paused };
  if (clampedBy.includes('rollingOut'))
    return { type, status: 'False', reason: 'RollingOut', message: clampWords.rollingOut };
  if (workload.failure !== undefined) {
    const message = `The target cannot make its pods: ${workload.failure}`;
    return { type, status: 'False', reason: 'PodsFailing', message };
  }
  return { type, status: 'True', reason: 'ReadyToScale', message: 'The loop scales its target.' };
}

function limitFinding({ clampedBy }: LoopDecision): Finding {
  const type = 'ScalingLimited';
  const limits = clampedBy.filter((clamp) => clamp !== 'paused' && clamp !== 'rollingOut');
  if (limits.length === 0) {
    return { type, status: 'False', reason: 'WithinLimits', message: 'What is asked for is what is done.' };
  }
  const reason = `${limits[0].charAt(0).toUpperCase()}${limits[0].slice(1)}`;
  return { type, status: 'True', reason, message: sayClamps(limits).join(' ') };
}

/** @param obstacle undefined when every pod has the size it was asked to have */
export function verticalFinding(obstacle: ResizeObstacle | undefined, resizing: Outcome): Finding {
  const type = 'VerticalScaling';
  if (resizing.kind === 'failed') return { type, status: 'False', reason: resizing.reason, message: resizing.message };
  if (obstacle !== undefined) return { type, status: 'False', ...obstacle };
  return { type, status: 'True', reason: 'ReadyToResize', message: 'Pods are resized in place.' };
}

/** Types that a spec has no use for. */
export function droppedConditions(spec: ClosedLoopSpec): ConditionType[] {
  const hasVertical = spec.metrics.some(({ thresholds }) => thresholds.some(({ reaction }) => reaction.vertical));
  const dropped: ConditionType[] = hasVertical ? [] : ['VerticalScaling'];
  return spec.decision.opa === undefined ? [...dropped, 'PolicyEngine'] : dropped;
}
