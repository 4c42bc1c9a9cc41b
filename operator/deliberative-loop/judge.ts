/** Proposals through the guard and into the table of running loops, and what is told about it. Waits for nothing. */
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { LoopTable, RunningLoop } from '../closed-loop/contract.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import { clampWords } from './conditions.ts';
import type { Entry } from './entries.ts';
import { type GuardedLoop, guardProposals } from './guard.ts';
import type { DeliberativeMetrics } from './metrics.ts';
import { nextOutcome } from './outcomes.ts';

export interface JudgeOptions {
  readonly context: Pick<OperatorContext, 'events' | 'mayAct' | 'now'>;
  readonly table: LoopTable;
  readonly metrics: DeliberativeMetrics;
}

/** @param sizes group sizes by key of the closed loop; one without is of a target that does not exist */
export type Judge = (entry: Entry, proposals: readonly Proposal[], sizes: ReadonlyMap<string, number>) => void;

export function createJudge({ context, table, metrics }: JudgeOptions): Judge {
  function tell(
    { object }: Entry,
    closedLoop: string,
    { clampedBy, refusals }: ReturnType<typeof nextOutcome>['news'],
  ) {
    for (const clamp of clampedBy) {
      metrics.clamped(clamp);
      context.events.record(object, 'Normal', 'ProposalClamped', `${closedLoop}: set-point ${clampWords[clamp]}`);
    }
    for (const { reason, message } of refusals) {
      metrics.refused(reason);
      context.events.record(object, 'Warning', 'ProposalRefused', `${closedLoop}: ${message} (${reason})`);
    }
  }

  return (entry, proposals, sizes) => {
    if (!context.mayAct()) return;
    const applies = appliesProposals(entry.spec.mode);
    const running = entry.closedLoops.map((key) => table.get(key)).filter((loop) => loop !== undefined);
    const keys = new Map(running.map((loop) => [loop.object.metadata.name, loop.key]));
    // A selected loop that is not run yet is no mistake of whoever proposes: its proposal waits.
    const waiting = new Set([...entry.waiting].map((key) => key.slice(entry.namespace.length + 1)));
    const verdicts = guardProposals({
      mode: entry.spec.mode,
      guardrails: entry.spec.guardrails,
      proposals: proposals.filter(({ closedLoop }) => !waiting.has(closedLoop)),
      loops: running.map((loop) => guarded(loop, sizes)),
      now: context.now(),
    });
    for (const verdict of verdicts) {
      // Of two in one list only the newer is remembered.
      const isSuperseded = verdict.refusals.some(({ reason }) => reason === 'Superseded');
      const before = entry.outcomes.get(verdict.closedLoop);
      const { outcome, news } = nextOutcome(isSuperseded ? undefined : before, verdict, applies);
      if (!isSuperseded) entry.outcomes.set(verdict.closedLoop, outcome);
      const key = keys.get(verdict.closedLoop);
      if (news.takenIn && key !== undefined && verdict.state !== undefined) {
        table.change(key, { state: verdict.state });
        metrics.proposal('applied');
        if (verdict.ranks !== undefined) {
          const ranking = Object.entries(verdict.ranks).sort(([, a], [, b]) => a - b);
          const note = `${verdict.closedLoop}: ranks are now ${ranking.map(([name]) => name).join(', ')}`;
          context.events.record(entry.object, 'Normal', 'RanksChanged', note);
        }
      } else if (news.shown) metrics.proposal('shown');
      tell(entry, verdict.closedLoop, news);
    }
  };
}

function guarded(loop: RunningLoop, sizes: ReadonlyMap<string, number>): GuardedLoop {
  const { object, spec, state, key } = loop;
  return { name: object.metadata.name, behavior: spec.behavior, state, size: sizes.get(key) };
}
