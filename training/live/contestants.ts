/** What can scale an application of the lab, by the names that comparisons use. */
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import { type Checkpoint, checkpointApp, readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { fixedHpaOptions, type HpaPolicyOptions } from '../../policies/hpa/policies.ts';
import { defaultLoopSpec } from '../../policies/reactive/default-specs.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import { tunedBaselines } from '../tune.ts';

/** One of those that are compared, with the namespace that is its own. */
export interface Contestant {
  /** As in rows and file names. */
  readonly policy: string;
  readonly namespace: string;
  readonly scaler:
    | { readonly kind: 'hpa'; readonly options: HpaPolicyOptions }
    | { readonly kind: 'reactive'; readonly loop: LoopSpec }
    | { readonly kind: 'two-loop'; readonly checkpoint: Checkpoint };
}

export const contestantNames = ['hpa', 'hpa-measured', 'hpa-tuned', 'reactive', 'duoloop', 'checkpoint:DIR'] as const;

const shippedCheckpoints = fileURLToPath(new URL('../../policies/checkpoints', import.meta.url));
const checkpointPrefix = 'checkpoint:';

/** In the order of the names. @throws UserError `lab.policy`, CHECKPOINT_… */
export async function resolveContestants(
  names: readonly string[],
  app: AppModel,
  log: (line: string) => void,
): Promise<Contestant[]> {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new UserError('lab.policy', `--compare names ${repeated} twice; name it once`);
  const contestants: Contestant[] = [];
  for (const [i, policy] of names.entries()) {
    const namespace = policy.startsWith(checkpointPrefix) ? `checkpoint-${i + 1}` : policy;
    contestants.push({ policy, namespace, scaler: await resolveScaler(policy, app, log) });
  }
  return contestants;
}

async function resolveScaler(
  policy: string,
  app: AppModel,
  log: (line: string) => void,
): Promise<Contestant['scaler']> {
  if (policy.startsWith(checkpointPrefix)) return twoLoop(policy.slice(checkpointPrefix.length), app);
  switch (policy) {
    case 'hpa':
    case 'hpa-measured':
      return { kind: 'hpa', options: fixedHpaOptions[policy] };
    case 'hpa-tuned':
      return { kind: 'hpa', options: await tunedOptions(app, log) };
    case 'reactive':
      return { kind: 'reactive', loop: defaultLoopSpec(app) };
    case 'duoloop':
      return twoLoop(await shippedCheckpoint(app), app);
    case 'rps-tuned':
      throw new UserError(
        'lab.policy',
        '--compare rps-tuned: an HPA on requests/s needs an external metrics API, which the lab has not; compare it in the simulator (duoloop compare), or take hpa-tuned here',
      );
    default:
      throw new UserError(
        'lab.policy',
        `--compare ${policy}: the lab has ${contestantNames.join(', ')}; the others exist in the simulator alone (duoloop compare)`,
      );
  }
}

async function tunedOptions(app: AppModel, log: (line: string) => void): Promise<HpaPolicyOptions> {
  const tuned = (await tunedBaselines(app, log)).policies['hpa-tuned'];
  if (tuned === undefined) {
    throw new UserError('lab.policy', `--compare hpa-tuned: no CPU target could be tuned for ${app.name}; take hpa`);
  }
  return { name: 'hpa-tuned', cpuTargetPercent: tuned.targets, behavior: tuned.behavior };
}

/** The one trained for measurements as a Prometheus gives them, where there is one, before that of the app model's own delays. */
async function shippedCheckpoint(app: AppModel): Promise<string> {
  for (const name of [`${app.name}-live`, app.name]) {
    const folder = `${shippedCheckpoints}/${name}`;
    if (
      await access(folder).then(
        () => true,
        () => false,
      )
    )
      return folder;
  }
  throw new UserError(
    'lab.policy',
    `--compare duoloop: no checkpoint is shipped for ${app.name}; train one (duoloop train) and name it as checkpoint:DIR`,
  );
}

async function twoLoop(folder: string, app: AppModel): Promise<Contestant['scaler']> {
  const checkpoint = await readCheckpoint(folder);
  const trained = await checkpointApp(checkpoint.document, folder);
  const names = (model: AppModel) => model.services.map(({ name }) => name).join(', ');
  if (names(trained) !== names(app)) {
    throw new UserError(
      'lab.policy',
      `checkpoint ${folder} was trained for services ${names(trained)}, and ${app.name} has ${names(app)}; name a checkpoint of this application`,
    );
  }
  return { kind: 'two-loop', checkpoint };
}
