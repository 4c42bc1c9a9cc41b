/** `duoloop migrate`: HorizontalPodAutoscalers and KEDA's ScaledObjects as closed loops that behave alike. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { clusterConnection, clusterFields, clusterOptions } from '../env/cluster/command-options.ts';
import { isNotFound, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { writeFileWhole } from '../env/files.ts';
import { objectName } from '../policies/resources/resource.ts';
import { formatMigrations, noteText } from './migrate/format.ts';
import { migrateAutoscalers } from './migrate/migrate.ts';
import { parseDocuments, readAutoscalers } from './migrate/read-autoscalers.ts';

const query = z
  .string()
  .regex(/^[^=]+=[\s\S]+$/, "must be <metric>=<PromQL>, such as queue='sum(queue_length)'")
  .transform((input) => {
    const at = input.indexOf('=');
    return [input.slice(0, at), input.slice(at + 1)] as const;
  });

const schema = z
  .object({
    files: z.array(z.string()).default([]),
    namespace: objectName.optional(),
    query: z.array(query).default([]),
    out: z.string().optional(),
    ...clusterFields,
  })
  .refine(({ files, namespace }) => files.length > 0 || namespace !== undefined, {
    path: ['namespace'],
    message: 'or files are needed: where the autoscalers are; - reads from stdin',
  });
type Input = z.infer<typeof schema>;

export const command = defineCommand({
  examples: [
    'duoloop migrate --namespace shop --out loops.yaml',
    'duoloop migrate hpa.yaml scaledobjects.yaml --namespace shop --out loops.yaml',
    'duoloop migrate hpa.yaml --query queue_length=\'sum(rabbitmq_queue_messages{queue="orders"})\'',
  ],
  arguments: [
    {
      name: '[files...]',
      description:
        'HorizontalPodAutoscalers and ScaledObjects as YAML or JSON, Lists too; - is stdin. Else the cluster’s',
    },
  ],
  options: [
    { flags: '-n, --namespace <name>', description: 'whose autoscalers; with files: of objects that name none' },
    {
      flags: '--query <metric=promql...>',
      description: 'what a metric of an adapter or of another trigger is in Prometheus',
    },
    { flags: '--out <file>', description: 'where to write the YAML instead of printing it' },
    ...clusterOptions,
  ],
  schema,
  async run(input, { print, log, signal }) {
    const { autoscalers, passedOver } = readAutoscalers(await documentsOf(input, signal), input.namespace);
    for (const line of passedOver) log(`passed over: ${line}`);
    if (autoscalers.length === 0) {
      throw new UserError(
        'migrate.input',
        `there is no HorizontalPodAutoscaler and no ScaledObject in ${input.files.join(', ') || `namespace ${input.namespace}`}`,
      );
    }
    const migrations = migrateAutoscalers(autoscalers, new Map(input.query));
    const yaml = formatMigrations(migrations);
    for (const { source, manifest, notes } of migrations) {
      log(`${source}: ${manifest === undefined ? 'not converted' : `ClosedLoop ${manifest.metadata.name}`}`);
      for (const note of notes) log(`  ${noteText(note)}`);
    }
    if (yaml !== '' && input.out === undefined) print(yaml.trimEnd());
    else if (yaml !== '' && input.out !== undefined) {
      await writeFileWhole(input.out, yaml);
      log(
        `wrote ${input.out}; kubectl apply -f ${input.out} makes paused closed loops that watch beside the autoscalers`,
      );
    }
    return migrations.every(({ manifest }) => manifest !== undefined) ? 0 : 1;
  },
});

async function documentsOf(input: Input, signal: AbortSignal): Promise<unknown[]> {
  if (input.files.length > 0) {
    const texts = await Promise.all(input.files.map(async (file) => ({ file, content: await readInput(file) })));
    return texts.flatMap(({ file, content }) => parseDocuments(content, file === '-' ? 'stdin' : file));
  }
  const api = await connectKubernetes({ ...clusterConnection(input), userAgent: 'duoloop-migrate' });
  const { namespace } = input;
  const lists = await Promise.all(
    [resourceTypes.horizontalPodAutoscaler, resourceTypes.scaledObject].map(async (type) => {
      try {
        return (await api.list<unknown>(type, { namespace, signal })).items;
      } catch (error) {
        // Where KEDA is not installed there is no such type.
        if (isNotFound(error)) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

async function readInput(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('migrate.file', `cannot read ${file}: ${(cause as Error).message}; name a file of YAML`, {
      cause,
    });
  }
}
