/** `duoloop train`: trains a policy and leaves a checkpoint. */
import { z } from 'zod';
import { loadApp } from '../env/apps/load-app.ts';
import { type CommandContext, defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { refuseExistingFolder } from '../env/files.ts';
import { readTrace } from '../env/workload/trace.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { optionsOf, type TrainOptions, trainOptionsSchema } from './options.ts';
import { runTraining } from './run-training.ts';

export const command = defineCommand({
  examples: [
    'duoloop train --app frontend --out runs/frontend',
    'duoloop train --app frontend --algorithm a2c --seed 3 --steps 8000000 --out runs/a2c-3',
    'duoloop train --app frontend --resume runs/frontend --out runs/frontend',
    'duoloop train --app teastore --set warmStartShare=0.5 hidden=32,32 --out runs/teastore',
  ],
  options: [
    { flags: '--app <name>', description: 'a shipped app model or its JSON file' },
    { flags: '--out <folder>', description: 'where the checkpoint and the metrics go' },
    {
      flags: '--traces <file...>',
      description: 'own traffic to train on (trace CSV) instead of the synthetic families',
    },
    { flags: '--algorithm <name>', description: 'ppo (the default) or a2c' },
    { flags: '--seed <n>', description: 'seed of everything that is random' },
    { flags: '--steps <n>', description: 'decisions of all lanes together' },
    { flags: '--violation-target <percent>', description: 'share of time above the SLA that training aims at' },
    { flags: '--env <kind>', description: 'sim: the simulator' },
    { flags: '--resume <folder>', description: 'goes on with the run that left this checkpoint, with its options' },
    {
      flags: '--set <name=value...>',
      description: `any other option: ${Object.keys(trainOptionsSchema.shape).join(', ')}`,
    },
  ],
  schema: z.object({
    app: z.string(),
    out: z.string(),
    traces: z.array(z.string()).min(1).optional(),
    algorithm: z.enum(['ppo', 'a2c']).optional(),
    seed: z.coerce.number().int().min(0).optional(),
    steps: z.coerce.number().int().min(1000).optional(),
    violationTarget: z.coerce.number().positive().optional(),
    env: z.enum(['sim']).default('sim'),
    resume: z.string().optional(),
    set: z.array(z.string()).default([]),
  }),
  async run(input, context: CommandContext) {
    const app = await loadApp(input.app);
    const traces = input.traces && (await Promise.all(input.traces.map(readTrace)));
    const resume = input.resume === undefined ? undefined : await readCheckpoint(input.resume);
    if (input.resume !== input.out) await refuseExistingFolder(input.out, '--out');
    const asked = {
      algorithm: input.algorithm,
      seed: input.seed,
      environmentSteps: input.steps,
      violationTargetPercent: input.violationTarget,
      ...parseSettings(input.set),
    };
    if (resume && Object.values(asked).some((value) => value !== undefined)) {
      throw new UserError(
        'RESUME_OPTIONS',
        '--resume goes on with the options that the run began with; leave --algorithm, --seed, --steps, --violation-target and --set out',
      );
    }
    const options = resume ? optionsOf(resume.document) : parseOptions(asked);
    const { finished } = await runTraining({ app, options, traces, resume, out: input.out, context });
    if (finished) return 0;
    context.log(`stopped; go on with: duoloop train --app ${input.app} --resume ${input.out} --out ${input.out}`);
    return 1;
  },
});

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
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  const parsed = trainOptionsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UserError('OPTION_INVALID', `training options:\n${z.prettifyError(parsed.error)}`, { cause: parsed.error });
}
