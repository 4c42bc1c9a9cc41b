/** What happened between two statuses of a group, once each: for events and counters. */
import type { LastScaling, MemberStatus, ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';

export interface Happening {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, the reason of the event. */
  readonly reason: string;
  readonly note: string;
  /** Which counter it raises. */
  readonly counts?:
    | { readonly scaling: LastScaling['outcome'] }
    | { readonly memberFault: 'OwnedByAnother' | 'Missing' | 'QuotaExceeded' | 'Failed' }
    | { readonly limit: string };
}

export function happenings(previous: ScalingGroupStatus | undefined, next: ScalingGroupStatus): Happening[] {
  return [
    ...scalingHappenings(previous?.lastScaling, next),
    ...memberHappenings(previous?.members ?? [], next.members),
    ...limitHappenings(previous, next),
  ];
}

function scalingHappenings(before: LastScaling | undefined, next: ScalingGroupStatus): Happening[] {
  const scaling = next.lastScaling;
  if (scaling === undefined) return [];
  const found: Happening[] = [];
  const path = `from ${scaling.from} to ${scaling.to}`;
  const isNew = before?.startedAt !== scaling.startedAt || before.to !== scaling.to;
  if (isNew && before?.outcome === 'InProgress') {
    const note = `scaling from ${before.from} to ${before.to} gives way to ${scaling.to}`;
    found.push({ type: 'Normal', reason: 'ScalingSuperseded', note, counts: { scaling: 'Superseded' } });
  }
  if (isNew) found.push({ type: 'Normal', reason: 'ScalingStarted', note: path });
  if (scaling.outcome === 'InProgress' || (!isNew && before.outcome === scaling.outcome)) return found;
  const counts = { scaling: scaling.outcome };
  const why = next.conditions.find(({ type }) => type === 'Ready')?.message ?? '';
  switch (scaling.outcome) {
    case 'Complete':
      return [...found, { type: 'Normal', reason: 'ScalingComplete', note: `${path} in ${scaling.seconds} s`, counts }];
    case 'RolledBack': {
      const note = `${path} took too long: all members go back to ${scaling.from}. ${why}`;
      return [...found, { type: 'Warning', reason: 'ScalingRolledBack', note, counts }];
    }
    default:
      return [...found, { type: 'Warning', reason: 'ScalingPartial', note: `${path} took too long. ${why}`, counts }];
  }
}

const reasons = {
  OwnedByAnother: 'MemberRefused',
  Missing: 'MemberMissing',
  QuotaExceeded: 'QuotaExceeded',
  Failed: 'MemberFailed',
} as const;

function memberHappenings(before: readonly MemberStatus[], after: readonly MemberStatus[]): Happening[] {
  const known = new Map(before.map((member) => [`${member.kind}/${member.name}`, member.state]));
  return after.flatMap(({ kind, name, state, message }): Happening[] => {
    const previous = known.get(`${kind}/${name}`);
    if (previous === state) return [];
    if (state === 'RollingOut') {
      return [
        { type: 'Normal', reason: 'MemberRollingOut', note: `${kind} ${name}: ${message}; it is scaled all the same` },
      ];
    }
    if (!(state in reasons)) return [];
    const fault = state as keyof typeof reasons;
    const note = `${kind} ${name}: ${message ?? state}`;
    return [{ type: 'Warning', reason: reasons[fault], note, counts: { memberFault: fault } }];
  });
}

function limitHappenings(previous: ScalingGroupStatus | undefined, next: ScalingGroupStatus): Happening[] {
  const limitOf = (status: ScalingGroupStatus | undefined) =>
    status?.conditions?.find(({ type, status: value }) => type === 'ScalingLimited' && value === 'True');
  const limit = limitOf(next);
  if (limit === undefined || limitOf(previous)?.message === limit.message) return [];
  return [{ type: 'Warning', reason: limit.reason, note: limit.message, counts: { limit: limit.reason } }];
}
