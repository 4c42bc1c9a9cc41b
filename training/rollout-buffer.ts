/** One rollout: `steps` decisions of every lane, time-major, preallocated. */
export interface RolloutBuffer {
  readonly steps: number;
  readonly lanes: number;
  readonly inputs: number;
  readonly headCount: number;
  /** Normalised observations, steps × lanes × inputs. */
  readonly observations: Float32Array;
  readonly actions: Int32Array;
  readonly logProbabilities: Float32Array;
  readonly rewards: Float32Array;
  readonly values: Float32Array;
  readonly nextValues: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  /** Cost of each choice of the set-point head in hindsight, steps × lanes × choices; empty when not recorded. */
  readonly hindsightCosts: Float32Array;
}

export function createRolloutBuffer(
  steps: number,
  lanes: number,
  inputs: number,
  headCount: number,
  hindsightChoices = 0,
): RolloutBuffer {
  const rows = steps * lanes;
  const floats = (perRow = 1) => new Float32Array(rows * perRow);
  return {
    steps,
    lanes,
    inputs,
    headCount,
    observations: floats(inputs),
    actions: new Int32Array(rows * headCount),
    logProbabilities: floats(),
    rewards: floats(),
    values: floats(),
    nextValues: floats(),
    terminated: new Uint8Array(rows),
    truncated: new Uint8Array(rows),
    advantages: floats(),
    returns: floats(),
    hindsightCosts: floats(hindsightChoices),
  };
}

/** A minibatch gathered from the buffer into arrays of its own, reused from one to the next. */
export interface Minibatch {
  readonly rows: number;
  readonly observations: Float32Array;
  readonly actions: Int32Array;
  readonly oldLogProbabilities: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  readonly hindsightCosts: Float32Array;
}

function createMinibatch(buffer: RolloutBuffer, rows: number): Minibatch {
  const total = buffer.steps * buffer.lanes;
  return {
    rows,
    observations: new Float32Array(rows * buffer.inputs),
    actions: new Int32Array(rows * buffer.headCount),
    oldLogProbabilities: new Float32Array(rows),
    advantages: new Float32Array(rows),
    returns: new Float32Array(rows),
    hindsightCosts: new Float32Array((buffer.hindsightCosts.length / total) * rows),
  };
}

/** Copies the buffer's rows `order[from … from + minibatch.rows)`; `order` is a permutation of all rows. */
function gather(buffer: RolloutBuffer, order: Int32Array, from: number, minibatch: Minibatch): void {
  const { inputs, headCount } = buffer;
  const choices = minibatch.hindsightCosts.length / minibatch.rows;
  for (let k = 0; k < minibatch.rows; k++) {
    const row = order[from + k];
    copyRow(buffer.observations, row, minibatch.observations, k, inputs);
    copyRow(buffer.actions, row, minibatch.actions, k, headCount);
    if (choices > 0) copyRow(buffer.hindsightCosts, row, minibatch.hindsightCosts, k, choices);
    minibatch.oldLogProbabilities[k] = buffer.logProbabilities[row];
    minibatch.advantages[k] = buffer.advantages[row];
    minibatch.returns[k] = buffer.returns[row];
  }
}

type NumberArray = Float32Array | Int32Array;

function copyRow(source: NumberArray, row: number, target: NumberArray, k: number, width: number): void {
  for (let j = 0, from = row * width, to = k * width; j < width; j++) target[to + j] = source[from + j];
}

/** Shuffles `order` in place (Fisher–Yates). */
export function shuffle(order: Int32Array, uniform: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

/** Shuffled passes over a rollout in minibatches. */
export interface MinibatchPasses {
  /** Begins with a rollout. */
  begin(buffer: RolloutBuffer): void;
  /** Shows every full minibatch of one shuffled pass; the minibatch is reused. */
  pass(uniform: () => number, visit: (minibatch: Minibatch) => void): void;
}

export function createMinibatchPasses(minibatchRows: number): MinibatchPasses {
  let buffer: RolloutBuffer;
  let minibatch: Minibatch | undefined;
  let order = new Int32Array(0);
  return {
    begin(rollout) {
      buffer = rollout;
      const total = buffer.steps * buffer.lanes;
      if (order.length !== total) {
        order = new Int32Array(total);
        minibatch = undefined;
      }
      // From the same order each time, so that a resumed run shuffles as one that never stopped.
      for (let i = 0; i < total; i++) order[i] = i;
      minibatch ??= createMinibatch(buffer, Math.min(total, minibatchRows));
    },
    pass(uniform, visit) {
      if (minibatch === undefined) throw new Error('begin has not been called');
      shuffle(order, uniform);
      const { rows } = minibatch;
      for (let from = 0; from + rows <= order.length; from += rows) {
        gather(buffer, order, from, minibatch);
        visit(minibatch);
      }
    },
  };
}
