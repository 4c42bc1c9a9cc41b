/** What the deliberative side tells Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import { type Entry, policyName } from './entries.ts';
import type { GuardClamp, RefusalReason } from './guard.ts';

export interface DeliberativeMetrics {
  proposal(outcome: 'applied' | 'shown'): void;
  refused(reason: RefusalReason | 'Conflict' | 'InvalidSpec'): void;
  clamped(clamp: GuardClamp): void;
  /** @param freshProposals of the closed loops that it tunes */
  standing(entry: Pick<Entry, 'key' | 'spec' | 'closedLoops'>, freshProposals: number, conflicts: number): void;
  forget(key: string): void;
  /** At the end of a term of leadership: from then on another process tells of them. */
  forgetAll(): void;
}

export function createDeliberativeMetrics(registry: Registry): DeliberativeMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['namespace', 'deliberative_loop'], registers });
  const proposals = counter('duoloop_proposals_total', 'Proposals of deliberative loops, by outcome', 'outcome');
  const refusals = counter(
    'duoloop_proposal_refusals_total',
    'Proposals or parts of them refused, by reason',
    'reason',
  );
  const clamps = counter('duoloop_proposal_clamps_total', 'Set-points that a guardrail changed, by guardrail', 'clamp');
  const fresh = gauge('duoloop_deliberative_loop_fresh_proposals', 'Proposals that are not too old');
  const conflicts = gauge('duoloop_deliberative_loop_conflicts', 'Closed loops that it selects but an older one keeps');
  const selected = gauge('duoloop_deliberative_loop_closed_loops', 'Closed loops that it tunes or watches');
  const modes = new Map<string, DeliberativeLoopSpec>();
  new Gauge({
    name: 'duoloop_deliberative_loop_info',
    help: 'Always 1: how far it may go, and what decides',
    labelNames: ['namespace', 'deliberative_loop', 'mode', 'policy'],
    registers,
    collect() {
      this.reset();
      for (const [key, spec] of modes) this.set({ ...labelsOf(key), mode: spec.mode, policy: policyName(spec) }, 1);
    },
  });
  const perLoop = [fresh, conflicts, selected];
  return {
    proposal: (outcome) => proposals.inc({ outcome }),
    refused: (reason) => refusals.inc({ reason }),
    clamped: (clamp) => clamps.inc({ clamp }),
    standing({ key, spec, closedLoops }, freshProposals, conflicting) {
      modes.set(key, spec);
      fresh.set(labelsOf(key), freshProposals);
      conflicts.set(labelsOf(key), conflicting);
      selected.set(labelsOf(key), closedLoops.length);
    },
    forget(key) {
      modes.delete(key);
      for (const series of perLoop) series.remove(labelsOf(key));
    },
    forgetAll() {
      modes.clear();
      for (const series of perLoop) series.reset();
    },
  };
}

function labelsOf(key: string): { namespace: string; deliberative_loop: string } {
  const [namespace, name] = key.split('/');
  return { namespace, deliberative_loop: name };
}
