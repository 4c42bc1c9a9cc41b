/**
 * The operator's conditions of a DeliberativeLoop. The agent writes `proposals`, `policy` and the condition Ready under a name
 * of its own (for a checkpoint; for the policies that run here, the operator does).
 */
import type { Selection } from '../../policies/deliberation/selection.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { GuardClamp } from './guard.ts';
import type { Outcome } from './outcomes.ts';

export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** What each guardrail is in words, and what to change if that is not wanted. */
export const clampWords: Readonly<Record<GuardClamp, string>> = {
  maxReplicas: 'limited by maxReplicas: raise guardrails.maxReplicas or behavior.maxReplicas of the ClosedLoop',
  minReplicas: 'lifted to minReplicas: lower guardrails.minReplicas or behavior.minReplicas of the ClosedLoop',
  maxStep: 'limited by maxStep: raise guardrails.maxStep, or use mode Autonomous',
  maxReplicaBudget: 'limited by maxReplicaBudget: raise guardrails.maxReplicaBudget',
};

export interface Standing {
  readonly spec: DeliberativeLoopSpec;
  readonly selection: Selection;
  /** Selected, but not run by the operator yet, or not at all. */
  readonly notRunning: readonly string[];
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

export function findings({ spec, selection, notRunning, outcomes }: Standing): Finding[] {
  const all = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
  const of = (pick: (outcome: Outcome) => readonly string[]) =>
    all.flatMap(([name, outcome]) => pick(outcome).map((text) => `${name}: ${text}`));
  const conflicts = selection.conflicts.map(({ closedLoop, keptBy }) => `${closedLoop} is tuned by ${keptBy}`);
  const clamps = of(({ clampedBy }) => clampedBy.map((clamp) => clampWords[clamp]));
  const refusals = of(({ refusals }) => refusals.map(({ reason, message }) => `${message} (${reason})`));
  const old = of(({ expired, refusals }) =>
    expired || refusals.some(({ reason }) => reason === 'Stale') ? ['no fresh proposal'] : [],
  );
  const missing = [
    ...selection.absent.map((name) => `${name} does not exist`),
    ...notRunning.map((name) => `${name} is not run: see its conditions`),
  ];
  return [
    { type: 'Accepted', status: 'True', reason: 'Valid', message: 'The spec is valid.' },
    missing.length > 0
      ? finding('LoopsFound', 'False', 'ClosedLoopMissing', list(missing))
      : selection.closedLoops.length + selection.conflicts.length === 0
        ? finding('LoopsFound', 'False', 'NothingSelected', 'No ClosedLoop is selected: see spec.closedLoops.')
        : finding('LoopsFound', 'True', 'AllFound', 'Every ClosedLoop that it selects is run.'),
    conflicts.length > 0
      ? finding(
          'Conflict',
          'True',
          'TunedByAnother',
          `${list(conflicts)}. The older one keeps a closed loop: select others, or delete one of the two.`,
        )
      : finding('Conflict', 'False', 'NoConflict', 'No closed loop is tuned by another.'),
    applied(spec, all),
    ...(spec.policy.checkpoint ? [freshness(old, selection.closedLoops.length > 0 && all.length === 0)] : []),
    clamps.length > 0
      ? finding('Clamped', 'True', 'Guardrails', list(clamps))
      : finding('Clamped', 'False', 'WithinGuardrails', 'Set-points are as proposed.'),
    refusals.length > 0
      ? finding('Refused', 'True', refusalReason(all), list(refusals))
      : finding('Refused', 'False', 'NothingRefused', 'No proposal is refused.'),
    ...readiness(spec),
  ];
}

export function invalidSpecFindings(problems: string): Finding[] {
  return [
    finding('Accepted', 'False', 'InvalidSpec', problems),
    finding('Applied', 'False', 'InvalidSpec', 'Nothing is applied while the spec is wrong.'),
  ];
}

function applied({ mode, policy }: DeliberativeLoopSpec, all: readonly (readonly [string, Outcome])[]): Finding {
  if (policy.none)
    return finding('Applied', 'False', 'NoPolicy', 'The policy is none: nothing is proposed or applied.');
  if (!appliesProposals(mode)) {
    const message = `Nothing is applied in mode ${mode}; proposals are shown in status.proposals.`;
    return finding('Applied', 'False', `${mode}Only`, message);
  }
  const taken = all.filter(([, { takenIn, expired }]) => takenIn && !expired).map(([name]) => name);
  if (taken.length > 0) return finding('Applied', 'True', 'Applied', `Taken in: ${list(taken)}.`);
  return finding('Applied', 'False', 'NothingToApply', 'There is no fresh proposal that changes anything.');
}

/** Only of an agent: that a policy of the operator has nothing to say for a while is no fault. */
function freshness(old: readonly string[], isSilent: boolean): Finding {
  const alone = 'The reactive loop goes on alone: see whether the agent runs.';
  if (isSilent) return finding('ProposalsFresh', 'False', 'NoProposals', `Nothing was proposed yet. ${alone}`);
  if (old.length > 0) return finding('ProposalsFresh', 'False', 'Stale', `${list(old)}. ${alone}`);
  return finding('ProposalsFresh', 'True', 'Fresh', 'No proposal is too old.');
}

function refusalReason(all: readonly (readonly [string, Outcome])[]): string {
  const reasons = new Set(all.flatMap(([, { refusals }]) => refusals.map(({ reason }) => reason)));
  return reasons.size === 1 ? [...reasons][0] : 'Several';
}

function readiness({ policy }: DeliberativeLoopSpec): Finding[] {
  if (policy.checkpoint) return [];
  if (policy.none) return [finding('Ready', 'True', 'NoPolicy', 'Nothing decides: the policy is none.')];
  return [finding('Ready', 'True', 'RunsInOperator', 'The policy runs in the operator.')];
}

function finding(type: string, status: Finding['status'], reason: string, message: string): Finding {
  return { type, status, reason, message };
}

const shownItems = 10;

function list(items: readonly string[]): string {
  const shown = items.slice(0, shownItems).join('; ');
  return items.length > shownItems ? `${shown}; and ${items.length - shownItems} more` : shown;
}
