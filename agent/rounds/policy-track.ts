/** Keeps a track on the policy that the spec asks for: a new one takes over when it can run, else the old one goes on. */
import { UserError } from '../../env/errors.ts';
import type { Deliberation } from '../../policies/deliberation/contract.ts';
import type { ObservedLoop } from '../../policies/deliberation/observed-system.ts';
import { weightFinding } from '../../policies/deliberation/policy-fit.ts';
import type { DeliberationPool } from '../checkpoints/deliberation-pool.ts';
import type { CheckpointReference, LoadedPolicy, PolicyLoader } from '../checkpoints/policy-loader.ts';
import type { PolicyProblem } from './readiness.ts';
import type { Track } from './tuner.ts';

export interface TrackOptions {
  readonly loader: PolicyLoader;
  readonly pool: DeliberationPool;
  /** Seconds of the model per real second. */
  readonly timeScale: number;
  /** Resolves when a policy that is still being read is not waited for any longer. */
  readonly patience: () => Promise<void>;
}

export interface TrackRequest {
  /** Of the pool. */
  readonly user: string;
  readonly reference: CheckpointReference;
  readonly namespace: string;
  readonly intervalSeconds: number;
  readonly loops: readonly ObservedLoop[];
}

export type TrackChange = 'loaded' | 'refused' | 'unchanged';

/** A policy may be asked this much more or less often than it was trained to. */
const toleratedIntervalFactor = 2;
const remarkedIntervalFactor = 1.1;

/** Brings `track` up to date; never throws. Tells what is new, for events. */
export async function followPolicy(track: Track, request: TrackRequest, options: TrackOptions): Promise<TrackChange> {
  const { pool, loader, patience } = options;
  const { user, reference, namespace } = request;
  const loopKeys = request.loops.map(({ key }) => key);
  const before = track.problem;
  try {
    const policy = await patiently(loader.load(reference, namespace), patience);
    const isNew = policy.key !== track.policy?.key;
    const damage = isNew ? weightFinding(policy.checkpoint, policy.origin) : undefined;
    track.problem = damage
      ? { reason: 'CheckpointInvalid', message: damage.message }
      : misfit(pool.peek(policy), policy, request, options.timeScale);
    if (track.problem === undefined) {
      track.deliberation = pool.assign(user, policy, loopKeys);
      track.policy = policy;
      if (isNew) return 'loaded';
    } else if (!isNew) track.deliberation = undefined;
  } catch (error) {
    // What goes on is no news while its successor is still on its way.
    if (!(error instanceof StillLoading) || track.policy === undefined) track.problem = problemOf(error);
  }
  const { problem } = track;
  if (problem !== undefined && track.policy !== undefined && track.deliberation !== undefined) {
    track.deliberation = pool.assign(user, track.policy, loopKeys);
  }
  const isTold = problem === undefined || (problem.reason === before?.reason && problem.message === before.message);
  return isTold || problem?.reason === 'CheckpointLoading' ? 'unchanged' : 'refused';
}

/** Whether a policy cannot serve these loops at all. That it cannot serve some of them, each of those is told by itself. */
function misfit(
  deliberation: Deliberation,
  { origin }: LoadedPolicy,
  { intervalSeconds, loops }: TrackRequest,
  timeScale: number,
): PolicyProblem | undefined {
  const factor = intervalFactor(deliberation, intervalSeconds, timeScale);
  if (factor > toleratedIntervalFactor) {
    const wanted = Math.max(1, Math.ceil(deliberation.intervalSeconds / timeScale));
    return {
      reason: 'WrongInterval',
      message: `checkpoint ${origin} was trained to decide every ${deliberation.intervalSeconds} s: set spec.intervalSeconds to ${wanted}`,
    };
  }
  const refusals = loops.map(({ spec }) => deliberation.refusal(spec));
  const [first] = refusals;
  if (loops.length > 0 && refusals.every((refusal) => refusal !== undefined)) {
    return { reason: 'WrongMetrics', message: first ?? '' };
  }
  return undefined;
}

/** What to tell of an interval that is not quite the trained one; undefined when it is. */
export function intervalRemark(
  deliberation: Deliberation,
  intervalSeconds: number,
  timeScale: number,
): string | undefined {
  if (intervalFactor(deliberation, intervalSeconds, timeScale) <= remarkedIntervalFactor) return undefined;
  return `It decides every ${Number((intervalSeconds * timeScale).toFixed(1))} s, and was trained to every ${deliberation.intervalSeconds} s`;
}

/** At least 1. */
function intervalFactor(deliberation: Deliberation, intervalSeconds: number, timeScale: number): number {
  const ratio = (intervalSeconds * timeScale) / deliberation.intervalSeconds;
  return Math.max(ratio, 1 / ratio);
}

class StillLoading extends Error {}

async function patiently(loading: Promise<LoadedPolicy>, patience: () => Promise<void>): Promise<LoadedPolicy> {
  const impatient = patience().then(() => {
    throw new StillLoading('the checkpoint is still being read');
  });
  return Promise.race([loading, impatient]);
}

/** By code of the UserError; others are of a checkpoint that was read and found wrong. */
const reasonOfCode: Readonly<Record<string, string>> = {
  CHECKPOINT_MISSING: 'CheckpointMissing',
  CHECKPOINT_UNREADABLE: 'CheckpointUnreadable',
  CHECKPOINT_HOST: 'CheckpointNotAllowed',
  CHECKPOINT_ROOT: 'CheckpointNotAllowed',
};

function problemOf(error: unknown): PolicyProblem {
  const { message } = error as Error;
  if (error instanceof StillLoading) return { reason: 'CheckpointLoading', message };
  if (error instanceof UserError) return { reason: reasonOfCode[error.code] ?? 'CheckpointInvalid', message };
  return { reason: 'CheckpointUnreadable', message: `the checkpoint cannot be read: ${message}` };
}
