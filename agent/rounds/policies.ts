/** The policies of DeliberativeLoops: the one in force and the canary, brought up to date in every round. */
import { createRewardAccumulator } from '../../policies/deliberation/live-reward.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import type { DeliberationPool } from '../checkpoints/deliberation-pool.ts';
import type { CheckpointReference, PolicyLoader } from '../checkpoints/policy-loader.ts';
import type { AgentContext } from '../contract.ts';
import { newCanary } from './canary.ts';
import type { Job } from './decide.ts';
import { followPolicy } from './policy-track.ts';
import { newTrack, type Track, type Tuner } from './tuner.ts';

export interface Policies {
  /** What is new is told by events; what cannot be used is in the tracks. Never throws. */
  follow(job: Job, patience: () => Promise<void>): Promise<void>;
  /** It is another agent's, or gone. */
  leave(tuner: Tuner): void;
}

export interface PoliciesOptions {
  readonly context: Pick<AgentContext, 'events' | 'logger' | 'now'>;
  readonly loader: PolicyLoader;
  readonly pool: DeliberationPool;
  /** Of canaries, which nothing is compared with. */
  readonly canaryPool: DeliberationPool;
  /** Seconds of the model per real second. */
  readonly timeScale: number;
}

export function createPolicies(options: PoliciesOptions): Policies {
  const { loader, timeScale } = options;
  const { events, logger, now } = options.context;

  async function followTrack(
    { tuner, loops, spec }: Job,
    track: Track,
    reference: CheckpointReference,
    patience: () => Promise<void>,
  ): Promise<void> {
    const { namespace = '' } = tuner.object.metadata;
    const isCanary = track === tuner.canary;
    const request = { user: tuner.key, reference, namespace, loops, intervalSeconds: spec.intervalSeconds };
    const pool = isCanary ? options.canaryPool : options.pool;
    const change = await followPolicy(track, request, { loader, pool, timeScale, patience });
    if (change === 'loaded' && track.policy) {
      const { origin, sha256 } = track.policy;
      const shown = tuner.object.status?.policy;
      const isShown = !isCanary && shown?.sha256 === sha256;
      track.loadedAt = (isShown && shown?.loadedAt) || toTimestamp(now());
      if (!isCanary) tuner.rewards = createRewardAccumulator();
      logger.info({ loop: tuner.key, origin, sha256, isCanary }, 'checkpoint loaded');
      const reason = isCanary ? 'CanaryLoaded' : 'CheckpointLoaded';
      if (!isShown) events.record(tuner.object, 'Normal', reason, `${origin}, sha256 ${sha256}`);
    }
    if (change === 'refused' && track.problem) {
      const { reason, message } = track.problem;
      logger.warn({ loop: tuner.key, reason, message, isCanary }, 'checkpoint refused');
      const event = isCanary ? 'CanaryRefused' : 'CheckpointRefused';
      events.record(tuner.object, 'Warning', event, `${message} (${reason})`);
    }
  }

  async function followCanary(job: Job, reference: CheckpointReference, patience: () => Promise<void>): Promise<void> {
    const { tuner } = job;
    const { canary: track, incumbent } = tuner;
    await followTrack(job, track, reference, patience);
    const services = incumbent.deliberation?.services;
    // It decides on what is measured for the policy in force.
    if (track.deliberation && services && track.deliberation.services.join() !== services.join()) {
      track.deliberation = undefined;
      track.problem = {
        reason: 'WrongApplication',
        message: 'the canary was trained on an application of other services than the policy in force',
      };
    }
    if (track.policy && tuner.canarySummary?.sha256 !== track.policy.sha256) {
      tuner.canarySummary = newCanary(track.policy.sha256, toTimestamp(now()));
    }
  }

  function leaveCanary(tuner: Tuner): void {
    options.canaryPool.release(tuner.key);
    Object.assign(tuner.canary, newTrack());
  }

  return {
    async follow(job, patience) {
      const { tuner, spec } = job;
      const { checkpoint, canary } = spec.policy;
      if (checkpoint === undefined) return;
      await followTrack(job, tuner.incumbent, checkpoint, patience);
      if (canary !== undefined) return followCanary(job, canary, patience);
      leaveCanary(tuner);
      tuner.canarySummary = undefined;
    },
    leave(tuner) {
      options.pool.release(tuner.key);
      Object.assign(tuner.incumbent, newTrack());
      leaveCanary(tuner);
    },
  };
}
