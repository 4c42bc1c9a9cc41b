/** What the deliberative side tells Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { GuardClamp, RefusalReason } from './guard.ts';

export interface DeliberativeMetrics {
  proposal(outcome: 'applied' | 'shown'): void;
  refused(reason: RefusalReason | 'Conflict' | 'InvalidSpec'): void;
  clamped(clamp: GuardClamp): void;
  /** @param freshProposals of the closed loops that it tunes */
  standing(key: string, freshProposals: number, conflicts: number): void;
  forget(key: string): void;
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
  return {
    proposal: (outcome) => proposals.inc({ outcome }),
    refused: (reason) => refusals.inc({ reason }),
    clamped: (clamp) => clamps.inc({ clamp }),
    standing(key, freshProposals, conflicting) {
      fresh.set(labelsOf(key), freshProposals);
      conflicts.set(labelsOf(key), conflicting);
    },
    forget(key) {
      for (const series of [fresh, conflicts]) series.remove(labelsOf(key));
    },
  };
}

function labelsOf(key: string): { namespace: string; deliberative_loop: string } {
  const [namespace, name] = key.split('/');
  return { namespace, deliberative_loop: name };
}
