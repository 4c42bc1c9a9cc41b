/** What live training can be told: small updates, since every step is somebody's traffic. The only home of these defaults. */
import { z } from 'zod';
import { UserError } from '../../env/errors.ts';
import type { CheckpointDocument } from '../../policies/actor-critic/checkpoint.ts';
import { optionsOf } from '../options.ts';

export const liveOptionsSchema = z.strictObject({
  seed: z.coerce.number().int().min(0).default(1),
  /** Decisions of all closed loops together. */
  environmentSteps: z.coerce.number().int().min(1).default(1000),
  /** Decisions of each closed loop per update. */
  rolloutSteps: z.coerce.number().int().min(1).max(10_000).default(16),
  learningRate: z.coerce.number().positive().default(3e-5),
  epochs: z.coerce.number().int().min(1).default(2),
  minibatchRows: z.coerce.number().int().min(2).default(64),
  clipRange: z.coerce.number().positive().default(0.1),
  maxKl: z.coerce.number().positive().default(0.01),
  entropyWeight: z.coerce.number().min(0).default(0.0005),
  /** Rows of a rollout below which nothing is learned from it. */
  minRows: z.coerce.number().int().min(2).default(8),
});

export type LiveOptions = z.infer<typeof liveOptionsSchema>;
/** With those that the critic was trained with. */
export type LiveUpdateOptions = LiveOptions &
  Pick<ReturnType<typeof optionsOf>, 'discount' | 'traceDecay' | 'valueWeight' | 'maxGradientNorm'>;

/** @throws UserError naming the option */
export function parseLiveOptions(asked: Record<string, unknown>, document: CheckpointDocument): LiveUpdateOptions {
  const parsed = liveOptionsSchema.safeParse(asked);
  if (!parsed.success) {
    const known = Object.keys(liveOptionsSchema.shape).join(', ');
    throw new UserError('OPTION_INVALID', `live training takes ${known}:\n${z.prettifyError(parsed.error)}`);
  }
  const { discount, traceDecay, valueWeight, maxGradientNorm } = optionsOf(document);
  return { ...parsed.data, discount, traceDecay, valueWeight, maxGradientNorm };
}
