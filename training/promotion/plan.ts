/**
 * What a promotion does next, from what is seen in the cluster at one moment. Pure: every step may be the last one of a
 * process, and the next process goes on from what it sees. The policy in force is the incumbent or a candidate that
 * passed the gate, whatever is interrupted when.
 */
import type { Criteria, Observed, Request, Step } from './contract.ts';
import { judgeCanary, judgeWatch } from './judge.ts';
import { isOpen, type OpenRecord, type Outcome } from './record.ts';

export function plan(observed: Observed, request: Request, criteria: Criteria): Step {
  const { record } = observed;
  if (!isOpen(record)) return planWithoutOne(observed, request);
  if (!request.abort && request.candidate !== undefined && request.candidate !== record.candidate) {
    const candidate = record.candidate.slice(0, 12);
    const reason = `the promotion of another candidate (${candidate}) is under way since ${record.since} (${record.stage}): let it end (duoloop promote without --candidate goes on with it) or undo it with --abort`;
    return { kind: 'refuse', code: 'PROMOTION_BUSY', reason };
  }
  return record.stage === 'Canary'
    ? planCanary(observed, record, request, criteria)
    : planWatch(observed, record, request, criteria);
}

/** Whether a promotion put it there, this one or one before. */
function isOurs({ record }: Observed, sha256: string | undefined): boolean {
  return (
    record !== undefined &&
    sha256 !== undefined &&
    [record.candidate, record.incumbent, ...record.earlier].includes(sha256)
  );
}

/**
 * The agent takes only the checkpoint that is pinned, where one is. A pin of ours goes with the policy in force, but never
 * onto what somebody else put there: a pin is there to refuse that.
 */
function planPin(observed: Observed): Step | undefined {
  const { inForce, loop } = observed;
  if (inForce === undefined || loop.pin === inForce) return undefined;
  if (!isOurs(observed, inForce) || !isOurs(observed, loop.pin)) return undefined;
  return { kind: 'movePin', sha256: inForce };
}

function planWithoutOne(observed: Observed, request: Request): Step {
  const { record, inForce, loop } = observed;
  const { candidate } = request;
  // What an interrupted end has left behind.
  if (isOurs(observed, loop.canary)) return { kind: 'hideCanary' };
  const pinning = planPin(observed);
  if (pinning !== undefined) return pinning;
  if (record !== undefined && (candidate === undefined || candidate === record.candidate)) {
    const outcome = record.stage as Outcome;
    if (request.takesPart) return { kind: 'done', outcome, reason: record.reason };
    if (candidate !== undefined && candidate !== inForce && !request.again) {
      const reason = `this candidate was turned down before (--again tries it anew): ${record.reason}`;
      return { kind: 'done', outcome, reason };
    }
  }
  if (request.abort || candidate === undefined) {
    const last = record === undefined ? '' : `; the last one: ${record.stage}, ${record.reason}`;
    return { kind: 'done', outcome: undefined, reason: `no promotion is under way${last}` };
  }
  if (candidate === inForce) return { kind: 'done', outcome: 'Accepted', reason: 'the candidate is in force already' };
  return planBeginning(observed, { ...request, candidate });
}

function planBeginning(
  { inForce, loop, stored }: Observed,
  { gate, candidate }: Request & { readonly candidate: string },
): Step {
  if (loop.canary !== undefined && loop.canary !== candidate) {
    const reason = 'spec.policy.canary is in use: let that canary end and remove it, then promote';
    return { kind: 'refuse', code: 'PROMOTION_CANARY', reason };
  }
  if (inForce === undefined && loop.applies) {
    const reason =
      'there is no policy in force yet that a first one could be rolled back to: set mode Recommend, promote it, look at its proposals, then set the mode back';
    return { kind: 'refuse', code: 'PROMOTION_FIRST', reason };
  }
  if (inForce !== undefined && loop.pin !== undefined && loop.pin !== inForce) {
    const reason = `spec.policy.checkpoint.sha256 (${loop.pin.slice(0, 12)}) is not that of the policy in its ConfigMap (${inForce.slice(0, 12)}), so the agent refuses it: set the one or the other right first`;
    return { kind: 'refuse', code: 'PROMOTION_PIN', reason };
  }
  if (gate === undefined || gate.incumbent !== inForce) return { kind: 'gate' };
  if (inForce === undefined) {
    return gate.passed
      ? { kind: 'install', reason: gate.reason }
      : { kind: 'done', outcome: 'Rejected', reason: gate.reason };
  }
  if (!gate.passed) return { kind: 'finish', outcome: 'Rejected', reason: gate.reason };
  if (stored.canary !== candidate) return { kind: 'storeCanary' };
  return { kind: 'begin', reason: gate.reason };
}

function planCanary(observed: Observed, record: OpenRecord, request: Request, criteria: Criteria): Step {
  const { inForce, stored, loop } = observed;
  if (request.abort) return { kind: 'finish', outcome: 'Aborted', reason: 'aborted while it was a canary' };
  if (inForce !== record.incumbent) {
    const reason = 'somebody else put another policy in force while it was a canary';
    return { kind: 'finish', outcome: 'Superseded', reason };
  }
  if (stored.canary !== record.candidate) {
    if (request.candidate === record.candidate) return { kind: 'storeCanary' };
    return { kind: 'finish', outcome: 'Aborted', reason: 'the canary’s ConfigMap is gone or holds another checkpoint' };
  }
  const pinning = planPin(observed);
  if (pinning !== undefined) return pinning;
  if (loop.canary !== record.candidate) return { kind: 'showCanary', sha256: record.candidate };
  const verdict = judgeCanary(observed, record, criteria);
  if (verdict.kind === 'wait') return verdict;
  if (verdict.kind === 'bad') return { kind: 'finish', outcome: 'Rejected', reason: verdict.reason };
  if (stored.previous !== record.incumbent) return { kind: 'keepPrevious' };
  return { kind: 'promote', band: verdict.band, reason: verdict.reason };
}

function planWatch(observed: Observed, record: OpenRecord, request: Request, criteria: Criteria): Step {
  const { inForce, stored, loop } = observed;
  if (inForce !== record.candidate) {
    const reason = 'somebody else put another policy in force while it was watched';
    return { kind: 'finish', outcome: 'Superseded', reason };
  }
  const rollBack = (outcome: Outcome, reason: string): Step => {
    if (stored.previous === record.incumbent) return { kind: 'rollBack', outcome, reason };
    const missing = `${reason}; it cannot be rolled back, because the incumbent is no longer in the ConfigMap of the previous policy: put another policy in force, or set mode Observe`;
    return { kind: 'refuse', code: 'PROMOTION_PREVIOUS', reason: missing };
  };
  if (request.abort) return rollBack('Aborted', 'aborted while it was watched');
  if (isOurs(observed, loop.canary)) return { kind: 'hideCanary' };
  const pinning = planPin(observed);
  if (pinning !== undefined) return pinning;
  const verdict = judgeWatch(observed, record, criteria);
  if (verdict.kind === 'wait') return verdict;
  if (verdict.kind === 'bad') return rollBack('RolledBack', verdict.reason);
  return { kind: 'finish', outcome: 'Accepted', reason: verdict.reason };
}
