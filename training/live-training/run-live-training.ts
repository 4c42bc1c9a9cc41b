/** `duoloop train --env live` as a user sees it: what it needs, what it tells, and what it leaves. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterConnection } from '../../env/cluster/command-options.ts';
import { connectPrometheus } from '../../env/cluster/connect-prometheus.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { createLoadHistory } from '../../env/cluster/live/load-history.ts';
import { createMetricsSource } from '../../env/cluster/live/metrics-source.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import type { CommandContext } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { refuseExistingFolder } from '../../env/files.ts';
import {
  type Checkpoint,
  checkpointApp,
  readCheckpoint,
  writeCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import { loadTensorBackend } from '../../policies/actor-critic/tensor-backend.ts';
import { createDeliberation } from '../../policies/deliberation/deliberation.ts';
import { staleAfterRealSeconds } from '../../policies/deliberation/model-clock.ts';
import { createMetricsWriter } from '../report/metrics-writer.ts';
import type { TrainInput } from '../train-command.ts';
import { askedOptions } from '../train-input.ts';
import type { LiveClock } from './contract.ts';
import { createLiveEnv } from './live-env.ts';
import { parseLiveOptions } from './live-options.ts';
import { type LiveProgress, trainOnline } from './live-train.ts';
import { openLiveWorld } from './live-world.ts';

/** @throws UserError for what is missing, and where it may not act */
export async function runLiveTraining(
  input: TrainInput,
  context: CommandContext,
): Promise<{ checkpoint: Checkpoint; finished: boolean }> {
  const { out, timeScale } = input;
  const { prometheus: url, namespace, deliberativeLoop, resume: folder } = demandFlags(input);
  const resume = await readCheckpoint(folder);
  if (folder !== out) await refuseExistingFolder(out, '--out');
  const options = parseLiveOptions(await askedOptions(input), resume.document);
  const { tf } = await loadTensorBackend({ log: context.log });
  const app = await checkpointApp(resume.document, folder);
  const staleAfterSeconds = staleAfterRealSeconds({ timeScale });
  const deliberation = createDeliberation(resume, app, { origin: folder, timeScale, staleAfterSeconds });
  const clock: LiveClock = {
    now: () => Date.now() / 1000,
    pause: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
    timeScale,
    epochSecond: input.epoch,
  };
  const api = await connectKubernetes({
    ...clusterConnection(input),
    userAgent: 'duoloop-train',
  });
  const prometheus = await connectPrometheus({ url, tokenFile: input.prometheusTokenFile });
  const world = await openLiveWorld({
    api,
    namespace,
    deliberativeLoop,
    identity: `train_${hostname()}_${randomBytes(4).toString('hex')}`,
    policy: { name: `live training from ${resume.document.app.name}`, sha256: resume.document.weights.sha256 },
    services: deliberation.services,
    refusal: deliberation.refusal,
    createSource: ({ preset = input.preset, queries: overrides }) => {
      const queries = presetQueries(preset, overrides);
      const rateWindowSeconds = input.rateWindow;
      return {
        metrics: createMetricsSource({ prometheus, queries, presetName: preset, rateWindowSeconds, now: clock.now }),
        history: createLoadHistory({ prometheus, requestsPerSecond: queries.requestsPerSecond, rateWindowSeconds }),
      };
    },
    now: clock.now,
    log: context.log,
  });
  const metricNames = resume.document.loop.metrics.map(({ name }) => name);
  const env = createLiveEnv({ world, deliberation, app, metricNames, clock, log: context.log });
  const intervalSeconds = resume.document.intervalSeconds / timeScale;
  context.log(`live on ${world.keys.join(', ')}: a decision every ${intervalSeconds} s`);
  const metrics = createMetricsWriter({ directory: join(out, 'metrics') });
  const startedAt = performance.now();
  try {
    const result = await trainOnline({
      env,
      tf,
      resume,
      options,
      signal: context.signal,
      elapsed: () => (performance.now() - startedAt) / 1000,
      async onUpdate(progress, checkpoint) {
        await writeCheckpoint(out, checkpoint);
        metrics.write(checkpoint.document.resume?.environmentSteps ?? 0, clock.now(), scalars(progress));
        context.log(describe(progress, options.environmentSteps));
      },
    });
    await writeCheckpoint(out, result.checkpoint);
    context.log(`checkpoint: ${out}`);
    return result;
  } finally {
    await world.release();
    await metrics.close();
  }
}

function demandFlags({ prometheus, namespace, deliberativeLoop, resume }: TrainInput) {
  if (prometheus && namespace && deliberativeLoop && resume) return { prometheus, namespace, deliberativeLoop, resume };
  const missing = [
    ...(prometheus ? [] : ['--prometheus']),
    ...(namespace ? [] : ['--namespace']),
    ...(deliberativeLoop ? [] : ['--deliberative-loop']),
    ...(resume ? [] : ['--resume']),
  ];
  throw new UserError(
    'TRAIN_OPTIONS',
    `--env live needs ${missing.join(', ')}: it goes on with a trained checkpoint, on closed loops that are measured`,
  );
}

function describe({ decisions, rollout, update, violationPercent, meanReplicas }: LiveProgress, total: number): string {
  const figures = [
    `reward ${rollout.meanReward.toFixed(3)}`,
    `violations ${violationPercent.toFixed(1)} %`,
    `replicas ${meanReplicas.toFixed(2)}`,
    update ? `KL ${(update.approximateKl / update.rows).toExponential(1)}` : `${rollout.buffer.steps} rows, too few`,
  ];
  return `${decisions} of ${total} decisions: ${figures.join(', ')}`;
}

function scalars({ rollout, update, violationPercent, meanReplicas }: LiveProgress): Record<string, number> {
  return {
    'rollout/reward': rollout.meanReward,
    'rollout/replicas': meanReplicas,
    'rollout/violationPercent': violationPercent,
    'rollout/rows': rollout.buffer.steps,
    ...(update && {
      'update/policyLoss': update.policyLoss / update.rows,
      'update/valueLoss': update.valueLoss / update.rows,
      'update/entropy': update.entropy / update.rows,
      'update/approximateKl': update.approximateKl / update.rows,
    }),
  };
}
