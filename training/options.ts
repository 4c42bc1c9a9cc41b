/** What a training run can be told. Parsed once; the only home of its defaults. */
import { z } from 'zod';
import { UserError } from '../env/errors.ts';
import type { CheckpointDocument } from '../policies/actor-critic/checkpoint.ts';

export const trainOptionsSchema = z.object({
  algorithm: z.enum(['ppo', 'a2c']).default('ppo'),
  seed: z.coerce.number().int().min(0).default(1),
  /** Decisions of all lanes together. */
  environmentSteps: z.coerce.number().int().min(1).default(4_000_000),
  intervalSeconds: z.coerce.number().int().min(15).multipleOf(15).default(15),
  lanes: z.coerce.number().int().min(1).default(1024),
  /** Decisions of each lane per rollout. */
  rolloutSteps: z.coerce.number().int().min(1).default(16),
  /** Rollouts between two validations; a run can be resumed from any of them. */
  segmentRollouts: z.coerce.number().int().min(1).default(10),
  hidden: z.array(z.coerce.number().int().min(1)).min(1).default([64, 64]),
  /** Share of the rollouts that learn from hindsight before the algorithm takes over; 0 is the algorithm alone. */
  warmStartShare: z.coerce.number().min(0).max(1).default(0.75),
  warmStartLearningRate: z.coerce.number().positive().default(3e-3),
  warmStartEpochs: z.coerce.number().int().min(1).default(3),
  /** Entropy bonus while learning from hindsight, falling to `entropyWeight`: it keeps a choice that looked bad early from being lost. */
  warmStartEntropyWeight: z.coerce.number().min(0).default(0.02),
  /** Share of random moves while learning from hindsight, so that states a good policy avoids are learned too. */
  exploration: z.coerce.number().min(0).max(1).default(0.1),
  learningRate: z.coerce.number().positive().default(3e-4),
  discount: z.coerce.number().min(0).max(1).default(0.97),
  traceDecay: z.coerce.number().min(0).max(1).default(0.9),
  minibatchRows: z.coerce.number().int().min(1).default(2048),
  epochs: z.coerce.number().int().min(1).default(2),
  clipRange: z.coerce.number().positive().default(0.2),
  entropyWeight: z.coerce.number().min(0).default(0.001),
  valueWeight: z.coerce.number().min(0).default(0.5),
  maxGradientNorm: z.coerce.number().positive().default(0.5),
  maxKl: z.coerce.number().positive().default(0.05),
  /**
   * Share of time above the SLA that the Lagrangian aims at, percent; 0 takes `autoTargetShare` of what the tuned HPA has
   * on the validation traces, so that nobody has to know a good figure beforehand.
   */
  violationTargetPercent: z.coerce.number().min(0).default(0),
  violationWeight: z.coerce.number().positive().default(12),
  /** Keeps `violationWeight` as it is. */
  fixedViolationWeight: z.coerce.boolean().default(false),
  /** Which halves of the action are learned. */
  learns: z.enum(['both', 'ranks', 'set-points']).default('both'),
});

/** Well below what is to be beaten, since violations on other traffic scatter, and since most of what an HPA has can be avoided. */
export const autoTargetShare = 0.32;

export type TrainOptions = z.infer<typeof trainOptionsSchema>;

/**
 * The options that a checkpoint's run began with.
 * @throws UserError `IMPORTED_ACTOR` for one that was not trained here
 */
export function optionsOf(document: CheckpointDocument): TrainOptions {
  refuseImportedActor(document);
  const { hyperparameters, seeds, algorithm, intervalSeconds, hidden } = document;
  return trainOptionsSchema.parse({ ...hyperparameters, seed: seeds.training, algorithm, intervalSeconds, hidden });
}

/** @throws UserError `IMPORTED_ACTOR` for an actor without what training needs: a critic, and layers as training has them */
export function refuseImportedActor({ imported }: CheckpointDocument): void {
  if (imported === undefined) return;
  throw new UserError(
    'IMPORTED_ACTOR',
    'this checkpoint is an actor imported from ONNX and cannot be trained on here: go on where it was trained and import it again, or train a policy of your own from the beginning',
  );
}
