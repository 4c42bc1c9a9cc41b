/** Conditions of a status, as the API conventions have them. */
import type { Condition } from './resource.ts';

export type ConditionChange = Omit<Condition, 'lastTransitionTime'>;

/** As long as the schema lets a message be. */
const maxMessageLength = 32_768;

/** One condition after a change; `lastTransitionTime` moves with `status` only. @param now Unix seconds */
export function nextCondition(before: Condition | undefined, change: ConditionChange, now: number): Condition {
  return {
    ...change,
    message: change.message.slice(0, maxMessageLength),
    lastTransitionTime: before?.status === change.status ? before.lastTransitionTime : toSeconds(now),
  };
}

/**
 * The conditions with one of them set. The order stays, and what has not changed stays equal, so that an unchanged status is
 * not written.
 * @param now Unix seconds
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  change: ConditionChange,
  now: number,
): Condition[] {
  const before = findCondition(conditions, change.type);
  const next = nextCondition(before, change, now);
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
