/** The tuned targets of an application, kept beside the code with the sweep that they came from. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { AppModel } from '../../env/apps/app-model.ts';
import { appHash } from '../../env/apps/load-app.ts';
import { UserError } from '../../env/errors.ts';

const frontierPointSchema = z.strictObject({
  value: z.number(),
  violationPercent: z.number().min(0).max(100),
  meanReplicas: z.number().min(0),
});

const tunedTargetsSchema = z.strictObject({
  /** One for all services, or one per service: percent for `hpa-tuned`, load factor for the others. */
  targets: z.array(z.number().positive()).min(1),
  behavior: z.enum(['kubernetes-default', 'measured-project']).default('kubernetes-default'),
  violationPercent: z.number().min(0).max(100),
  meanReplicas: z.number().min(0),
  /** Every common target that was tried, mean over the training traces. */
  frontier: z.array(frontierPointSchema).min(1),
});

export const tunedSchema = z.strictObject({
  app: z.string(),
  /** `appHash` of the app model that was tuned on. */
  appHash: z.string().regex(/^[0-9a-f]{64}$/),
  budgetPercent: z.number().min(0),
  trainingTraces: z.array(z.string()).min(1),
  policies: z.strictObject({
    'hpa-tuned': tunedTargetsSchema.optional(),
    'rps-tuned': tunedTargetsSchema.optional(),
    forecast: tunedTargetsSchema.optional(),
  }),
});

export type Tuned = z.infer<typeof tunedSchema>;
export type TunedTargets = z.infer<typeof tunedTargetsSchema>;

const shippedFolder = join(import.meta.dirname, 'tuned');

/**
 * The tuned targets for this very app model; undefined when it was never tuned or has changed since.
 * @throws UserError `TUNED_INVALID` when the file is there and damaged
 */
export function loadTuned(app: AppModel, folder: string = shippedFolder): Tuned | undefined {
  const file = join(folder, `${app.name}.json`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError('TUNED_INVALID', `Cannot read ${file}. Check that it is a readable file.`, { cause });
  }
  const parsed = tunedSchema.safeParse(parseJson(text, file));
  if (!parsed.success) {
    throw new UserError(
      'TUNED_INVALID',
      `${file} is damaged: ${z.prettifyError(parsed.error)}. Tune again to replace it.`,
    );
  }
  return parsed.data.appHash === appHash(app) ? parsed.data : undefined;
}

/** Writes the file that `loadTuned` reads, and returns its path. */
export function saveTuned(tuned: Tuned, folder: string = shippedFolder): string {
  const file = join(folder, `${tuned.app}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(tunedSchema.parse(tuned), null, 2)}\n`);
  return file;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError('TUNED_INVALID', `${file} is not JSON. Tune again to replace it.`, { cause });
  }
}
