/** A training run as a user sees it: backend, progress, metrics, checkpoints on disk and the final evaluation. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AppModel } from '../env/apps/app-model.ts';
import type { CommandContext } from '../env/command.ts';
import type { Trace } from '../env/workload/trace.ts';
import { type Checkpoint, writeCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { evaluateAgainstBaselines } from './evaluate-against-baselines.ts';
import type { TrainOptions } from './options.ts';
import { createMetricsWriter } from './report/metrics-writer.ts';
import { createProgress } from './report/progress.ts';
import { serveTrainingMetrics } from './report/training-metrics.ts';
import { type TrainProgress, train } from './train.ts';

export interface TrainingRun {
  app: AppModel;
  options: TrainOptions;
  traces?: readonly Trace[];
  resume?: Checkpoint;
  from?: Checkpoint;
  out: string;
  /** Where Prometheus is told of the progress; nowhere when left out. */
  serveMetrics?: { port: number; host: string };
  context: Pick<CommandContext, 'signal' | 'log'>;
}

/** Least time between two checkpoints on disk; one is also written at the end and on Ctrl-C. */
const checkpointMilliseconds = 15_000;

/** Trains and writes the checkpoint into `out`; `finished` is false when it was stopped before the end. */
export async function runTraining(run: TrainingRun): Promise<{ checkpoint: Checkpoint; finished: boolean }> {
  const { app, options, out, context } = run;
  const { tf } = await loadTensorBackend({ log: context.log });
  const metrics = createMetricsWriter({ directory: join(out, 'metrics') });
  const served = run.serveMetrics
    ? await serveTrainingMetrics({ ...run.serveMetrics, app: app.name, targetSteps: options.environmentSteps })
    : undefined;
  if (served) context.log(`metrics: ${served.url}`);
  const progress = createProgress({ title: `train ${app.name}`, total: options.environmentSteps });
  let written = performance.now();
  let checkpoint: Checkpoint;
  try {
    checkpoint = await train({
      ...run,
      tf,
      gitCommit: await gitCommit(),
      signal: context.signal,
      onRollout(state) {
        progress.update(Math.min(state.environmentSteps, options.environmentSteps), progressFields(state));
        const values = scalars(state);
        metrics.write(state.environmentSteps, Date.now() / 1000, values);
        served?.show(state.environmentSteps, values);
      },
      async onSegment(latest) {
        if (performance.now() - written < checkpointMilliseconds) return;
        await writeCheckpoint(out, latest);
        written = performance.now();
      },
    });
  } finally {
    progress.stop();
    await metrics.close();
    await served?.close();
  }
  const finished = !context.signal.aborted;
  if (finished) checkpoint.document.evaluation = await evaluateAgainstBaselines(app, checkpoint, context.log);
  await writeCheckpoint(out, checkpoint);
  context.log(`checkpoint: ${out}`);
  return { checkpoint, finished };
}

function progressFields({ phase, rollout, validation }: TrainProgress): Record<string, string> {
  return {
    phase,
    reward: rollout.meanReward.toFixed(2),
    'violation %': (validation?.violationPercent ?? rollout.violationPercent).toFixed(2),
    replicas: (validation?.meanReplicas ?? rollout.meanReplicas).toFixed(2),
  };
}

function scalars({
  rollout,
  update,
  validation,
  learningRate,
  violationWeight,
  environmentSteps,
  seconds,
}: TrainProgress): Record<string, number> {
  return {
    'rollout/reward': rollout.meanReward,
    'rollout/replicas': rollout.meanReplicas,
    'rollout/violationPercent': rollout.violationPercent,
    'reward/cost': rollout.costTerm,
    'reward/violation': rollout.violationTerm,
    'reward/churn': rollout.churnTerm,
    'update/policyLoss': update.policyLoss / update.rows,
    'update/valueLoss': update.valueLoss / update.rows,
    'update/entropy': update.entropy / update.rows,
    'update/approximateKl': update.approximateKl / update.rows,
    'update/clippedShare': update.clipped / update.rows,
    'update/gradientNorm': update.gradientNorm / update.updates,
    'update/learningRate': learningRate,
    'lagrangian/violationWeight': violationWeight,
    'time/stepsPerSecond': environmentSteps / seconds,
    ...(validation && {
      'validation/violationPercent': validation.violationPercent,
      'validation/replicas': validation.meanReplicas,
    }),
  };
}

/** The commit of the checkout that trains, null outside of one. */
async function gitCommit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname });
    return stdout.trim();
  } catch {
    return null;
  }
}
