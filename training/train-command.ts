/** `duoloop train`: trains a policy and leaves a checkpoint, in a folder and in a ConfigMap where one is named. */
import { z } from 'zod';
import { loadApp } from '../env/apps/load-app.ts';
import {
  clusterConnection,
  clusterFields,
  clusterOptions,
  presetOption,
  prometheusFields,
  prometheusOptions,
  rateWindowField,
  rateWindowOption,
} from '../env/cluster/command-options.ts';
import { metricPresets } from '../env/cluster/live/metric-queries.ts';
import { type CommandContext, defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import type { Checkpoint } from '../policies/actor-critic/checkpoint.ts';
import { objectName } from '../policies/resources/resource.ts';
import { holdOutShare } from './held-out.ts';
import { trainOptionsSchema } from './options.ts';
import { readBeginning, readTrainingTraces } from './train-input.ts';

const schema = z.object({
  app: z.string().optional(),
  out: z.string(),
  traces: z.array(z.string()).min(1).optional(),
  holdOut: holdOutShare.optional(),
  algorithm: z.enum(['ppo', 'a2c']).optional(),
  seed: z.coerce.number().int().min(0).optional(),
  steps: z.coerce.number().int().min(1).optional(),
  violationTarget: z.coerce.number().positive().optional(),
  metricLag: z.coerce.number().min(0).max(3600).optional(),
  metricAveraging: z.coerce.number().min(0).max(3600).optional(),
  env: z.enum(['sim', 'live']).default('sim'),
  resume: z.string().optional(),
  continue: z.boolean().default(false),
  from: z.string().optional(),
  options: z.string().optional(),
  set: z.array(z.string()).default([]),
  configMap: objectName.optional(),
  namespace: objectName.optional(),
  deliberativeLoop: objectName.optional(),
  ...prometheusFields,
  preset: z.enum(metricPresets).default('istio'),
  rateWindow: rateWindowField.prefault('30s'),
  timeScale: z.coerce.number().positive().max(1000).default(1),
  epoch: z.coerce.number().min(0).default(0),
  metricsPort: z.coerce.number().int().min(0).max(65_535).optional(),
  bind: z.string().default('127.0.0.1'),
  ...clusterFields,
});
export type TrainInput = z.infer<typeof schema>;

export const command = defineCommand({
  examples: [
    'duoloop train --app frontend --out runs/frontend',
    'duoloop train --app frontend --algorithm a2c --seed 3 --steps 8000000 --out runs/a2c-3',
    'duoloop train --app frontend --resume runs/frontend --out runs/frontend',
    'duoloop train --app teastore --set warmStartShare=0.5 hidden=32,32 --out runs/teastore',
    'duoloop train --app frontend --metric-lag 10 --metric-averaging 45 --out runs/frontend-live',
    'duoloop train --app shop.json --traces week.csv --hold-out 0.25 --from runs/last-week --out runs/this-week --config-map shop-policy --namespace shop',
    'duoloop train --env live --resume runs/shop --out runs/shop-live --prometheus http://localhost:9090 --namespace shop --deliberative-loop shop --steps 500',
  ],
  options: [
    { flags: '--app <name>', description: 'a shipped app model or its JSON file' },
    { flags: '--out <folder>', description: 'where the checkpoint and the metrics go' },
    {
      flags: '--traces <file...>',
      description: 'own traffic to train on (trace CSV) instead of the synthetic families',
    },
    { flags: '--hold-out <share>', description: 'keeps the last part of each trace for duoloop promote --hold-out' },
    { flags: '--algorithm <name>', description: 'ppo (the default) or a2c' },
    { flags: '--seed <n>', description: 'seed of everything that is random' },
    { flags: '--steps <n>', description: 'decisions of all lanes together' },
    { flags: '--violation-target <percent>', description: 'share of time above the SLA that training aims at' },
    { flags: '--metric-lag <seconds>', description: 'age of the newest measurement, instead of the app model’s' },
    {
      flags: '--metric-averaging <seconds>',
      description: 'window of a measurement, instead of the app model’s: that of the rates in PromQL',
    },
    { flags: '--env <kind>', description: 'sim: the simulator; live: closed loops of a cluster, from --resume on' },
    { flags: '--resume <folder>', description: 'goes on with the run that left this checkpoint, with its options' },
    { flags: '--continue', description: 'goes on with the run in --out where there is one, begins it otherwise' },
    { flags: '--from <folder>', description: 'a new run that begins with the weights of this checkpoint' },
    { flags: '--options <file>', description: 'options as YAML or JSON; what is typed goes first' },
    {
      flags: '--set <name=value...>',
      description: `any other option: ${Object.keys(trainOptionsSchema.shape).join(', ')}`,
    },
    { flags: '--config-map <name>', description: 'also writes the checkpoint into this ConfigMap of --namespace' },
    { flags: '--namespace <name>', description: 'of --config-map and --deliberative-loop' },
    { flags: '--deliberative-loop <name>', description: 'with --env live: whose closed loops it trains on' },
    ...prometheusOptions('only with --env live'),
    presetOption(metricPresets, 'where the DeliberativeLoop names none'),
    rateWindowOption(),
    { flags: '--time-scale <factor>', description: 'how much faster than life a lab runs' },
    { flags: '--epoch <second>', description: 'Unix second that a lab counts from' },
    {
      flags: '--metrics-port <n>',
      description: 'tells Prometheus of the progress here; 0 for a free port, nothing when left out',
    },
    { flags: '--bind <address>', description: 'address that --metrics-port listens on' },
    ...clusterOptions,
  ],
  schema,
  async run(input, context: CommandContext) {
    if (input.configMap !== undefined && input.namespace === undefined) {
      throw new UserError('TRAIN_OPTIONS', '--config-map needs --namespace: the one that the ConfigMap is in');
    }
    if (input.env === 'live' && input.metricsPort !== undefined) {
      throw new UserError('TRAIN_OPTIONS', '--metrics-port is for --env sim: the agent tells of live closed loops');
    }
    const { checkpoint, finished } = await (input.env === 'live' ? trainLive : trainSimulated)(input, context);
    if (input.configMap !== undefined && finished) await writeConfigMap(checkpoint, input, context);
    return finished ? 0 : 1;
  },
});

async function trainSimulated(input: TrainInput, context: CommandContext) {
  if (input.app === undefined) throw new UserError('TRAIN_OPTIONS', '--app is missing: a shipped app model or a file');
  const { out } = input;
  const [model, traces, beginning] = await Promise.all([
    loadApp(input.app),
    readTrainingTraces(input),
    readBeginning(input),
  ]);
  const app = {
    ...model,
    metricLagSeconds: input.metricLag ?? model.metricLagSeconds,
    metricAveragingSeconds: input.metricAveraging ?? model.metricAveragingSeconds,
  };
  const { runTraining } = await import('./run-training.ts');
  const { metricsPort: port, bind: host } = input;
  const serveMetrics = port === undefined ? undefined : { port, host };
  const run = await runTraining({ app, traces, out, serveMetrics, context, ...beginning });
  if (!run.finished) {
    context.log(`stopped; go on with: duoloop train --app ${input.app} --resume ${out} --out ${out}`);
  }
  return run;
}

async function trainLive(input: TrainInput, context: CommandContext) {
  const { runLiveTraining } = await import('./live-training/run-live-training.ts');
  return runLiveTraining(input, context);
}

async function writeConfigMap(checkpoint: Checkpoint, input: TrainInput, context: CommandContext): Promise<void> {
  const { configMap: name = '', namespace = '' } = input;
  const { connectKubernetes } = await import('../env/cluster/kubernetes-client.ts');
  const { writeCheckpointConfigMap } = await import('./export/config-map.ts');
  const api = await connectKubernetes({
    ...clusterConnection(input),
    userAgent: 'duoloop-train',
  });
  await writeCheckpointConfigMap(api, checkpoint, { namespace, name, fieldManager: 'duoloop-train' });
  context.log(`checkpoint: ConfigMap ${namespace}/${name}`);
}
