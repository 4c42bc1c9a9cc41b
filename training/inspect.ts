/** Finds out what a checkpoint is and does. */
import type { AppModel } from '../env/apps/app-model.ts';
import { holdChoice, setPointMoves } from '../env/deliberative-action.ts';
import { createObservationBuilder } from '../env/observation/observation.ts';
import { createDraw } from '../env/random.ts';
import { createSimulator, defaultLaneParameters } from '../env/simulator/simulator.ts';
import { logSoftmax } from '../policies/actor-critic/categorical.ts';
import type { Checkpoint } from '../policies/actor-critic/checkpoint.ts';
import { createDecider, type Decider } from '../policies/actor-critic/decider.ts';
import { createReactiveLoop } from '../policies/reactive/batched-loop.ts';
import { checkpointPolicy } from '../policies/two-loop.ts';
import { evaluatePolicy, meanOutcome } from './evaluate.ts';
import type { CheckpointDifference, DecisionMap, Inspection, ObservationImportance } from './inspection.ts';
import { shuffle } from './rollout-buffer.ts';
import { heldOutTraces } from './trace-sets.ts';
import { resolveTunedPolicy } from './tune.ts';
import { createValidation } from './validation.ts';

export interface NamedCheckpoint {
  path: string;
  checkpoint: Checkpoint;
}

const mapColumns = 36;
const sampledDecisions = 1500;
const importanceRepeats = 3;
const sampleHours = 12;

/** Inspects `here`, and what sets it apart from `there` when that is given. */
export async function inspectCheckpoint(
  app: AppModel,
  here: NamedCheckpoint,
  there?: NamedCheckpoint,
): Promise<Inspection> {
  const { document, parameters } = here.checkpoint;
  const visited = await visitedObservations(app, here);
  const { resume, seeds, observationNames, normalisation } = document;
  const curve = document.trainingCurve;
  const rival = await createValidation(app)(await resolveTunedPolicy('hpa-tuned', app, () => {}));
  return {
    identity: {
      path: here.path,
      schemaVersion: document.schemaVersion,
      algorithm: document.algorithm,
      createdAt: document.createdAt,
      app: document.app.name,
      seeds,
      appHash: document.app.hash,
      workloadHash: document.workloadHash,
      gitCommit: document.gitCommit,
      weights: { ...document.weights, parameters: parameters.length },
      decisionIntervalSeconds: document.intervalSeconds,
      hyperparameters: { ...document.hyperparameters, hidden: document.hidden.join(' × '), resumable: resume !== null },
      observations: observationNames.map((name, i) => ({
        name,
        mean: normalisation.mean[i],
        standardDeviation: Math.sqrt(normalisation.variance[i]),
      })),
      actionHeads: document.actionHeads,
    },
    trainingCurve: curve,
    validation: document.validation,
    validationBaseline: {
      policy: rival.policy,
      violationPercent: rival.violationPercent,
      meanReplicas: rival.meanReplicas,
    },
    decisionMap: decisionMap(app, here.checkpoint),
    permutationImportance: permutationImportance(here.checkpoint, visited),
    evaluation: document.evaluation.map((row) =>
      row.policy === 'checkpoint:this' ? { ...row, policy: `checkpoint:${here.path}` } : row,
    ),
    difference: there ? await differenceBetween(app, here, there, visited) : null,
  };
}

/** Probabilities of the set-point head after `decider.decide`; "hold" counts as no move. */
function moveProbabilities(decider: Decider, raises: number): Float32Array {
  const logits = decider.logits.slice(raises);
  logSoftmax(logits, 0, logits.length);
  return logits.map(Math.exp);
}

/** What the policy would do after ten steady minutes at every load and group size. */
function decisionMap(app: AppModel, checkpoint: Checkpoint): DecisionMap {
  const { document } = checkpoint;
  const highest = app.nominalLoad * 3;
  const loads = Array.from({ length: mapColumns }, (_, i) => (highest * (i + 1)) / mapColumns);
  const replicas = Array.from({ length: app.maxGroupSize - app.minGroupSize + 1 }, (_, i) => app.minGroupSize + i);
  const lanes = loads.length * replicas.length;
  const simulator = createSimulator({ app, lanes });
  const loop = createReactiveLoop({ spec: { ...document.loop, paused: true }, app, lanes });
  const { intervalSeconds } = document;
  const builder = createObservationBuilder({ app, lanes, metricNames: loop.state.metricNames, intervalSeconds });
  const steadySeconds = 600;
  for (let lane = 0; lane < lanes; lane++) {
    const initialGroupSize = replicas[Math.floor(lane / loads.length)];
    // At noon: the day's features are then the same for every cell.
    simulator.resetLane(lane, { ...defaultLaneParameters(app), initialGroupSize, startSecond: 43_200 });
    loop.resetLane(lane);
    builder.resetLane(lane, app);
  }
  const observations = new Float32Array(lanes * builder.names.length);
  for (let second = 0; second <= steadySeconds; second += simulator.tickSeconds) {
    simulator.startTick();
    if (second % intervalSeconds === 0) {
      simulator.observe();
      builder.observe(simulator.metrics, loop.state, observations);
      loop.decide(simulator.metrics, simulator.actions);
    }
    for (let lane = 0; lane < lanes; lane++) simulator.load[lane] = loads[lane % loads.length];
    simulator.endTick();
  }
  const decider = createDecider(checkpoint);
  const raises = document.actionHeads[0].choices.length;
  const width = builder.names.length;
  const expectedMove = replicas.map((_, row) =>
    loads.map((_load, column) => {
      const lane = row * loads.length + column;
      decider.decide(observations.subarray(lane * width, (lane + 1) * width));
      const probabilities = moveProbabilities(decider, raises);
      return setPointMoves.reduce<number>((sum, move, i) => sum + move * probabilities[i], 0);
    }),
  );
  return {
    loads,
    replicas,
    expectedMove,
    conditions: 'ten minutes of steady load at this group size, capacity as calibrated, noon',
  };
}

