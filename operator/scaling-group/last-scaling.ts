/**
 * The course of one scaling of a group: request → in progress → complete, partial or rolled back. Everything needed to go
 * on with it is in the status, so that a new leader completes what another began.
 */
import type { LastScaling, ScalingGroupSpec } from '../../policies/resources/scaling-group.ts';
import { fromTimestamp, toTimestamp } from '../../policies/resources/timestamp.ts';

export interface Course {
  readonly scaling: LastScaling | undefined;
  /** Group size in force: what is asked for, or where a rollback went. */
  readonly size: number;
}

export interface Request {
  /** Size asked for, within the group's bounds. */
  readonly target: number;
  /** The spec was edited since the status was written; a rolled-back size is then tried again. */
  readonly edited: boolean;
  /** Size that the members have now; counts when no scaling is remembered. */
  readonly presentSize: number;
  /** Unix seconds at which the request was seen. */
  readonly requestedAt: number;
}

/** Which scaling is in force: the remembered one, or a new one when something else is asked for. */
export function courseOf(previous: LastScaling | undefined, request: Request): Course {
  const { target, edited, presentSize, requestedAt } = request;
  if (previous?.to === target && !(previous.outcome === 'RolledBack' && edited)) {
    return { scaling: previous, size: previous.outcome === 'RolledBack' ? previous.from : target };
  }
  const from = sizeBefore(previous, target, presentSize);
  // Nothing to do, or members that somebody else scaled: they are brought back without a request.
  if (from === target) return { scaling: previous, size: target };
  return {
    scaling: { from, to: target, startedAt: toTimestamp(requestedAt), outcome: 'InProgress' },
    size: target,
  };
}

/** The last size that was reached, which is where a rollback goes; for a request that is withdrawn, the one withdrawn. */
function sizeBefore(previous: LastScaling | undefined, target: number, presentSize: number): number {
  if (previous === undefined) return presentSize;
  if (previous.outcome === 'RolledBack') return previous.from;
  if (previous.outcome !== 'InProgress') return previous.to;
  return previous.from === target ? previous.to : previous.from;
}

/** Unix seconds from which a scaling in progress is late; undefined for any other. */
export function deadlineOf(scaling: LastScaling | undefined, timeoutSeconds: number): number | undefined {
  return scaling?.outcome === 'InProgress' ? fromTimestamp(scaling.startedAt) + timeoutSeconds : undefined;
}

/**
 * The scaling after a look at the members. A partial one still completes when its last member becomes ready. Only growth is
 * rolled back: a group that shrinks waits for no pod to become ready.
 * @param done whether every member has its replicas, ready
 */
export function settle(course: Course, done: boolean, now: number, strategy: ScalingGroupSpec['strategy']): Course {
  const { scaling, size } = course;
  if (scaling?.outcome !== 'InProgress' && scaling?.outcome !== 'Partial') return course;
  if (done) {
    const seconds = Math.max(0, Math.round((now - fromTimestamp(scaling.startedAt)) * 1000) / 1000);
    return { scaling: { ...scaling, outcome: 'Complete', completedAt: toTimestamp(now), seconds }, size };
  }
  const deadline = deadlineOf(scaling, strategy.timeoutSeconds);
  if (deadline === undefined || now < deadline) return course;
  const rollsBack = strategy.partial === 'Rollback' && scaling.to > scaling.from;
  return rollsBack
    ? { scaling: { ...scaling, outcome: 'RolledBack' }, size: scaling.from }
    : { scaling: { ...scaling, outcome: 'Partial' }, size };
}
