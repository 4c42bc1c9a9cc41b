/** `duoloop groups import`: the Coordinated Scaling Operator's groups.txt and environment as our resources. */
import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { writeFileWhole } from '../env/files.ts';
import { settings } from '../env/settings.ts';
import { objectName } from '../policies/resources/resource.ts';
import { groupManifests } from './groups/group-manifests.ts';
import { type GroupLine, parseGroups } from './groups/parse-groups.ts';

const replicas = z.coerce.number().int().min(0).max(100_000);
const namespaceName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower-case letters, digits and -');
const appName = z
  .string()
  .max(63)
  .regex(/^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$/, 'must be the value of a label');
const actionIntervalSeconds = z.coerce.number().int().min(1).max(86_400);

const ratio = z
  .string()
  .regex(/^[^=]+=[0-9.]+$/, 'must be <member>=<number>, such as webui=2')
  .transform((text) => text.split('=') as [string, unknown])
  .pipe(z.tuple([objectName, z.coerce.number().positive().max(1000)]));

export const command = defineCommand({
  examples: [
    'duoloop groups import groups.txt --namespace shop',
    'duoloop groups import groups.txt --namespace shop --ratio webui=2 --action-interval 60 --out groups.yaml',
    'duoloop groups import --app-name teastore --namespace shop',
  ],
  arguments: [
    { name: '<action>', description: 'import: write the groups of a file as ScalingGroups' },
    { name: '[file]', description: 'a line a group, comma-separated names, # for comments (GROUP_FILE)' },
  ],
  options: [
    { flags: '--namespace <name>', description: 'of the workloads and their groups (NAMESPACE)' },
    {
      flags: '--app-name <name>',
      description: 'label app of the groups; without a file, one group of all workloads with it (APP_NAME)',
    },
    {
      flags: '--action-interval <seconds>',
      description:
        'scale the groups to random sizes this often: adds closed loops and a DeliberativeLoop (ACTION_INTERVAL)',
    },
    { flags: '--ratio <member=number...>', description: 'replicas of a member per replica of its group; 1 for others' },
    { flags: '--kind <kind>', description: 'Deployment or StatefulSet' },
    { flags: '--replicas <n>', description: 'size of the groups at the start' },
    { flags: '--min-replicas <n>', description: 'smallest size of a group' },
    { flags: '--max-replicas <n>', description: 'largest size of a group' },
    { flags: '--out <file>', description: 'where to write the YAML instead of printing it' },
  ],
  schema: z
    .object({
      action: z.literal('import', { error: 'must be import' }),
      file: z.string().optional(),
      namespace: namespaceName.optional(),
      appName: appName.optional(),
      actionInterval: actionIntervalSeconds.optional(),
      ratio: z.array(ratio).default([]),
      kind: z.enum(['Deployment', 'StatefulSet']).default('Deployment'),
      replicas: replicas.default(1),
      minReplicas: replicas.default(1),
      maxReplicas: replicas.min(1).default(10),
      out: z.string().optional(),
    })
    .refine(({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas, {
      path: ['minReplicas'],
      message: 'is above --max-replicas: lower the one or raise the other',
    }),
  async run(input, { print, log }) {
    const environment = settings().coordinatedScaling;
    const file = input.file ?? environment.groupFile;
    const namespace = input.namespace ?? fromEnvironment('NAMESPACE', environment.namespace, namespaceName);
    const app = input.appName ?? fromEnvironment('APP_NAME', environment.appName, appName);
    if (namespace === undefined) {
      throw new UserError(
        'groups.input',
        '--namespace is missing: name the namespace of the workloads, or set NAMESPACE',
      );
    }
    if (file === undefined && app === undefined) {
      throw new UserError(
        'groups.input',
        'there is nothing to import: name a file of groups (or set GROUP_FILE), or give --app-name (or set APP_NAME)',
      );
    }
    const manifests = groupManifests(file === undefined ? [] : await readGroups(file), {
      namespace,
      kind: input.kind,
      ratios: Object.fromEntries(input.ratio),
      replicas: input.replicas,
      minReplicas: input.minReplicas,
      maxReplicas: input.maxReplicas,
      appName: app,
      actionIntervalSeconds:
        input.actionInterval ?? fromEnvironment('ACTION_INTERVAL', environment.actionInterval, actionIntervalSeconds),
    });
    const yaml = manifests.map((manifest) => stringify(manifest, { lineWidth: 120 })).join('---\n');
    if (input.out === undefined) {
      print(yaml.trimEnd());
      return 0;
    }
    await writeFileWhole(input.out, yaml);
    log(`${manifests.length} objects in ${input.out}; kubectl apply -f ${input.out} creates them`);
    return 0;
  },
});

async function readGroups(file: string): Promise<GroupLine[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('groups.file', `cannot read ${file}: ${(cause as Error).message}; name a file of groups`, {
      cause,
    });
  }
  return parseGroups(text, file);
}

/** @throws UserError `groups.environment` naming the variable */
function fromEnvironment<T>(name: string, value: string | undefined, schema: z.ZodType<T>): T | undefined {
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(
    'groups.environment',
    `${name}="${value}" in the environment: ${parsed.error.issues[0].message}; correct or unset it`,
    { cause: parsed.error },
  );
}