/** Raw observations that the policy meets on held-out traffic, a sample of them. */
async function visitedObservations(app: AppModel, { checkpoint, path }: NamedCheckpoint): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const traces = heldOutTraces({ app, perFamily: 1, durationSeconds: sampleHours * 3600 });
  const decisions = (traces.length * sampleHours * 3600) / checkpoint.document.intervalSeconds;
  const every = Math.max(1, Math.floor(decisions / sampledDecisions));
  let seen = 0;
  const policy = checkpointPolicy({
    name: path,
    origin: path,
    checkpoint,
    onDecision: (_lane, observation) => {
      if (seen++ % every === 0) rows.push(observation.slice());
    },
  });
  await evaluatePolicy(policy, { app, traces });
  return rows;
}

/** How far the probabilities of the set-point moves shift when one observation is shuffled among the visited states. */
function permutationImportance(checkpoint: Checkpoint, visited: readonly Float32Array[]): ObservationImportance[] {
  const { document } = checkpoint;
  const decider = createDecider(checkpoint);
  const raises = document.actionHeads[0].choices.length;
  const probabilitiesOf = (row: Float32Array) => {
    decider.decide(row);
    return moveProbabilities(decider, raises);
  };
  const before = visited.map(probabilitiesOf);
  const draw = createDraw(1);
  const changed = new Float32Array(document.observationNames.length);
  return document.observationNames.map((observation, column) => {
    const changes: number[] = [];
    for (let repeat = 0; repeat < importanceRepeats; repeat++) {
      const order = Int32Array.from(visited.keys());
      shuffle(order, () => draw.uniform(0, 1));
      let total = 0;
      for (const [i, row] of visited.entries()) {
        changed.set(row);
        changed[column] = visited[order[i]][column];
        const after = probabilitiesOf(changed);
        total += before[i].reduce((sum, probability, a) => sum + Math.abs(probability - after[a]), 0) / 2;
      }
      changes.push(total / visited.length);
    }
    const mean = changes.reduce((sum, change) => sum + change, 0) / changes.length;
    const deviation = Math.sqrt(changes.reduce((sum, change) => sum + (change - mean) ** 2, 0) / (changes.length - 1));
    return {
      observation,
      scoreDrop: null,
      scoreDropDeviation: null,
      probabilityChange: mean,
      probabilityChangeDeviation: deviation,
    };
  });
}

async function differenceBetween(
  app: AppModel,
  here: NamedCheckpoint,
  there: NamedCheckpoint,
  visited: readonly Float32Array[],
): Promise<CheckpointDifference> {
  const [a, b] = [here.checkpoint.document, there.checkpoint.document];
  const comparable = a.observationNames.join() === b.observationNames.join();
  const names = [...new Set([...Object.keys(a.hyperparameters), ...Object.keys(b.hyperparameters)])];
  const text = (document: typeof a, name: string) =>
    name in document.hyperparameters ? String(document.hyperparameters[name]) : null;
  const traces = heldOutTraces({ app, perFamily: 1 });
  const evaluate = async ({ checkpoint, path }: NamedCheckpoint) => {
    const name = `checkpoint:${path}`;
    return meanOutcome(
      name,
      await evaluatePolicy(checkpointPolicy({ name, origin: path, checkpoint }), { app, traces }),
    );
  };
  return {
    against: { path: there.path, algorithm: b.algorithm, createdAt: b.createdAt, sha256: b.weights.sha256 },
    hyperparameters: names
      .map((name) => ({ name, here: text(a, name), there: text(b, name) }))
      .filter((row) => row.here !== row.there),
    evaluation: comparable ? { here: await evaluate(here), there: await evaluate(there) } : null,
    expectedMoveDifference: comparable
      ? mapDifference(decisionMap(app, here.checkpoint), decisionMap(app, there.checkpoint))
      : null,
    decisions: comparable ? decisionDifference(here.checkpoint, there.checkpoint, visited) : null,
  };
}

const mapDifference = (a: DecisionMap, b: DecisionMap) =>
  a.expectedMove.map((row, i) => row.map((move, j) => move - b.expectedMove[i][j]));

function decisionDifference(a: Checkpoint, b: Checkpoint, visited: readonly Float32Array[]) {
  const [here, there] = [createDecider(a), createDecider(b)];
  const neutral = setPointMoves.indexOf(0);
  const moveOf = (decider: Decider) => (decider.move === holdChoice ? neutral : decider.move);
  let differing = 0;
  for (const row of visited) {
    here.decide(row);
    there.decide(row);
    if (moveOf(here) !== moveOf(there) || here.raise !== there.raise) differing++;
  }
  return { compared: visited.length, differingPercent: (100 * differing) / visited.length };
}
