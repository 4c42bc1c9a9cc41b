/** The agent's rounds: list, claim, read checkpoints, measure, decide, guard, write; one after another, never two at a time. */

import type { ObservedSystem } from '../../env/ports.ts';
import { pause } from '../../env/service/waiting.ts';
import { deliberationTime, type ModelClock } from '../../policies/deliberation/model-clock.ts';
import { observedSystem } from '../../policies/deliberation/observed-system.ts';
import type { RewardSummary } from '../../policies/resources/deliberative-loop.ts';
import type { AgentMetrics } from '../agent-metrics.ts';
import type { AgentContext } from '../contract.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { releasedStatus, statusOf } from '../status/agent-status.ts';
import type { AgentStatus, StatusWriter } from '../status/status-writer.ts';
import { createBackfill } from './backfill.ts';
import { createClaims } from './claims.ts';
import { type Conclusion, conclude } from './conclude.ts';
import { decideAll, type Job, viewsOf } from './decide.ts';
import { createCountedComparisons, standingBesideHpa } from './hpa-standing.ts';
import { jobsFor } from './jobs.ts';
import type { Measure, Measured } from './measure.ts';
import type { Policies } from './policies.ts';
import { lookSeconds, nextDueSecond } from './schedule.ts';
import { createTunerTable, intervalOf, type Tuner } from './tuner.ts';
import type { World } from './world.ts';

export interface RoundsOptions {
  readonly context: AgentContext;
  readonly world: World;
  readonly policies: Policies;
  readonly measure: Measure;
  readonly writer: StatusWriter;
  readonly metrics: AgentMetrics;
  readonly clock: ModelClock;
}

export interface Rounds {
  /** Serves what is due at this moment. @throws KubernetesError, and what ends it by `signal` */
  round(signal: AbortSignal): Promise<void>;
  /** When there is something to do next, Unix seconds. */
  nextSecond(): number;
  /** Gives up every claim, so that another agent takes over at once; never throws. */
  release(signal: AbortSignal): Promise<void>;
}

/** A checkpoint that takes longer to read than this is for a later round. */
const patienceMilliseconds = 1_000;
const retryLoadingSeconds = 2;
/** Of half an interval and a whole one; in a lab an interval may be a second, and a round that takes longer is late only. */
const measureSeconds = { least: 2, most: 10 };
const roundSeconds = { least: 5, most: 30 };
const lateShare = 0.25;

