/** A trained policy as a function from observations to choices, for comparison, inspection and the agent. Needs no tensor library. */
import { setPointMoves } from '../../env/deliberative-action.ts';
import { UserError } from '../../env/errors.ts';
import { likeliestChoice, medianMove } from './categorical.ts';
import { type Checkpoint, checkpointInputs, networkShape } from './checkpoint.ts';
import { createNetwork } from './network.ts';
import { scaleInputs } from './normalisation.ts';

export interface Decider {
  /**
   * Reads one raw observation; afterwards `raise` and `move` are its choices (indices into the heads) and `logits` the
   * actor's outputs. Deterministic: the likeliest raise and the median move.
   */
  decide(observation: Float32Array): void;
  readonly logits: Float32Array;
  raise: number;
  move: number;
}

/** Choice of the set-point head that keeps the size; what "hold" counts as where moves are compared. */
export const neutralMove = setPointMoves.indexOf(0);

export function createDecider({ document, parameters }: Pick<Checkpoint, 'document' | 'parameters'>): Decider {
  const shape = networkShape(document);
  const network = createNetwork(shape, parameters);
  const scaling = checkpointInputs(document);
  const scaled = new Float32Array(shape.inputs);
  const logits = new Float32Array(network.layout.logits);
  const [raises, moves] = shape.heads;
  const decider: Decider = {
    logits,
    raise: 0,
    move: neutralMove,
    decide(observation) {
      scaleInputs(scaling, observation, scaled);
      network.actor(scaled, logits);
      decider.raise = likeliestChoice(logits, 0, raises);
      decider.move = medianMove(logits, raises, moves, neutralMove);
    },
  };
  return decider;
}

/** The decider of a checkpoint, whose observations and heads must be those that are made here. Throws UserError. */
export function checkpointDecider(
  checkpoint: Checkpoint,
  observationNames: readonly string[],
  headSizes: readonly number[],
  origin: string,
): Decider {
  checkCheckpointFits(checkpoint, observationNames, headSizes, origin);
  return createDecider(checkpoint);
}

/** @throws UserError `CHECKPOINT_OBSERVATIONS`, `CHECKPOINT_ACTIONS` when a checkpoint is for other observations or heads. */
export function checkCheckpointFits(
  { document }: Checkpoint,
  observationNames: readonly string[],
  headSizes: readonly number[],
  origin: string,
): void {
  const theirs = document.observationNames;
  const difference = observationNames.findIndex((name, i) => theirs[i] !== name);
  if (difference >= 0 || theirs.length !== observationNames.length) {
    const at = difference >= 0 ? difference : observationNames.length;
    throw new UserError(
      'CHECKPOINT_OBSERVATIONS',
      `checkpoint ${origin} was trained on other observations: number ${at + 1} is ${theirs[at] ?? 'missing'} there and ${observationNames[at] ?? 'missing'} here. Train one for this application and this version of Duoloop`,
    );
  }
  const shape = networkShape(document);
  if (shape.heads.join() !== headSizes.join()) {
    throw new UserError(
      'CHECKPOINT_ACTIONS',
      `checkpoint ${origin} has action heads of ${shape.heads.join(' and ')} choices, this application needs ${headSizes.join(' and ')}. Train one for it`,
    );
  }
}
