/** The conditions of a ScalingGroup; their messages are for people: what is wrong, where, what to do. */
import { setCondition } from '../../policies/resources/conditions.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { MemberStatus, ScalingGroupSpec } from '../../policies/resources/scaling-group.ts';
import type { GroupPlan } from './plan.ts';

export interface Finding {
  readonly type: 'Ready' | 'Progressing' | 'MembersAccepted' | 'ScalingLimited';
  readonly status: Condition['status'];
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** The worst first. */
const faults = ['QuotaExceeded', 'Failed', 'Missing'] as const satisfies readonly MemberStatus['state'][];
const namedAtMost = 5;

/** "web, db and 3 more" */
function listed(names: readonly string[]): string {
  const rest = names.length - namedAtMost;
  return rest > 0 ? `${names.slice(0, namedAtMost).join(', ')} and ${rest} more` : names.join(', ');
}

function details(members: readonly MemberStatus[]): string {
  return listed(members.map(({ name, state, message }) => `${name}: ${message ?? state}`));
}

export function groupFindings(spec: ScalingGroupSpec, plan: GroupPlan): Finding[] {
  if (spec.paused) return pausedFindings(plan);
  return [readyFinding(plan), progressFinding(spec, plan), acceptedFinding(plan), limitFinding(spec, plan)];
}

/** That something else scales a member is what a pause is for. */
function pausedFindings(plan: GroupPlan): Finding[] {
  const { members, whole, size } = plan;
  const left = 'spec.paused is set: members are left alone, and replicas follows them';
  const absent = members.filter(({ state }) => state === 'Missing' || state === 'Failed');
  const ready: Finding = whole
    ? { type: 'Ready', status: 'True', reason: 'Paused', message: `${left} (size ${size})` }
    : members.length === 0
      ? readyFinding(plan)
      : { type: 'Ready', status: 'False', reason: 'Missing', message: details(absent) };
  const owned = members.filter(({ observed }) => observed.owner !== undefined);
  const watched = owned.length === 0 ? 'nothing else scales a member' : details(owned);
  return [
    ready,
    { type: 'Progressing', status: 'False', reason: 'Paused', message: left },
    { type: 'MembersAccepted', status: 'True', reason: 'Paused', message: watched },
    { type: 'ScalingLimited', status: 'False', reason: 'Paused', message: left },
  ];
}

function readyFinding({ members, whole, size }: GroupPlan): Finding {
  if (whole) return { type: 'Ready', status: 'True', reason: 'AllMembersReady', message: `size ${size} is ready` };
  const unready = (reason: string, message: string): Finding => ({ type: 'Ready', status: 'False', reason, message });
  if (members.length === 0) return unready('NoMembers', 'no workload carries the labels of spec.memberSelector');
  for (const fault of faults) {
    const faulty = members.filter(({ state }) => state === fault);
    if (faulty.length > 0) return unready(fault, details(faulty));
  }
  const waiting = members.filter(({ state, ready, desired }) => state !== 'OwnedByAnother' && ready !== desired);
  if (members.every(({ state }) => state === 'OwnedByAnother')) {
    return unready('NoMembers', 'every member is scaled by something else; see MembersAccepted');
  }
  return unready('MembersNotReady', `size ${size} waits for ${listed(waiting.map(memberCount))}`);
}

function memberCount({ name, ready, desired }: MemberStatus): string {
  return `${name} (${ready} of ${desired})`;
}

function progressFinding({ strategy }: ScalingGroupSpec, { lastScaling }: GroupPlan): Finding {
  const found = (status: Condition['status'], reason: string, message: string): Finding => ({
    type: 'Progressing',
    status,
    reason,
    message,
  });
  if (lastScaling === undefined) return found('False', 'NotScaledYet', 'no other size was asked for yet');
  const { from, to, outcome, seconds } = lastScaling;
  const late = `not every member was ready within ${strategy.timeoutSeconds} s`;
  switch (outcome) {
    case 'InProgress':
      return found('True', 'InProgress', `from ${from} to ${to}`);
    case 'Partial':
      return found('False', 'Partial', `from ${from} to ${to}: ${late}; the others keep their size (strategy Keep)`);
    case 'RolledBack':
      return found(
        'False',
        'RolledBack',
        `${late} at ${to}: all members are back at ${from}; mend what Ready names, then ask for another size, or edit the spec to try ${to} again`,
      );
    default:
      return found('False', 'Complete', `from ${from} to ${to}${seconds === undefined ? '' : ` in ${seconds} s`}`);
  }
}

function acceptedFinding({ members }: GroupPlan): Finding {
  const refused = members.filter(({ state }) => state === 'OwnedByAnother');
  return refused.length === 0
    ? { type: 'MembersAccepted', status: 'True', reason: 'Accepted', message: 'nothing else scales a member' }
    : { type: 'MembersAccepted', status: 'False', reason: 'OwnedByAnother', message: details(refused) };
}

function limitFinding(spec: ScalingGroupSpec, { clampedBy }: GroupPlan): Finding {
  if (clampedBy === undefined) {
    return {
      type: 'ScalingLimited',
      status: 'False',
      reason: 'WithinBounds',
      message: 'the size asked for is allowed',
    };
  }
  const [reason, mend] =
    clampedBy === 'maxReplicas'
      ? ['TooManyReplicas', 'raise it or ask for less']
      : ['TooFewReplicas', 'lower it or ask for more'];
  const message = `${spec.replicas} asked for, ${clampedBy} is ${spec[clampedBy]}: ${mend}`;
  return { type: 'ScalingLimited', status: 'True', reason, message };
}

/** @param now Unix seconds */
export function toConditions(
  findings: readonly Finding[],
  previous: readonly Condition[],
  now: number,
  generation: number | undefined,
): Condition[] {
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return findings.reduce<Condition[]>(
    (conditions, finding) => setCondition(conditions, { ...finding, ...observed }, now),
    [...previous],
  );
}
