/** `duoloop import-onnx`: an actor trained elsewhere becomes a checkpoint. */
import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadApp } from '../../env/apps/load-app.ts';
import { type CommandContext, defineCommand } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { refuseExistingFolder } from '../../env/files.ts';
import { formatDecimal, formatPercent } from '../../env/report/number-format.ts';
import { type Checkpoint, hashBytes, writeCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';
import { type LoopSpec, parseLoopSpec } from '../../policies/reactive/loop-spec.ts';
import { evaluateAgainstBaselines } from '../evaluate-against-baselines.ts';
import { trainOptionsSchema } from '../options.ts';
import { type ImportResult, importActor } from './import-actor.ts';
import { readMetadata } from './metadata.ts';
import type { OnnxModel } from './onnx-model.ts';
import { readModel } from './read-actor.ts';

/** The agent reads no checkpoint that is larger. */
const maxFileBytes = 16 * 1024 * 1024;

const schema = z.object({
  file: z.string(),
  out: z.string(),
  app: z.string().optional(),
  interval: trainOptionsSchema.shape.intervalSeconds.unwrap().optional(),
  loop: z.string().optional(),
  logits: z.array(z.string()).min(1).optional(),
  seed: z.coerce.number().int().min(0).default(1),
  evaluate: z.boolean().default(true),
});
type ImportInput = z.infer<typeof schema>;

export const command = defineCommand({
  examples: [
    'duoloop import-onnx actor.onnx --out runs/imported',
    'duoloop import-onnx actor.onnx --app shop.json --interval 15 --out runs/imported',
    'duoloop import-onnx actor.onnx --app frontend --interval 15 --logits raise move --no-evaluate --out runs/imported',
  ],
  arguments: [{ name: '<file>', description: 'an actor as ONNX, from duoloop_gym.onnx or torch.onnx.export' }],
  options: [
    { flags: '--out <folder>', description: 'the checkpoint' },
    {
      flags: '--app <name>',
      description: 'the app model that it was trained on, shipped or a file; files of duoloop_gym name shipped ones',
    },
    { flags: '--interval <seconds>', description: 'between two decisions, as trained, where the file does not say' },
    {
      flags: '--loop <file>',
      description: 'the reactive loop that it acted over (YAML), when not the one of training',
    },
    {
      flags: '--logits <name...>',
      description: 'outputs of the file that are the logits; found by their sizes otherwise',
    },
    { flags: '--seed <n>', description: 'of the traffic that its usual observations are sampled on' },
    { flags: '--no-evaluate', description: 'does not compare it with the baselines' },
  ],
  schema,
  async run(input, context) {
    await refuseExistingFolder(input.out, '--out');
    const bytes = await readOnnxFile(input.file);
    const model = readModel(bytes, input.file);
    const target = await targetOf(input, model);
    const imported = importActor({
      ...target,
      model,
      sha256: hashBytes(bytes),
      origin: input.file,
      outputs: input.logits,
      seed: input.seed,
      createdAt: new Date().toISOString(),
    });
    describe(imported, context);
    const { checkpoint } = imported;
    if (input.evaluate) {
      checkpoint.document.evaluation = await evaluateAgainstBaselines(target.app, checkpoint, context.log);
      describeEvaluation(checkpoint, context);
    }
    await writeCheckpoint(input.out, checkpoint);
    context.print(`checkpoint: ${input.out}`);
    return 0;
  },
});

async function readOnnxFile(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size <= maxFileBytes) return await readFile(file);
  } catch (cause) {
    throw new UserError('ONNX_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  throw new UserError(
    'ONNX_UNREADABLE',
    `${file} has more than ${maxFileBytes / 1024 ** 2} MiB, which no agent would load; export the actor alone, with smaller layers`,
  );
}

/** What it is for: as typed, else as the file says. */
async function targetOf({ file, app: asked, interval, loop }: ImportInput, model: OnnxModel) {
  const metadata = readMetadata(model.metadata, file);
  const appName = asked ?? metadata?.app;
  const intervalSeconds = interval ?? metadata?.intervalSeconds;
  if (appName === undefined || intervalSeconds === undefined) {
    const missing = [
      ...(appName === undefined ? ['--app NAME'] : []),
      ...(intervalSeconds === undefined ? ['--interval SECONDS'] : []),
    ];
    throw new UserError(
      'ONNX_METADATA',
      `${file} does not say what it was trained for; give ${missing.join(' and ')}, or export it by duoloop_gym.onnx.export_actor`,
    );
  }
  const app = await loadApp(appName);
  return { app, intervalSeconds, loop: loop === undefined ? agentLoopSpec(app) : await readLoop(loop) };
}

async function readLoop(file: string): Promise<LoopSpec> {
  let value: unknown;
  try {
    value = parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError('LOOP_UNREADABLE', `--loop ${file}: ${(cause as Error).message}`, { cause });
  }
  return parseLoopSpec(value);
}

function describe({ actor, checkpoint: { document } }: ImportResult, { log }: CommandContext): void {
  const { hidden, activations, outputs, given } = actor;
  const layers = [
    `${document.observationNames.length} features`,
    ...hidden.map((units, i) => `${units} ${activations[i]}`),
    `${document.actionHeads.map(({ choices }) => choices.length).join(' + ')} choices`,
  ];
  const { trainedBy } = document.hyperparameters;
  log(`actor: ${layers.join(' → ')}, from output ${outputs.join(', ')}${trainedBy ? `, of ${trainedBy}` : ''}`);
  if (given !== 'logits') {
    log(
      `the file gives ${given}; taken are the logits before them, and Duoloop chooses: the likeliest rank, the median move`,
    );
  }
  log('it has no critic, so proposals say no value; trained further it can be only where it was trained');
  log(`usual observations: ${formatDecimal(document.normalisation.count, 0)} sampled in the simulator`);
}

function describeEvaluation({ document }: Checkpoint, { log }: CommandContext): void {
  for (const { policy, violationPercent, meanReplicas, traces } of document.evaluation) {
    const name = policy === 'checkpoint:this' ? 'imported' : policy;
    log(
      `${name.padEnd(10)} ${formatPercent(violationPercent)} above the SLA at ${formatDecimal(meanReplicas)} replicas (${traces} held-out days)`,
    );
  }
}
