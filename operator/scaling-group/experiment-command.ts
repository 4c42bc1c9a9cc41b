/** `duoloop experiment scaling-time`: how long groups of several sizes take to scale, on the current cluster. */
import { z } from 'zod';
import { clusterConnection, clusterFields, clusterOptions } from '../../env/cluster/command-options.ts';
import { defineCommand } from '../../env/command.ts';
import { writeFileWhole } from '../../env/files.ts';

const defaultSizes = [1, 2, 4, 7, 10, 20];

const sizeList = z
  .string()
  .transform((text) => text.split(',').map((part) => Number(part.trim())))
  .pipe(
    z
      .array(z.int('must be whole numbers joined by commas').min(1).max(64, 'a group has at most 64 named members'))
      .min(1)
      .transform((sizes) => [...new Set(sizes)].sort((a, b) => a - b)),
  );

export const command = defineCommand({
  examples: [
    'duoloop experiment scaling-time --out scaling.csv --html scaling.html',
    'duoloop experiment scaling-time --sizes 1,7,20 --repetitions 20 --latency-ms 20 --out far.csv',
  ],
  arguments: [{ name: '<experiment>', description: 'scaling-time' }],
  options: [
    { flags: '--sizes <list>', description: `numbers of members (default: ${defaultSizes})` },
    { flags: '--repetitions <n>', description: 'scalings of each size' },
    { flags: '--latency-ms <n>', description: 'added to every request of the controller, for a cluster farther away' },
    { flags: '--image <name>', description: 'what the members run' },
    { flags: '--timeout-seconds <n>', description: 'for each scaling' },
    ...clusterOptions,
    { flags: '--out <file>', description: 'CSV, a row a repetition' },
    { flags: '--html <file>', description: 'chart and table' },
    { flags: '--json', description: 'print the summary as JSON' },
  ],
  schema: z.object({
    experiment: z.enum(['scaling-time']),
    sizes: sizeList.default(defaultSizes),
    repetitions: z.coerce.number().int().min(1).max(1000).default(10),
    latencyMs: z.coerce.number().min(0).max(10_000).default(0),
    image: z.string().min(1).default('registry.k8s.io/pause:3.10'),
    timeoutSeconds: z.coerce.number().int().min(1).max(3600).default(120),
    ...clusterFields,
    out: z.string().optional(),
    html: z.string().optional(),
    json: z.boolean().default(false),
  }),
  async run({ sizes, repetitions, latencyMs, image, timeoutSeconds, out, html, json, ...cluster }, context) {
    const [{ connectKubernetes }, { createLogger }, { measureScalingTimes }, results] = await Promise.all([
      import('../../env/cluster/kubernetes-client.ts'),
      import('../../env/service/logger.ts'),
      import('./scaling-time.ts'),
      import('./scaling-time-results.ts'),
    ]);
    const { default: Table } = await import('cli-table3');
    const api = await connectKubernetes(clusterConnection(cluster));
    context.log(`${api.server}: ${sizes.length} sizes, at once and one after another, ${repetitions} times each`);
    const samples = await measureScalingTimes({
      api,
      logger: createLogger({ level: 'warn' }),
      sizes,
      repetitions,
      modes: ['at once', 'one after another'],
      latencyMilliseconds: latencyMs,
      image,
      timeoutSeconds,
      signal: context.signal,
      onSample({ members, mode, repetition, patchedMilliseconds, readyMilliseconds }) {
        if (repetition !== repetitions) return;
        const figures = `${Math.round(patchedMilliseconds)} ms patched, ${Math.round(readyMilliseconds)} ms ready`;
        context.log(`${members} members, ${mode}: ${figures} in the last of ${repetitions}`);
      },
    });
    if (out !== undefined) await writeFileWhole(out, results.formatScalingTimes(samples));
    if (html !== undefined) {
      const { renderScalingTimePage } = await import('./scaling-time-page.ts');
      const { commandLine } = context;
      const createdAt = new Date().toISOString();
      await writeFileWhole(html, renderScalingTimePage({ samples, server: api.server, commandLine, createdAt }));
    }
    const summaries = results.summarizeScalingTimes(samples);
    if (json) {
      context.print(JSON.stringify(summaries, null, 2));
      return 0;
    }
    const table = new Table({
      head: ['members', 'patches', 'last patch accepted, ms', 'last member ready, ms'],
      style: { head: [], border: [] },
    });
    const cell = ({ lowest, median, highest }: { lowest: number; median: number; highest: number }) =>
      `${median} (${lowest}–${highest})`;
    for (const row of summaries) {
      table.push([row.members, row.mode, cell(row.patchedMilliseconds), cell(row.readyMilliseconds)]);
    }
    context.print(table.toString());
    return 0;
  },
});
