/** The conditions of a ClosedLoop: orthogonal, positive except ScalingLimited, their messages for people. */
import { setCondition } from '../../policies/resources/conditions.ts';
import type { Condition } from '../../policies/resources/resource.ts';

/** In the order in which a status lists them. */
export const conditionTypes = [
  /** The spec is valid, the target is there, and nothing else scales it. */
  'Ready',
  /** Every metric has a usable value. */
  'MetricsAvailable',
  /** The loop may and can change the target. */
  'ScalingActive',
  /** True: a safety rule holds back or changes what is asked for. */
  'ScalingLimited',
  /** The pods could be resized in place; only with vertical reactions. */
  'VerticalScaling',
  /** The policy engine answered; only with `decision.opa`. */
  'PolicyEngine',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export interface Finding {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/**
 * The conditions after some findings: a type without one keeps what it had, and `lastTransitionTime` moves only with the
 * status. @param dropped types that no longer apply
 */
export function withFindings(
  conditions: readonly Condition[],
  findings: readonly Finding[],
  now: number,
  generation: number | undefined,
  dropped: readonly ConditionType[] = [],
): Condition[] {
  const place = (type: string) => conditionTypes.indexOf(type as ConditionType);
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return findings
    .reduce<Condition[]>((all, finding) => setCondition(all, { ...finding, ...observed }, now), [...conditions])
    .filter(({ type }) => !dropped.includes(type as ConditionType))
    .sort((a, b) => place(a.type) - place(b.type));
}

/** What changed for the worse or the better, for events: a type whose status or reason is another than before. */
export function changedFindings(conditions: readonly Condition[], findings: readonly Finding[]): Finding[] {
  return findings.filter(({ type, status, reason }) => {
    const before = conditions.find((condition) => condition.type === type);
    return before?.status !== status || before.reason !== reason;
  });
}

/** Numbers in a message differ from tick to tick ("67 s old"); they are no reason to write. */
export function withoutNumbers(text: string): string {
  return text.replace(/\d+(\.\d+)?/g, '#');
}
