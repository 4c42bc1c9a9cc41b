/** `duoloop trace`: synthetic load traces as CSV. */
import { join } from 'node:path';
import { z } from 'zod';
import { loadApp } from '../apps/load-app.ts';
import { defineCommand } from '../command.ts';
import { refuseExistingFolder, writeFileWhole } from '../files.ts';
import { evaluationFamilies, generateTrace, type WorkloadFamily, workloadFamilies } from './families.ts';
import { formatTrace } from './trace.ts';

export const command = defineCommand({
  examples: [
    'duoloop trace --out traces',
    'duoloop trace --family diurnal bursts --seed 7 --count 3 --hours 6 --out traces',
  ],
  options: [
    { flags: '--out <folder>', description: 'where to write <family>-<seed>.csv' },
    {
      flags: '--family <name...>',
      description: `families: ${workloadFamilies.join(', ')} (default: ${evaluationFamilies.join(', ')})`,
    },
    { flags: '--seed <n>', description: 'seed of the first trace of each family' },
    { flags: '--count <n>', description: 'traces per family, with consecutive seeds' },
    { flags: '--hours <n>', description: 'length of a trace' },
    { flags: '--app <name>', description: 'app model that the load fits' },
    {
      flags: '--mean <rps>',
      description: 'load that level 1 of a family stands for, instead of what fits the app model',
    },
  ],
  schema: z.object({
    out: z.string(),
    family: z.array(z.enum(workloadFamilies as [WorkloadFamily, ...WorkloadFamily[]])).default([...evaluationFamilies]),
    seed: z.coerce.number().int().min(0).default(1),
    count: z.coerce.number().int().min(1).max(1000).default(1),
    hours: z.coerce
      .number()
      .positive()
      .max(24 * 28)
      .default(24),
    app: z.string().default('frontend'),
    mean: z.coerce.number().positive().optional(),
  }),
  async run({ out, family, seed, count, hours, app, mean }, context) {
    const level = mean ?? (await loadApp(app)).nominalLoad;
    await refuseExistingFolder(out, '--out');
    for (const name of family) {
      for (let i = 0; i < count; i++) {
        const trace = generateTrace({
          family: name,
          seed: seed + i,
          nominalLoad: level,
          durationSeconds: hours * 3600,
        });
        await writeFileWhole(join(out, `${trace.name}.csv`), formatTrace(trace));
      }
    }
    context.log(`${family.length * count} traces of ${hours} h in ${out}`);
    return 0;
  },
});
