/** From the flags of `duoloop train` to the options, traffic and beginning of a run in the simulator. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../env/errors.ts';
import { refuseExistingFolder } from '../env/files.ts';
import { readTrace, type Trace } from '../env/workload/trace.ts';
import { type Checkpoint, readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { splitTrace } from './held-out.ts';
import { optionsOf, type TrainOptions, trainOptionsSchema } from './options.ts';

export interface TrainFlags {
  out: string;
  traces?: string[] | undefined;
  holdOut?: number | undefined;
  algorithm?: 'ppo' | 'a2c' | undefined;
  seed?: number | undefined;
  steps?: number | undefined;
  violationTarget?: number | undefined;
  resume?: string | undefined;
  continue: boolean;
  from?: string | undefined;
  options?: string | undefined;
  set: string[];
}

/** How a run begins, and with which options. */
export interface Beginning {
  readonly options: TrainOptions;
  readonly resume?: Checkpoint;
  readonly from?: Checkpoint;
}

/** The traffic to train on: of each trace the part that is not held out. Undefined: synthetic. */
export async function readTrainingTraces({
  traces: files,
  holdOut,
}: Pick<TrainFlags, 'traces' | 'holdOut'>): Promise<Trace[] | undefined> {
  if (files === undefined) {
    if (holdOut === undefined) return undefined;
    throw new UserError('HELD_OUT', '--hold-out keeps a part of --traces for judging; name traces or leave it out');
  }
  const traces = await Promise.all(files.map(readTrace));
  return holdOut === undefined ? traces : traces.map((trace) => splitTrace(trace, holdOut).training);
}

/** @throws UserError for options that do not go together, and for folders that hold something else */
export async function readBeginning(flags: TrainFlags): Promise<Beginning> {
  const folder = flags.resume ?? (flags.continue && (await hasCheckpoint(flags.out)) ? flags.out : undefined);
  const isOwnFolder = folder === flags.out;
  // Metrics of a run that ended before its first checkpoint are of no use.
  if (!isOwnFolder && !flags.continue) await refuseExistingFolder(flags.out, '--out');
  const asked = await askedOptions(flags);
  if (folder !== undefined) {
    const resume = await readCheckpoint(folder);
    if (flags.resume !== undefined && (Object.keys(asked).length > 0 || flags.from !== undefined)) {
      throw new UserError(
        'RESUME_OPTIONS',
        '--resume goes on with the options that the run began with; leave --from, --options, --algorithm, --seed, --steps, --violation-target and --set out',
      );
    }
    return { options: optionsOf(resume.document), resume };
  }
  if (flags.from === undefined) return { options: parseOptions(asked) };
  const from = await readCheckpoint(flags.from);
  return { options: parseOptions({ hidden: from.document.hidden, ...asked }), from };
}

async function hasCheckpoint(folder: string): Promise<boolean> {
  try {
    await readFile(join(folder, 'checkpoint.json'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new UserError('CHECKPOINT_UNREADABLE', `--out ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

/** Options as given, by name; what was typed goes before what the file says. */
export async function askedOptions(flags: TrainFlags): Promise<Record<string, unknown>> {
  const typed = {
    algorithm: flags.algorithm,
    seed: flags.seed,
    environmentSteps: flags.steps,
    violationTargetPercent: flags.violationTarget,
    ...parseSettings(flags.set),
  };
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== undefined));
  return { ...(flags.options === undefined ? {} : await readOptionsFile(flags.options)), ...given };
}

const optionsFileSchema = z.record(z.string(), z.unknown());

async function readOptionsFile(file: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError('OPTIONS_UNREADABLE', `--options ${file}: ${(cause as Error).message}`, { cause });
  }
  const parsed = optionsFileSchema.safeParse(value);
  const known = Object.keys(trainOptionsSchema.shape);
  const unknown = Object.keys(parsed.data ?? {}).find((name) => !known.includes(name));
  if (parsed.success && unknown === undefined) return parsed.data;
  const what = unknown === undefined ? 'is not a map of options' : `has no option "${unknown}"`;
  throw new UserError('OPTIONS_INVALID', `--options ${file} ${what}; write name: value with ${known.join(', ')}`);
}

function parseSettings(settings: readonly string[]): Record<string, unknown> {
  const known = Object.keys(trainOptionsSchema.shape);
  return Object.fromEntries(
    settings.map((setting) => {
      const [name, value] = setting.split(/=(.*)/s);
      if (value === undefined || !known.includes(name)) {
        throw new UserError('SETTING_UNKNOWN', `--set ${setting}: write name=value with one of ${known.join(', ')}`);
      }
      if (value === 'true' || value === 'false') return [name, value === 'true'];
      return [name, name === 'hidden' ? value.split(',') : value];
    }),
  );
}

function parseOptions(asked: Record<string, unknown>): TrainOptions {
  const parsed = trainOptionsSchema.safeParse(asked);
  if (parsed.success) return parsed.data;
  throw new UserError('OPTION_INVALID', `training options:\n${z.prettifyError(parsed.error)}`, { cause: parsed.error });
}