export function createRounds(options: RoundsOptions): Rounds {
  const { context, world, policies, measure, writer, metrics, clock } = options;
  const { now, identity, events, logger } = context;
  const table = createTunerTable();
  const claims = createClaims(context);
  const backfill = createBackfill(measure, clock, context);
  const countedComparisons = createCountedComparisons();
  let lookedSecond = Number.NEGATIVE_INFINITY;

  function leave(tuner: Tuner): void {
    policies.leave(tuner);
    tuner.written = undefined;
    metrics.forget(tuner.key);
  }

  /** One whose policy is no checkpoint any more: what we wrote in its status would look as if it were of now. */
  async function giveUp(tuner: Tuner, current: Tuner['object'] | undefined, signal: AbortSignal): Promise<void> {
    leave(tuner);
    if (current?.metadata.uid !== tuner.uid || current?.status?.agent?.identity !== identity) return;
    try {
      await writer.write(current, nothingToSay, ({ status }) => status?.agent?.identity === identity, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ loop: tuner.key, error: (error as Error).message }, 'its old proposals could not be removed');
    }
  }

  /** What to measure for a job, in the order of its loops. */
  function systemsOf({ tuner, loops, spec }: Job): ObservedSystem[] {
    const services = tuner.incumbent.deliberation?.services ?? [];
    return loops.map((loop) => observedSystem(loop, loop.group, services, spec.observation.services ?? {}));
  }

  async function measureAll(jobs: readonly Job[], seconds: number, signal: AbortSignal): Promise<Map<Job, Measured>> {
    const asking = jobs
      .filter(({ tuner, loops }) => tuner.incumbent.deliberation !== undefined && loops.length > 0)
      .map((job) => ({ job, observation: job.spec.observation, systems: systemsOf(job) }));
    await backfill(
      asking.flatMap(({ job: { tuner }, observation, systems }) =>
        [tuner.incumbent, tuner.canary].map((track) => ({ track, observation, systems })),
      ),
      signal,
    );
    const answers = await measure.now(asking, seconds, signal);
    return new Map(asking.map(({ job }, i) => [job, answers[i]]));
  }

  function tell(tuner: Tuner, { readiness, abstentions }: Conclusion): void {
    for (const reason of abstentions) metrics.abstained(reason);
    const shown = tuner.object.status?.conditions?.find(({ type }) => type === 'Ready');
    if (shown?.reason === readiness.reason && shown.status === readiness.status) return;
    const level = readiness.status === 'True' ? 'info' : 'warn';
    logger[level]({ loop: tuner.key, ...readiness }, 'readiness changed');
    if (readiness.status === 'True' && (shown === undefined || shown.status === 'True')) return;
    events.record(
      tuner.object,
      readiness.status === 'True' ? 'Normal' : 'Warning',
      readiness.reason,
      readiness.message,
    );
  }

  /** @returns whether it was written, or is not ours to write */
  async function write(tuner: Tuner, status: AgentStatus, signal: AbortSignal): Promise<boolean> {
    // Before it is: what is ended half way may have been stored.
    tuner.written = status;
    try {
      const mayWrite = (current: Tuner['object']) => claims.mayWrite(tuner, current);
      const { outcome, resourceVersion } = await writer.write(tuner.object, status, mayWrite, signal);
      if (outcome === 'written') {
        tuner.object = { ...tuner.object, metadata: { ...tuner.object.metadata, resourceVersion } };
      } else {
        if (outcome === 'foreign') claims.lost(tuner);
        leave(tuner);
      }
      return true;
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ loop: tuner.key, error: (error as Error).message }, 'status not written');
      return false;
    }
  }

  async function serve(
    tuners: readonly Tuner[],
    listed: Awaited<ReturnType<World['deliberativeLoops']>>,
    signal: AbortSignal,
  ) {
    const mine = tuners.filter((tuner) => claims.takeUp(tuner));
    for (const tuner of tuners) if (tuner.isPassive) leave(tuner);
    if (mine.length === 0) return true;
    const seconds = Math.max(...mine.map(intervalOf));
    const namespaces = new Set(mine.map(({ object }) => object.metadata.namespace ?? ''));
    const targets = await metrics.timed('list', () => world.targets(namespaces, signal));
    const jobs = jobsFor(mine, listed, targets);
    const waiting = pause(patienceMilliseconds, signal);
    await metrics.timed('checkpoints', async () => {
      await Promise.all(jobs.map((job) => policies.follow(job, () => waiting)));
    });
    signal.throwIfAborted();
    const measured = await metrics.timed('measure', () =>
      measureAll(jobs, within(measureSeconds, seconds / 2), signal),
    );
    signal.throwIfAborted();
    const second = now();
    const views = new Map(jobs.map((job) => [job, viewsOf(job, measured.get(job))]));
    const verdicts = await metrics.timed('decide', async () => decideAll(jobs, views, deliberationTime(clock, second)));
    const written = await metrics.timed('write', () =>
      Promise.all(
        jobs.map((job) => {
          const { tuner } = job;
          const conclusion = conclude(job, verdicts.get(job) ?? [], measured.get(job), clock.timeScale);
          tuner.canarySummary = conclusion.canary;
          const standing = standingBesideHpa(job, countedComparisons);
          if (standing.interval) tuner.rewards.add(standing.interval.reward, standing.interval.advantage);
          metrics.show(tuner.key, { ...conclusion.figures, ...standing.figures });
          metrics.compared(tuner.key, standing.compared);
          tell(tuner, conclusion);
          if (tuner.incumbent.problem?.reason === 'CheckpointLoading') tuner.dueSecond = now() + retryLoadingSeconds;
          return write(tuner, statusOf(tuner, { identity, reward: rewardOf(tuner), ...conclusion }, now()), signal);
        }),
      ),
    );
    return written.every((isWritten) => isWritten);
  }

  return {
    async round(signal) {
      lookedSecond = now();
      const listed = await metrics.timed('list', () => world.deliberativeLoops(signal));
      const started = now();
      const { left } = table.update(listed, started);
      const objects = new Map(listed.map(({ key, object }) => [key, object]));
      await Promise.all(left.map((tuner) => giveUp(tuner, objects.get(tuner.key), signal)));
      const due = table.due(started);
      for (const tuner of due) {
        const interval = intervalOf(tuner);
        if (tuner.servedSecond !== undefined && started - tuner.dueSecond > lateShare * interval) metrics.late();
        tuner.servedSecond = started;
        tuner.dueSecond = nextDueSecond(tuner.key, interval, started);
      }
      if (due.length > 0) {
        const seconds = within(roundSeconds, Math.max(...due.map(intervalOf)));
        const isWritten = await withDeadline('a round', seconds, signal, (stop) =>
          metrics.timed('round', () => serve(due, listed, stop)),
        );
        metrics.roundEnded(isWritten ? 'ok' : 'failed');
      }
      const all = [...table.all()];
      metrics.serving(all.filter((tuner) => !tuner.isPassive).length, all.filter((tuner) => tuner.isPassive).length);
    },
    // DeliberativeLoops are listed in every slot, to see new ones.
    nextSecond: () => Math.min((Math.floor(lookedSecond / lookSeconds) + 1) * lookSeconds, table.earliestDueSecond),
    async release(signal) {
      const holding = [...table.all()].filter(({ written, isPassive }) => written !== undefined && !isPassive);
      await Promise.all(
        holding.map(async (tuner) => {
          const isOurs = ({ status }: Tuner['object']) => status?.agent?.identity === identity;
          try {
            await writer.write(tuner.object, releasedStatus(tuner, now()), isOurs, signal);
          } catch (error) {
            logger.warn({ loop: tuner.key, error: (error as Error).message }, 'claim not given up; it runs out');
          }
        }),
      );
    },
  };
}

/** Not even this: where nobody else wrote a status there would be none, which the schema refuses. */
const nothingToSay: AgentStatus = { proposals: [] };

function rewardOf({ incumbent, rewards }: Tuner): RewardSummary | undefined {
  return incumbent.policy && rewards.summary(incumbent.policy.sha256);
}

function within({ least, most }: { readonly least: number; readonly most: number }, seconds: number): number {
  return Math.max(least, Math.min(most, seconds));
}
