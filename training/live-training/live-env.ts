/** Closed loops of a cluster as an environment: a lane each, a step per decision interval. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { actionHeads } from '../../env/deliberative-action.ts';
import type { LoopView } from '../../policies/deliberation/contract.ts';
import type { LiveDeliberation } from '../../policies/deliberation/deliberation.ts';
import { guardedSize } from '../../policies/deliberation/guarded-size.ts';
import { deliberationTime } from '../../policies/deliberation/model-clock.ts';
import { pastLoadRequest, pastLoads } from '../../policies/deliberation/past-load.ts';
import { makeProposal } from '../../policies/deliberation/proposal.ts';
import type { Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { LiveActions, LiveClock, LiveEnv, LiveStep, LiveWorld, Sight } from './contract.ts';

export interface LiveEnvOptions {
  readonly world: LiveWorld;
  /** Its observations, abstentions and rewards count; what its own policy decides does not. */
  readonly deliberation: LiveDeliberation;
  readonly app: AppModel;
  readonly metricNames: readonly string[];
  readonly clock: LiveClock;
  /** Told of a closed loop that cannot be decided for, when the reason changes. */
  readonly log: (line: string) => void;
}

export function createLiveEnv(options: LiveEnvOptions): LiveEnv {
  const { world, deliberation, app, metricNames, clock, log } = options;
  const { keys } = world;
  const lanes = keys.length;
  const width = deliberation.observationNames.length;
  const heads = actionHeads(metricNames);
  const intervalSeconds = deliberation.intervalSeconds / clock.timeScale;
  const current: LiveStep = {
    observations: new Float32Array(lanes * width),
    usable: new Uint8Array(lanes),
    rewards: new Float32Array(lanes),
  };
  const told = new Map<string, string>();
  let sight: Sight | undefined;
  let dueSecond = Number.NaN;

  /** Looks, and makes observations and rewards of what is seen. */
  async function observe(signal: AbortSignal): Promise<LiveStep> {
    const seen = await unlessGone(() => world.look(signal));
    // As long as nothing can be seen there is a gap for all of them.
    if (seen === undefined) {
      current.usable.fill(0);
      current.rewards.fill(Number.NaN);
      return current;
    }
    sight = seen;
    const unixSecond = clock.now();
    const views = sight.views.filter((view) => view !== undefined);
    const decisions = new Map(
      deliberation.decide(views, deliberationTime(clock, unixSecond)).map((each) => [each.key, each]),
    );
    for (const [lane, key] of keys.entries()) {
      const decision = decisions.get(key);
      const isUsable = decision !== undefined && decision.abstention === undefined;
      current.usable[lane] = isUsable ? 1 : 0;
      if (isUsable) current.observations.set(decision.observation, lane * width);
      const compared = decision && deliberation.comparison(key);
      current.rewards[lane] = compared?.reward?.live.reward ?? Number.NaN;
      tell(key, decision === undefined ? 'it is gone or cannot be read' : (decision.abstention?.message ?? ''));
    }
    return current;
  }

  /** What was there before is worth knowing, but nothing to fail for. */
  async function rememberPast(signal: AbortSignal): Promise<void> {
    try {
      const found = await world.past(pastLoadRequest(deliberation, clock, clock.now()), signal);
      for (const [key, samples] of found) deliberation.remember(key, pastLoads(samples, clock));
    } catch (error) {
      signal.throwIfAborted();
      log(`begun without the load of the past: ${(error as Error).message}`);
    }
  }

  /** Undefined while the API server does not answer: that passes. */
  async function unlessGone<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof KubernetesError && error.retryable)) throw error;
      log(`a gap of one interval: ${error.message}`);
      return undefined;
    }
  }

  function tell(key: string, message: string): void {
    if ((told.get(key) ?? '') === message) return;
    told.set(key, message);
    log(message === '' ? `${key}: decided on again` : `${key}: not decided on: ${message}`);
  }

  function proposalsOf({ views, guardrails }: Sight, { choices, confidences, values }: LiveActions): Proposal[] {
    const unixSecond = clock.now();
    return views.flatMap((view, lane) => {
      if (view === undefined || current.usable[lane] === 0) return [];
      const [raise, move] = choices.subarray(lane * heads.length);
      const choice = { raise, move, confidence: confidences[lane], value: values[lane] };
      const context = { metricNames, maxGroupSize: app.maxGroupSize, unixSecond, hpaWouldBe: undefined };
      return [guarded(makeProposal(view, choice, context), view, guardrails)];
    });
  }

  return {
    lanes,
    observationNames: deliberation.observationNames,
    actionHeads: heads,
    async first(signal) {
      await rememberPast(signal);
      const step = await observe(signal);
      dueSecond = clock.now();
      return step;
    },
    async step(actions, signal) {
      const proposals = sight === undefined ? [] : proposalsOf(sight, actions);
      const shown = await unlessGone(async () => {
        await world.propose(proposals, signal);
        return true;
      });
      // From when it was due, so that intervals do not grow by what a step takes; what was missed is not made up for.
      dueSecond = Math.max(dueSecond + intervalSeconds, clock.now());
      await clock.pause((dueSecond - clock.now()) * 1000, signal);
      const step = await observe(signal);
      // Nothing is learned from what was not carried out.
      if (!shown) step.rewards.fill(Number.NaN);
      return step;
    },
    outcome() {
      const sums = { seconds: 0, violationSeconds: 0, podSeconds: 0 };
      for (const key of keys) {
        const live = deliberation.comparison(key)?.live;
        sums.seconds += live?.seconds ?? 0;
        sums.violationSeconds += live?.violationSeconds ?? 0;
        sums.podSeconds += live?.podSeconds ?? 0;
      }
      return sums;
    },
  };
}

/** Within the guardrails of mode Bounded, which live training needs; the operator checks again. */
function guarded(proposal: Proposal, view: LoopView, guardrails: Sight['guardrails']): Proposal {
  if (proposal.setPoint === undefined) return proposal;
  return { ...proposal, setPoint: guardedSize(proposal.setPoint, view, { guardrails, mode: 'Bounded' }) };
}
