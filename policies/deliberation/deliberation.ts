/** The deliberative decision on live closed loops: histories, features, one forward pass, proposals or the reason for none. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { actionHeads } from '../../env/deliberative-action.ts';
import { createDemandModel } from '../../env/observation/demand-model.ts';
import type { RewardWeights } from '../../env/reward/reward.ts';
import { type Checkpoint, checkpointNormalisation } from '../actor-critic/checkpoint.ts';
import { checkCheckpointFits } from '../actor-critic/decider.ts';
import type { ClosedLoopSpec } from '../resources/closed-loop.ts';
import { type BatchDecisions, createBatchDecider } from './batch-decider.ts';
import { createComparison, type LoopComparison } from './comparison.ts';
import type { Deliberation, DeliberationTime, LoopDecision, LoopView } from './contract.ts';
import { createFeatureCheck } from './feature-check.ts';
import { defaultShadowHpa, type ShadowHpa } from './hpa-shadow.ts';
import { idleP95 } from './idle-application.ts';
import { trainedWeights } from './live-reward.ts';
import type { LoopBlock, LoopMemory } from './loop-block.ts';
import { createLoopObserver, type PastLoad } from './loop-observer.ts';
import { createMeasurementCheck, type Finding, largestBelievableLoad } from './measurement-check.ts';
import { createModelCheck, type ModelCheck } from './model-check.ts';
import { metricDifference, weightFinding } from './policy-fit.ts';
import { makeProposal } from './proposal.ts';

export interface DeliberationOptions {
  /** Names the checkpoint in messages. */
  readonly origin: string;
  /** Measurements older than this are not decided on, seconds as `ageSeconds` counts them. */
  readonly staleAfterSeconds?: number;
  /** Seconds of the observation's clock per real second: how much faster than life a lab runs. */
  readonly timeScale?: number;
  /** The HPA that runs beside; false: none, for a policy that is only asked, such as a canary. Default: 70 % CPU. */
  readonly shadow?: ShadowHpa | false;
  /** Prices of the reward. Default: those that the checkpoint was trained with. */
  readonly rewardWeights?: RewardWeights;
  /** Default: the app model's, as calibrated. */
  readonly delays?: { readonly coldStartSeconds: number; readonly metricLagSeconds: number };
}

export interface LiveDeliberation extends Deliberation {
  /** Load of so long before a loop's first decision is worth remembering. */
  readonly historySeconds: number;
  /**
   * Tells a loop's load before its first decision here, oldest first, a decision interval apart: after a restart of the agent
   * the slow features then mean what they meant before. What was known of the loop is forgotten.
   */
  remember(key: string, loads: readonly PastLoad[]): void;
  /** How a loop has fared beside the HPA's twin, as of the last `decide`; undefined for a loop that is not known, and without a shadow. */
  comparison(key: string): LoopComparison | undefined;
}

const defaultStaleAfterSeconds = 120;
/** As long as an episode of training was told of before it began. */
const historySeconds = 5400;
const noObservation = new Float32Array(0);
const paused: Finding = {
  reason: 'Paused',
  message: 'spec.paused of the ClosedLoop is set: remove it and it is decided on again, or watch it in mode Observe',
};
const unsoundOutput: Finding = {
  reason: 'NotANumber',
  message: 'the network answered with what is no number: its checkpoint is damaged, train or copy it anew',
};

/** A loop on its way through one pass. */
interface Considered {
  readonly view: LoopView;
  readonly isObserved: boolean;
  readonly isUsable: boolean;
  finding: Finding | undefined;
  observation: Float32Array;
  /** In the batch; −1 when it is not in it. */
  row: number;
}

/**
 * @throws UserError `CHECKPOINT_OBSERVATIONS`, `CHECKPOINT_ACTIONS` when the checkpoint is of another version or application,
 * `loop-metric` when its loop has metrics that a live fleet does not measure
 */
