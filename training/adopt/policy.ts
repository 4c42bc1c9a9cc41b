/** The policy that an application is adopted with: a given one, the one in force, or one that is trained now. */
import { join } from 'node:path';
import type { AppModel } from '../../env/apps/app-model.ts';
import { appHash } from '../../env/apps/load-app.ts';
import type { CommandContext } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { type Checkpoint, checkpointApp, readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { loadTensorBackend } from '../../policies/actor-critic/tensor-backend.ts';
import { checkpointOfConfigMap } from '../export/config-map.ts';
import { optionsOf } from '../options.ts';
import { runTraining } from '../run-training.ts';
import { stepsByBackend } from '../steps-by-backend.ts';
import { readBeginning } from '../train-input.ts';
import type { OwnObjects } from './survey.ts';

export interface PolicyRequest {
  readonly app: AppModel;
  /** A folder. */
  readonly checkpoint: string | undefined;
  /** Decisions to train for; asks for a new policy where there is one in force. */
  readonly steps: number | undefined;
  readonly seed: number;
  /** Where a training is written, and gone on with. */
  readonly runFolder: string;
  readonly context: Pick<CommandContext, 'signal' | 'log'>;
}

/** One that needs no training; undefined when there is none. @throws UserError when it is of another application, CHECKPOINT_… */
export async function availablePolicy(request: PolicyRequest, present: OwnObjects): Promise<Checkpoint | undefined> {
  const { app, checkpoint: folder, steps, context } = request;
  if (folder !== undefined) return fitting(await readCheckpoint(folder), app, folder);
  const { configMap, deliberativeLoop } = present;
  const inUse = deliberativeLoop?.spec.policy.checkpoint?.configMap?.name;
  if (steps !== undefined || configMap === undefined || configMap.metadata.name !== inUse) return undefined;
  const origin = `of ConfigMap ${inUse}`;
  context.log(`the policy in force stays (ConfigMap ${inUse}); --steps trains another, --checkpoint names one`);
  return fitting(await checkpointOfConfigMap(configMap), app, origin);
}

/** Undefined when it was stopped: the same command goes on from there. @throws UserError `adopt.run` */
export async function trainedPolicy(request: PolicyRequest): Promise<Checkpoint | undefined> {
  const { app, seed, runFolder, context } = request;
  const { name: backend } = await loadTensorBackend();
  const steps = request.steps ?? stepsByBackend[backend];
  const out = join(runFolder, 'checkpoint');
  const beginning = await readBeginning({ out, continue: true, seed, steps, set: [] });
  const { resume } = beginning;
  if (resume !== undefined) {
    refuseOther(resume, { app, seed, steps, out });
    // It is judged at its end only.
    if (resume.document.evaluation.length > 0) {
      context.log(`training: ${out} is complete already`);
      return resume;
    }
  }
  context.log(`training: ${steps.toLocaleString('en')} decisions under synthetic traffic, backend ${backend}`);
  const { checkpoint, finished } = await runTraining({ app, out, context, ...beginning });
  return finished ? checkpoint : undefined;
}

function refuseOther(
  { document }: Checkpoint,
  { app, seed, steps, out }: { app: AppModel; seed: number; steps: number; out: string },
): void {
  const options = optionsOf(document);
  const isSame = document.app.hash === appHash(app) && options.environmentSteps === steps && options.seed === seed;
  if (isSame) return;
  throw new UserError(
    'adopt.run',
    `${out} holds a training of app model ${document.app.name} (${document.app.hash.slice(0, 12)}) with ${options.environmentSteps} steps and seed ${options.seed}, not of this one with ${steps} and ${seed}: name another folder with --run, remove that one, or take it as it is with --checkpoint ${out}`,
  );
}

async function fitting(checkpoint: Checkpoint, app: AppModel, origin: string): Promise<Checkpoint> {
  const trained = await checkpointApp(checkpoint.document, origin);
  const names = (model: AppModel) => model.services.map(({ name }) => name).join(', ');
  if (names(trained) === names(app)) return checkpoint;
  throw new UserError(
    'adopt.checkpoint',
    `checkpoint ${origin} was trained for services ${names(trained)}, and ${app.name} has ${names(app)}: name a checkpoint of this application, or leave --checkpoint out to train one`,
  );
}
