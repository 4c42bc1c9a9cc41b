/** The condition Ready of a DeliberativeLoop, as the agent sees it. Pure. */
import type { Condition } from '../../policies/resources/resource.ts';

/** What happened to a policy that was to be used. */
export interface PolicyProblem {
  readonly reason: string;
  readonly message: string;
}

export interface LoopOutcome {
  readonly closedLoop: string;
  /** Undefined when it was decided. */
  readonly abstention: PolicyProblem | undefined;
}

export interface Situation {
  /** Undefined: a policy is running. */
  readonly noPolicy?: PolicyProblem;
  /** The policy that the spec asks for cannot be used, and the one before goes on. */
  readonly refusedPolicy?: PolicyProblem;
  /** Nothing could be measured at all. */
  readonly noMeasurements?: PolicyProblem;
  readonly outcomes: readonly LoopOutcome[];
  /** Further things to mend that stop nothing. */
  readonly remarks: readonly string[];
}

export type Readiness = Pick<Condition, 'status' | 'reason' | 'message'>;

const alone = 'The reactive loop goes on alone.';
const shownItems = 10;

export function readinessOf(situation: Situation): Readiness {
  const { noPolicy, refusedPolicy, noMeasurements, outcomes, remarks } = situation;
  const refused = refusedPolicy
    ? [`${refusedPolicy.message} (${refusedPolicy.reason}); the policy before it goes on`]
    : [];
  const notReady = ({ reason, message }: PolicyProblem): Readiness => ({
    status: 'False',
    reason,
    message: sentences([`${message}. Nothing is proposed. ${alone}`, ...refused, ...remarks]),
  });
  if (noPolicy !== undefined) return notReady(noPolicy);
  if (outcomes.length === 0) {
    return notReady({ reason: 'NothingSelected', message: 'No ClosedLoop is its to tune: see spec.closedLoops' });
  }
  if (noMeasurements !== undefined) return notReady(noMeasurements);
  const abstaining = outcomes.filter((outcome) => outcome.abstention !== undefined);
  const told = tellAbstentions(abstaining);
  if (abstaining.length === outcomes.length) return notReady({ reason: commonReason(abstaining), message: told });
  const decided = outcomes.length - abstaining.length;
  const messages = [
    ...refused,
    abstaining.length === 0
      ? `Decides for ${outcomes.length} closed loop${outcomes.length > 1 ? 's' : ''}`
      : `Decides for ${decided} of ${outcomes.length} closed loops; nothing is proposed for ${told}`,
    ...remarks,
  ];
  const reason =
    refusedPolicy !== undefined ? 'NewCheckpointRefused' : abstaining.length > 0 ? 'SomeAbstain' : 'Deciding';
  return { status: 'True', reason, message: sentences(messages) };
}

function tellAbstentions(abstaining: readonly LoopOutcome[]): string {
  const lines = abstaining
    .slice(0, shownItems)
    .map(({ closedLoop, abstention }) => `${closedLoop}: ${abstention?.message} (${abstention?.reason})`);
  const more = abstaining.length - lines.length;
  return lines.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function commonReason(abstaining: readonly LoopOutcome[]): string {
  const reasons = new Set(abstaining.map(({ abstention }) => abstention?.reason ?? ''));
  return reasons.size === 1 ? [...reasons][0] : 'Several';
}

function sentences(parts: readonly string[]): string {
  return parts.map((part) => (part.endsWith('.') ? part : `${part}.`)).join(' ');
}
