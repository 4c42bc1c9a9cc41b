/** The traces for each purpose. Their seeds never meet, so nothing that a policy was trained or selected on is claimed as a result. */
import type { AppModel } from '../env/apps/app-model.ts';
import { trainingTraceSeed } from '../env/simulator/episodes.ts';
import { evaluationFamilies, generateTrace, type WorkloadFamily } from '../env/workload/families.ts';
import type { Trace } from '../env/workload/trace.ts';

const validationTraceSeed = 2_000_000;
const tuningTraceSeed = trainingTraceSeed + 900_000;

interface DrawOptions {
  app: AppModel;
  perFamily: number;
  families?: readonly WorkloadFamily[];
  durationSeconds?: number;
}

function drawTraces(
  { app, perFamily, families = evaluationFamilies, durationSeconds }: DrawOptions,
  seed: number,
): Trace[] {
  return families.flatMap((family) =>
    Array.from({ length: perFamily }, (_, i) =>
      generateTrace({ family, seed: seed + i, nominalLoad: app.nominalLoad, durationSeconds }),
    ),
  );
}

/** For choosing between policies while training. */
export const validationTraces = (options: DrawOptions) => drawTraces(options, validationTraceSeed);
/** For tuning the baselines' targets. */
export const tuningTraces = (options: DrawOptions) => drawTraces(options, tuningTraceSeed);
/** For claims: never trained, tuned or selected on. `seed` counts from 1. */
export const heldOutTraces = (options: DrawOptions & { seed?: number }) => drawTraces(options, options.seed ?? 1);