export function createDeliberation(
  checkpoint: Checkpoint,
  app: AppModel,
  options: DeliberationOptions,
): LiveDeliberation {
  const { origin, staleAfterSeconds = defaultStaleAfterSeconds, timeScale = 1, delays = app } = options;
  const { document } = checkpoint;
  const { intervalSeconds, observationNames } = document;
  const metricNames = document.loop.metrics.map(({ name }) => name);
  const model = createDemandModel(app);
  const heads = actionHeads(metricNames).map(({ choices }) => choices.length);
  const decider = createBatchDecider(checkpoint);
  const observer = createLoopObserver({
    app,
    model,
    metricNames,
    intervalSeconds,
    delays,
    timeScale,
    idleP95Milliseconds: idleP95(app),
  });
  const names = observer.featureNames;
  const width = names.length;
  checkCheckpointFits(checkpoint, names, heads, origin);
  const largestCapacity = model.capacities[model.capacities.length - 1];
  const largestLoad = largestBelievableLoad(app, largestCapacity);
  const checkMeasurement = createMeasurementCheck({
    app,
    largestCapacity,
    metricNames,
    staleAfterSeconds,
  });
  const checkFeatures = createFeatureCheck(checkpointNormalisation(document), names);
  const comparison =
    options.shadow === false
      ? undefined
      : createComparison({
          app,
          intervalSeconds,
          weights: options.rewardWeights ?? trainedWeights(document),
          hpa: options.shadow ?? defaultShadowHpa,
        });
  const modelChecks = new Map<LoopBlock, ModelCheck>();
  const unsoundWeights = weightFinding(checkpoint, origin);
  const refusals = new WeakMap<ClosedLoopSpec, { readonly message: string | undefined }>();

  function refusal(spec: ClosedLoopSpec): string | undefined {
    let known = refusals.get(spec);
    if (known === undefined) {
      known = { message: metricDifference(metricNames, spec, origin) };
      refusals.set(spec, known);
    }
    return known.message;
  }

  /** All but what the features and the network say; a loop for other metrics cannot be observed at all. */
  function consider(view: LoopView): Considered {
    const wrongMetrics = refusal(view.spec);
    if (wrongMetrics !== undefined) {
      const finding = { reason: 'WrongMetrics', message: wrongMetrics } as const;
      return { view, finding, isObserved: false, isUsable: false, observation: noObservation, row: -1 };
    }
    const checked = checkMeasurement(view);
    const isHeld = view.spec.paused && view.isWatched !== true;
    const finding = isHeld ? paused : (unsoundWeights ?? checked.finding);
    return { view, finding, isObserved: true, isUsable: checked.isUsable, observation: noObservation, row: -1 };
  }

  function modelCheckOf(block: LoopBlock): ModelCheck {
    let check = modelChecks.get(block);
    if (check === undefined) {
      check = createModelCheck(app, block, intervalSeconds);
      modelChecks.set(block, check);
    }
    return check;
  }

  /** Copies the rows that are fit for the network into its batch; returns their number. */
  function fillBatch(observed: readonly Considered[], memories: readonly LoopMemory[]): number {
    const batch = decider.observationsFor(observed.length);
    let rows = 0;
    for (const [i, loop] of observed.entries()) {
      const { block, lane } = memories[i];
      loop.observation = block.rows[lane];
      loop.finding ??= checkFeatures(loop.observation) ?? modelCheckOf(block).finding(lane);
      if (loop.finding !== undefined) continue;
      batch.set(loop.observation, rows * width);
      loop.row = rows++;
    }
    return rows;
  }

  function conclude(loop: Considered, decisions: BatchDecisions, { unixSecond }: DeliberationTime): LoopDecision {
    const { view, observation, row } = loop;
    const { key } = view;
    const finding = loop.finding ?? (decisions.isSound[row] === 1 ? undefined : unsoundOutput);
    if (finding !== undefined) {
      return { key, proposal: undefined, abstention: finding, observation, raise: -1, move: -1 };
    }
    const [raise, move] = [decisions.raise[row], decisions.move[row]];
    const value = decisions.value[row];
    const choice = {
      raise,
      move,
      confidence: decisions.confidence[row],
      value: Number.isNaN(value) ? undefined : value,
    };
    const memory = observer.blocks.get(key);
    const hpaWouldBe = memory && comparison?.hpaWouldBe(memory, view.spec.behavior);
    const context = { metricNames, maxGroupSize: app.maxGroupSize, unixSecond, hpaWouldBe };
    return { key, proposal: makeProposal(view, choice, context), abstention: undefined, observation, raise, move };
  }

  return {
    sha256: document.weights.sha256,
    observationNames,
    services: app.services.map(({ name }) => name),
    intervalSeconds,
    historySeconds,
    refusal,
    remember(key, loads) {
      // What is not believed when it is measured must not come back as history: its peaks and levels would last for hours.
      observer.remember(
        key,
        loads.filter(({ load }) => load <= largestLoad),
      );
    },
    forget(key) {
      observer.blocks.forget(key);
      comparison?.forget(key);
    },
    comparison: (key) => comparison?.of(key),
    decide(views, time) {
      const considered = views.map(consider);
      const observed = considered.filter(({ isObserved }) => isObserved);
      const memories = observer.observe(observed, time);
      for (const block of new Set(memories.map((memory) => memory.block))) modelCheckOf(block).update();
      comparison?.update(memories, time.second);
      const rows = fillBatch(observed, memories);
      const decisions = decider.decide(rows);
      return considered.map((loop) => conclude(loop, decisions, time));
    },
  };
}
