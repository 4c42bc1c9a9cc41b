/** The policy of a checkpoint on many observations at once: deterministic as `createDecider`, with its probability and value. */
import { likeliestChoice, medianMove } from '../actor-critic/categorical.ts';
import { type Checkpoint, checkpointInputs, networkShape } from '../actor-critic/checkpoint.ts';
import { neutralMove } from '../actor-critic/decider.ts';
import { createNetwork } from '../actor-critic/network.ts';
import { scaleInputs } from '../actor-critic/normalisation.ts';

/** One entry per row; valid until the next pass. */
export interface BatchDecisions {
  /** 1 where all outputs are numbers; the other entries of a row count only then. */
  readonly isSound: Uint8Array;
  readonly raise: Int32Array;
  readonly move: Int32Array;
  /** Probability of both choices together; "hold" and "+0" count as one, as they do for the median. */
  readonly confidence: Float64Array;
  /**
   * What the critic expects: the discounted sum of rewards where the checkpoint knows its reward scale, else of scaled ones.
   * NaN for a policy without a critic.
   */
  readonly value: Float64Array;
}

export interface BatchDecider {
  /** Observations of one pass, `rows × width` row-major, to be filled before `decide`. */
  observationsFor(rows: number): Float32Array;
  decide(rows: number): BatchDecisions;
}

const firstCapacity = 32;

export function createBatchDecider({ document, parameters }: Checkpoint): BatchDecider {
  const shape = networkShape(document);
  const network = createNetwork(shape, parameters);
  const inputs = checkpointInputs(document);
  const hasCritic = network.layout.critic.length > 0;
  const width = shape.inputs;
  const [raises, moves] = shape.heads;
  const logits = new Float32Array(network.layout.logits);
  // The critic learned on rewards divided by the deviation of the return.
  const valueScale = Math.sqrt(document.resume?.returnMoments.variance ?? 1);
  let observations = new Float32Array(0);
  let views: Float32Array[] = [];
  let decisions = decisionsFor(0);

  function grow(rows: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(firstCapacity, rows)));
    observations = new Float32Array(capacity * width);
    views = Array.from({ length: capacity }, (_, row) => observations.subarray(row * width, (row + 1) * width));
    decisions = decisionsFor(capacity);
  }

  function decideRow(row: number): void {
    network.actor(views[row], logits);
    const value = network.value(views[row]) * valueScale;
    let isSound = !hasCritic || Number.isFinite(value);
    for (let i = 0; i < logits.length; i++) isSound &&= Number.isFinite(logits[i]);
    decisions.isSound[row] = isSound ? 1 : 0;
    if (!isSound) return;
    const raise = likeliestChoice(logits, 0, raises);
    const move = medianMove(logits, raises, moves, neutralMove);
    decisions.raise[row] = raise;
    decisions.move[row] = move;
    decisions.value[row] = value;
    const hold = move === neutralMove ? probability(logits, raises, moves, moves - 1) : 0;
    decisions.confidence[row] =
      probability(logits, 0, raises, raise) * (probability(logits, raises, moves, move) + hold);
  }

  return {
    observationsFor(rows) {
      if (rows > views.length) grow(rows);
      return observations;
    },
    decide(rows) {
      const used = observations.subarray(0, rows * width);
      scaleInputs(inputs, used, used);
      for (let row = 0; row < rows; row++) decideRow(row);
      return decisions;
    },
  };
}

function decisionsFor(rows: number): BatchDecisions {
  return {
    isSound: new Uint8Array(rows),
    raise: new Int32Array(rows),
    move: new Int32Array(rows),
    confidence: new Float64Array(rows),
    value: new Float64Array(rows),
  };
}

/** Softmax of one choice. */
function probability(logits: Float32Array, offset: number, count: number, choice: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = offset; i < offset + count; i++) if (logits[i] > largest) largest = logits[i];
  let total = 0;
  for (let i = offset; i < offset + count; i++) total += Math.exp(logits[i] - largest);
  return Math.exp(logits[offset + choice] - largest) / total;
}
