/** `duoloop start`: the main job, end to end, on the measured application. */
import { join } from 'node:path';
import { z } from 'zod';
import { loadApp } from '../env/apps/load-app.ts';
import { defineCommand } from '../env/command.ts';
import { refuseExistingFolder, writeFileWhole } from '../env/files.ts';
import { parseCapacity } from '../env/simulator/capacity.ts';
import { formatTrace, type Trace } from '../env/workload/trace.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { loadCheckpointPolicy } from '../policies/two-loop.ts';
import { comparePolicy } from './compare.ts';
import type { ComparisonRow, ComparisonSeries } from './comparison.ts';
import { inspectCheckpoint } from './inspect.ts';
import { trainOptionsSchema } from './options.ts';
import { renderInspectPage } from './report/inspect-page.ts';
import { renderSummaryText } from './report/text-table.ts';
import { writeComparisonPage } from './report/write-comparison.ts';
import { runTraining } from './run-training.ts';
import { stepsByBackend } from './steps-by-backend.ts';
import { heldOutTraces } from './trace-sets.ts';
import { resolveTunedPolicy } from './tune.ts';

const baselines = ['hpa', 'hpa-tuned', 'rps-tuned', 'oracle'] as const;
/** Pods serve 30 % less for eight hours after a release, 30 % more after the next. */
const releases = '0:1,28800:0.7,57600:1.3';

export const command = defineCommand({
  examples: ['duoloop start', 'duoloop start --out runs/first --seed 2'],
  options: [
    { flags: '--out <folder>', description: 'where everything is written' },
    { flags: '--app <name>', description: 'a shipped app model or its JSON file' },
    { flags: '--seed <n>', description: 'seed of the training and of the unseen traffic' },
    { flags: '--steps <n>', description: 'decisions to train for, instead of what fits the tensor backend' },
  ],
  schema: z.object({
    out: z.string().optional(),
    app: z.string().default('frontend'),
    seed: z.coerce.number().int().min(0).default(1),
    steps: z.coerce.number().int().min(1000).optional(),
  }),
  async run(input, context) {
    const out = input.out ?? join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', ''));
    await refuseExistingFolder(out, '--out');
    const app = await loadApp(input.app);
    const { name: backend } = await loadTensorBackend();
    const options = trainOptionsSchema.parse({
      seed: input.seed,
      environmentSteps: input.steps ?? stepsByBackend[backend],
    });
    const folder = join(out, 'checkpoint');
    context.log(
      `1/3  training on ${app.name}: ${options.environmentSteps.toLocaleString('en')} decisions under synthetic traffic`,
    );
    const { finished } = await runTraining({ app, options, out: folder, context });
    if (!finished) {
      context.log(
        `stopped; go on with: npm run duoloop -- train --app ${input.app} --resume ${folder} --out ${folder}`,
      );
      return 1;
    }
    const policy = { ...(await loadCheckpointPolicy(folder)), name: 'checkpoint:checkpoint' };
    const policies = [
      policy,
      ...(await Promise.all(baselines.map((name) => resolveTunedPolicy(name, app, context.log)))),
    ];
    const traces = heldOutTraces({ app, perFamily: 1, seed: 1 + input.seed });
    for (const trace of traces) await writeFileWhole(join(out, 'traces', `${trace.name}.csv`), formatTrace(trace));

    context.log('2/3  comparing on six days of unseen traffic');
    const scenarios = [
      { title: 'the application as trained', file: 'report.html', capacity: undefined },
      {
        title: 'the application changes: a release makes pods 30 % weaker, the next 30 % stronger',
        file: 'report-releases.html',
        capacity: releases,
      },
    ];
    for (const { title, file, capacity } of scenarios) {
      const options = { app, traces, capacity: capacity === undefined ? [] : parseCapacity(capacity) };
      const rows: ComparisonRow[] = [];
      const series: ComparisonSeries[] = [];
      for (const each of policies) {
        const comparison = await comparePolicy(each, options);
        rows.push(...comparison.rows);
        series.push(...comparison.series);
      }
      context.print(`\n${title}`);
      context.print(renderSummaryText(rows));
      await writeFileWhole(join(out, file.replace('html', 'json')), `${JSON.stringify(rows, null, 2)}\n`);
      await writeComparisonPage(join(out, file), {
        rows,
        series,
        options,
        frontiers: true,
        command: compareCommandLine(app.name, out, traces, capacity),
        log: context.log,
      });
    }

    context.log('3/3  looking into the checkpoint');
    const inspection = await inspectCheckpoint(app, { path: folder, checkpoint: await readCheckpoint(folder) });
    await writeFileWhole(join(out, 'inspect.html'), renderInspectPage(inspection));
    context.print(
      `\nOpen ${join(out, 'report.html')}, ${join(out, 'report-releases.html')} and ${join(out, 'inspect.html')}`,
    );
    return 0;
  },
});

/** What shows the same by itself. */
function compareCommandLine(app: string, out: string, traces: readonly Trace[], capacity: string | undefined): string {
  const files = traces.map((trace) => join(out, 'traces', `${trace.name}.csv`)).join(' ');
  const policies = [`checkpoint:${join(out, 'checkpoint')}`, ...baselines].map((name) => `--policy ${name}`).join(' ');
  return `duoloop compare --app ${app} --trace ${files} ${policies}${capacity ? ` --capacity ${capacity}` : ''}`;
}
