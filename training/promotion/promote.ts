/** Drives a promotion: look, plan, act, and again, until it has ended or nothing is to be done for now. */
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import { act, tell } from './act.ts';
import type { Criteria, Request, Write } from './contract.ts';
import type { GateResult } from './gate.ts';
import { observe, type PromotionTarget, type Sight } from './observe.ts';
import { plan } from './plan.ts';
import type { Outcome } from './record.ts';

export interface PromotionOptions extends PromotionTarget {
  readonly candidate: Checkpoint | undefined;
  readonly abort: boolean;
  readonly again: boolean;
  /** Does what can be done now instead of waiting for the agent. */
  readonly once: boolean;
  readonly criteria: Criteria;
  readonly holdGate: (candidate: Checkpoint, incumbent: Checkpoint | undefined) => Promise<GateResult>;
  /** Between two looks while waiting. */
  readonly pollSeconds: number;
  /** Resolves after the time, or when aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface PromotionResult {
  /** `Waiting`: interrupted, or `once`; the next call goes on. `Idle`: there was nothing to go on with. */
  readonly outcome: Outcome | 'Waiting' | 'Idle';
  readonly reason: string;
  readonly candidate: string | undefined;
  readonly inForce: string | undefined;
  /** Of the gate, when this call has held it. */
  readonly gate: GateResult | undefined;
}

/** Looks in a row that may fail for reasons that pass. */
const maxFailures = 30;
const conflictMilliseconds = 200;

/** @throws UserError when a person has to do something first; KubernetesError when the API server is gone for long */
export async function promote(options: PromotionOptions): Promise<PromotionResult> {
  const { candidate, abort, again, once, criteria, signal, log, pollSeconds } = options;
  const sha256 = candidate?.document.weights.sha256;
  let gate: { result: GateResult; incumbent: string | undefined } | undefined;
  let takesPart = false;
  let failures = 0;
  let told = '';
  for (;;) {
    let waitMilliseconds = pollSeconds * 1000;
    try {
      const sight = await observe(options);
      failures = 0;
      const isUnderWay = sight.record?.stage === 'Canary' || sight.record?.stage === 'Watch';
      takesPart ||= isUnderWay && (sha256 === undefined || sha256 === sight.record?.candidate);
      const request: Request = {
        candidate: sha256,
        abort,
        again,
        takesPart,
        gate: gate && { passed: gate.result.passed, reason: gate.result.reason, incumbent: gate.incumbent },
      };
      const step = plan(sight, request, criteria);
      const result = (outcome: PromotionResult['outcome'], reason: string): PromotionResult => ({
        outcome,
        reason,
        candidate: sha256 ?? sight.record?.candidate,
        inForce: sight.inForce,
        gate: gate?.result,
      });
      if (step.kind === 'done') return result(step.outcome ?? 'Idle', step.reason);
      if (step.kind === 'refuse') throw new UserError(step.code, step.reason);
      if (step.kind === 'wait') {
        if (once || signal.aborted) return result('Waiting', step.reason);
        if (step.reason !== told) log(step.reason);
        told = step.reason;
      } else if (step.kind === 'gate') {
        if (candidate === undefined) throw new Error('a gate without a candidate');
        gate = { result: await options.holdGate(candidate, sight.incumbent), incumbent: sight.inForce };
        continue;
      } else {
        await act(options, sight, step, candidate);
        takesPart ||= step.kind !== 'hideCanary' && step.kind !== 'movePin';
        await announce(options, sight, step);
        continue;
      }
    } catch (error) {
      if (!(error instanceof KubernetesError && error.retryable) || ++failures > maxFailures) throw error;
      if (error.status === 409) waitMilliseconds = conflictMilliseconds;
      else log(`${error.message}; trying again`);
      if (signal.aborted) throw error;
    }
    await options.pause(waitMilliseconds, signal);
  }
}

const eventReasons: Partial<Record<Write['kind'], string>> = {
  begin: 'PromotionBegan',
  install: 'PolicyPromoted',
  promote: 'PolicyPromoted',
  rollBack: 'PolicyRolledBack',
};

/** After the fact; an event that cannot be written changes nothing. */
async function announce(options: PromotionOptions, sight: Sight, step: Write): Promise<void> {
  if (!('reason' in step)) return;
  const reason = step.kind === 'finish' ? `Promotion${step.outcome}` : (eventReasons[step.kind] ?? step.kind);
  const isBad = step.kind === 'rollBack' || (step.kind === 'finish' && step.outcome !== 'Accepted');
  options.log(`${reason}: ${step.reason}`);
  try {
    await tell(options, sight, { type: isBad ? 'Warning' : 'Normal', reason, note: step.reason });
  } catch (error) {
    options.log(`the event could not be written: ${(error as Error).message}`);
  }
}
