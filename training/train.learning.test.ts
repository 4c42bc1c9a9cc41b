import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadApp } from '../env/apps/load-app.ts';
import { readCheckpoint, writeCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { activateTensorBackend, loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { optionsOf, trainOptionsSchema } from './options.ts';
import { train } from './train.ts';
import { resolveTunedPolicy } from './tune.ts';
import { createValidation } from './validation.ts';

const app = await loadApp('frontend');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a training run', () => {
  const options = trainOptionsSchema.parse({
    seed: 5,
    lanes: 16,
    rolloutSteps: 4,
    segmentRollouts: 2,
    environmentSteps: 16 * 4 * 2 * 4,
    hidden: [8],
    minibatchRows: 32,
    warmStartShare: 0.5,
    violationTargetPercent: 1,
  });

  it.each(['ppo', 'a2c'] as const)(
    'of %s that was stopped and resumed leaves the very same weights',
    async (algorithm) => {
      const tf = await activateTensorBackend('cpu');
      const input = { app, options: { ...options, algorithm }, tf, gitCommit: null };
      const whole = await train(input);

      // Stopped in the middle of the second segment: what is left is the end of the first.
      const stop = new AbortController();
      let rollouts = 0;
      const onRollout = () => {
        if (++rollouts === 3) stop.abort();
      };
      const stopped = await train({ ...input, signal: stop.signal, onRollout });
      expect(stopped.document.resume?.segment).toBe(1);
      await writeCheckpoint(join(folder, algorithm), stopped);
      const left = await readCheckpoint(join(folder, algorithm));
      const resumed = await train({ ...input, options: optionsOf(left.document), resume: left });

      expect(resumed.parameters).toEqual(whole.parameters);
      expect(resumed.optimizer).toEqual(whole.optimizer);
      expect(resumed.document.validation.map((point) => point.violationPercent)).toEqual(
        whole.document.validation.map((point) => point.violationPercent),
      );
      expect(whole.parameters).not.toEqual(stopped.parameters);
    },
    120_000,
  );

  it('on the measured application soon needs fewer pods than the tuned HPA at fewer violations', async () => {
    const { tf } = await loadTensorBackend();
    const checkpoint = await train({
      app,
      tf,
      gitCommit: null,
      options: trainOptionsSchema.parse({ environmentSteps: 500_000, warmStartShare: 1 }),
    });
    const trained = checkpoint.document.validation.at(-1);
    const rival = await createValidation(app)(await resolveTunedPolicy('hpa-tuned', app, () => {}));
    expect(trained?.violationPercent).toBeLessThan(rival.violationPercent);
    expect(trained?.meanReplicas).toBeLessThan(0.95 * rival.meanReplicas);
  }, 240_000);
});
