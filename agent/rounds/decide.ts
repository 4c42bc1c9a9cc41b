/** One round for the DeliberativeLoops that are due: measure, decide in one pass per policy, guard, and say what came of it. */
import type { Deliberation, DeliberationTime, LoopDecision, LoopView } from '../../policies/deliberation/contract.ts';
import { loopView, type ObservedLoop } from '../../policies/deliberation/observed-system.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { type GuardedDecision, guardDecision } from './guard.ts';
import type { Measured } from './measure.ts';
import type { LoopOutcome } from './readiness.ts';
import type { Tuner } from './tuner.ts';

/** A closed loop of a job. */
export interface JobLoop extends ObservedLoop {
  readonly name: string;
  readonly group: ScalingGroup | undefined;
}

/** A DeliberativeLoop in a round. */
export interface Job {
  readonly tuner: Tuner;
  readonly spec: DeliberativeLoopSpec;
  readonly loops: readonly JobLoop[];
  /** Selected, but nothing can be decided for them. */
  readonly unreadable: readonly LoopOutcome[];
  /** Selected beyond what a status has room for. */
  readonly beyond: number;
}

/** A closed loop as it was decided for, by the policy in force and by the canary where there is one. */
export interface Verdict {
  readonly loop: JobLoop;
  readonly view: LoopView;
  readonly decided: GuardedDecision | undefined;
  readonly canary: GuardedDecision | undefined;
}

/** Views of all jobs, each with what was measured; in the order of the job's loops. */
export function viewsOf({ loops, spec }: Job, measured: Measured | undefined): LoopView[] {
  const isWatched = !appliesProposals(spec.mode);
  return loops.map((loop, i) => loopView(loop, loop.group, measured?.measurements?.[i], isWatched));
}

/** All that share a deliberation are decided in one pass. By job, in the order of its loops. */
export function decideAll(
  jobs: readonly Job[],
  viewsOfJob: ReadonlyMap<Job, readonly LoopView[]>,
  time: DeliberationTime,
): Map<Job, Verdict[]> {
  const passes = new Map<Deliberation, LoopView[]>();
  const place = (deliberation: Deliberation | undefined, views: readonly LoopView[]) => {
    if (deliberation === undefined) return undefined;
    const all = passes.get(deliberation) ?? [];
    passes.set(deliberation, all);
    const from = all.length;
    all.push(...views);
    return { deliberation, from };
  };
  const placed = jobs.map((job) => {
    const views = viewsOfJob.get(job) ?? [];
    const { incumbent, canary } = job.tuner;
    return {
      job,
      views,
      incumbent: place(incumbent.deliberation, views),
      canary: place(canary.deliberation, views),
    };
  });
  const decisions = new Map<Deliberation, readonly LoopDecision[]>();
  for (const [deliberation, views] of passes) decisions.set(deliberation, decideOrSay(deliberation, views, time));
  return new Map(
    placed.map(({ job, views, incumbent, canary }) => {
      const guarded = (at: typeof incumbent, i: number) => {
        const decision = at && decisions.get(at.deliberation)?.[at.from + i];
        const { name, spec } = job.loops[i];
        return decision && guardDecision(decision, { name, spec, groupSize: views[i].groupSize }, job.spec);
      };
      const verdicts = job.loops.map((loop, i) => ({
        loop,
        view: views[i],
        decided: guarded(incumbent, i),
        canary: guarded(canary, i),
      }));
      return [job, verdicts] as const;
    }),
  );
}

/** A fault in one policy's pass must not be that of all others. */
function decideOrSay(
  deliberation: Deliberation,
  views: readonly LoopView[],
  time: DeliberationTime,
): readonly LoopDecision[] {
  try {
    return deliberation.decide(views, time);
  } catch (error) {
    const abstention = { reason: 'NotANumber' as const, message: `deciding failed: ${(error as Error).message}` };
    const nothing = { proposal: undefined, abstention, observation: new Float32Array(), raise: -1, move: -1 };
    return views.map(({ key }) => ({ key, ...nothing }));
  }
}
