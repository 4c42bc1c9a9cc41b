/** `duoloop adopt`: an application under the two loops by one command, at first only watching. */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { loadApp } from '../../env/apps/load-app.ts';
import {
  clusterConnection,
  clusterFields,
  clusterOptions,
  durationSchema,
  namedPresets,
  presetOption,
  rateWindowField,
  rateWindowOption,
} from '../../env/cluster/command-options.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type CommandContext, defineCommand } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { writeFileWhole } from '../../env/files.ts';
import { pause } from '../../env/service/waiting.ts';
import { readTrace } from '../../env/workload/trace.ts';
import { readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';
import { objectName } from '../../policies/resources/resource.ts';
import { checkpointConfigMap } from '../export/config-map.ts';
import { trainOptionsSchema } from '../options.ts';
import { loopObjects } from './objects.ts';

const schema = z
  .object({
    app: z.string(),
    namespace: objectName,
    name: objectName.optional(),
    traces: z.array(z.string()).min(1).optional(),
    checkpoint: z.string().optional(),
    steps: z.coerce.number().int().min(1000).optional(),
    seed: z.coerce.number().int().min(0).default(1),
    run: z.string().optional(),
    mode: z.enum(['Observe', 'Recommend', 'Bounded']).optional(),
    replaceHpa: z.boolean().default(false),
    replaced: z.string().optional(),
    preset: z.enum(namedPresets).default('istio'),
    rateWindow: rateWindowField.prefault('30s'),
    timeScale: z.coerce.number().positive().max(1000).default(1),
    force: z.boolean().default(false),
    wait: z.boolean().default(true),
    patience: durationSchema.prefault('2m'),
    dryRun: z.boolean().default(false),
    out: z.string().optional(),
    ...clusterFields,
  })
  .refine(({ checkpoint, steps }) => checkpoint === undefined || steps === undefined, {
    path: ['steps'],
    message: 'is of a training, and --checkpoint names a policy that is trained already: leave one out',
  })
  .refine(({ out, dryRun }) => out === undefined || dryRun, {
    path: ['out'],
    message: 'is where --dry-run writes the YAML: add that, or leave it out',
  })
  .refine(({ mode, dryRun }) => !dryRun || mode === undefined || !appliesProposals(mode), {
    path: ['mode'],
    message:
      'cannot be written to a file: loops begin paused and are let go in an order, by this command without --dry-run',
  })
  .refine(({ mode, wait }) => wait || mode === undefined || !appliesProposals(mode), {
    path: ['mode'],
    message: 'waits for a first proposal before it takes over: leave --no-wait out',
  });
type Input = z.infer<typeof schema>;

export const command = defineCommand({
  examples: [
    'duoloop adopt --app shop.json --namespace shop --traces shop.csv',
    'duoloop adopt --app shop.json --namespace shop --checkpoint runs/shop --preset nginx-ingress',
    'duoloop adopt --app shop.json --namespace shop --mode Bounded --replace-hpa',
    'duoloop adopt --app frontend --namespace shop --checkpoint policies/checkpoints/frontend --dry-run --out shop.yaml',
  ],
  options: [
    { flags: '--app <name>', description: 'app model: the file that calibrate wrote, or a shipped name' },
    { flags: '-n, --namespace <name>', description: 'of the application; services are named as its workloads are' },
    { flags: '--name <name>', description: 'of the objects that are made (default: that of the app model)' },
    {
      flags: '--traces <file...>',
      description: 'recorded traffic to judge the policy on (trace CSV), instead of six synthetic days',
    },
    { flags: '--checkpoint <folder>', description: 'a policy trained before; else one is trained now' },
    { flags: '--steps <n>', description: 'decisions to train for, instead of about two minutes' },
    { flags: '--seed <n>', description: 'seed of the training' },
    { flags: '--run <folder>', description: 'where the training is written (default: runs/NAME)' },
    {
      flags: '--mode <mode>',
      description: 'Observe (at first), Recommend or Bounded; left out later, it stays as it is',
    },
    {
      flags: '--replace-hpa',
      description: 'with Bounded: removes the HPAs and ScaledObjects of the application before it acts',
    },
    { flags: '--replaced <file>', description: 'where what was removed is kept (default: NAME-replaced.yaml)' },
    presetOption(namedPresets),
    rateWindowOption('in the queries of the closed loop'),
    { flags: '--time-scale <factor>', description: 'how much faster than life a lab runs' },
    { flags: '--force', description: 'overwrites what others have set, and takes a policy that is not better' },
    { flags: '--no-wait', description: 'does not wait for a first proposal' },
    { flags: '--patience <duration>', description: 'how long to wait for it' },
    { flags: '--dry-run', description: 'prints the YAML instead; trains nothing and asks no cluster' },
    { flags: '--out <file>', description: 'with --dry-run: where the YAML goes' },
    ...clusterOptions,
  ],
  schema,
  async run(input, context) {
    const app = await loadApp(input.app);
    const name = parseName(input.name ?? app.name);
    const objects = {
      app,
      name,
      namespace: input.namespace,
      configMapName: `${name}-policy`,
      preset: input.preset,
      rateWindowSeconds: input.rateWindow,
      timeScale: input.timeScale,
    };
    if (input.dryRun) return printObjects(objects, input, context);
    const traces = input.traces && (await Promise.all(input.traces.map(readTrace)));
    const api = await connectKubernetes({ ...clusterConnection(input), userAgent: 'duoloop-adopt' });
    const { adopt } = await import('./adopt.ts');
    return adopt(
      {
        ...objects,
        traces,
        policy: {
          checkpoint: input.checkpoint,
          steps: input.steps,
          seed: input.seed,
          runFolder: input.run ?? join('runs', name),
        },
        mode: input.mode,
        replaceHpa: input.replaceHpa,
        replacedFile: input.replaced ?? `${name}-replaced.yaml`,
        force: input.force,
        patienceSeconds: input.wait ? input.patience : 0,
        sameCommand: sameCommand(input),
      },
      { api, context, now: () => Date.now() / 1000, pause },
    );
  },
});

function parseName(name: string): string {
  const parsed = objectName.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new UserError('adopt.name', `the app model is called ${name}, and objects cannot be: give them a --name`);
}

/** What finds the same objects again and keeps the policy in force. */
function sameCommand({ app, namespace, name, preset, rateWindow, timeScale, context, kubeconfig }: Input): string {
  const options: readonly (readonly [string, unknown, unknown])[] = [
    ['name', name, undefined],
    ['preset', preset, 'istio'],
    ['rate-window', rateWindow, 30],
    ['time-scale', timeScale, 1],
    ['kubeconfig', kubeconfig, undefined],
    ['context', context, undefined],
  ];
  const given = options.filter(([, value, usual]) => value !== usual).map(([flag, value]) => ` --${flag} ${value}`);
  return `duoloop adopt --app ${app} --namespace ${namespace}${given.join('')}`;
}

async function printObjects(
  adopted: Omit<Parameters<typeof loopObjects>[0], 'kinds'>,
  { checkpoint: folder, mode = 'Observe', out }: Input,
  context: CommandContext,
): Promise<number> {
  const checkpoint = folder === undefined ? undefined : await readCheckpoint(folder);
  const policy = checkpoint?.document ?? {
    loop: agentLoopSpec(adopted.app),
    intervalSeconds: trainOptionsSchema.parse({}).intervalSeconds,
  };
  const { namespace, configMapName: name } = adopted;
  const objects = [
    ...(checkpoint ? [checkpointConfigMap(checkpoint, { namespace, name })] : []),
    ...loopObjects({ ...adopted, kinds: new Map() }, policy, mode).map(({ object }) => object),
  ];
  const notice = checkpoint
    ? ''
    : `# The policy is to be in ConfigMap ${namespace}/${name}: duoloop train … --config-map ${name} --namespace ${namespace}\n`;
  const yaml = notice + objects.map((object) => stringify(object, { lineWidth: 120 })).join('---\n');
  if (out === undefined) context.print(yaml.trimEnd());
  else {
    await writeFileWhole(out, yaml);
    context.log(`${objects.length} objects in ${out}`);
  }
  return 0;
}
