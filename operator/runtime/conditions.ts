/** Conditions of a status, as the API conventions have them. */
import type { Condition } from '../../policies/resources/resource.ts';

export type ConditionChange = Omit<Condition, 'lastTransitionTime'>;

/** As long as the schema lets a message be. */
const maxMessageLength = 32_768;

/**
 * The conditions with one of them set; `lastTransitionTime` moves with `status` only. The order stays, and what has not
 * changed stays equal, so that an unchanged status is not written.
 * @param now Unix seconds
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  change: ConditionChange,
  now: number,
): Condition[] {
  const before = findCondition(conditions, change.type);
  const isTransition = before?.status !== change.status;
  const next: Condition = {
    ...change,
    message: change.message.slice(0, maxMessageLength),
    lastTransitionTime: before && !isTransition ? before.lastTransitionTime : toSeconds(now),
  };
  if (before === undefined) return [...(conditions ?? []), next];
  return (conditions ?? []).map((condition) => (condition === before ? next : condition));
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** metav1.Time: whole seconds. */
function toSeconds(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}
