/** Child process of time-to-beat.ts: trains one seed until the held-out traces show it ahead of every baseline. */
import { performance } from 'node:perf_hooks';
import { loadApp } from '../env/apps/load-app.ts';
import { loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { checkpointPolicy } from '../policies/two-loop.ts';
import { evaluatePolicy, meanOutcome } from '../training/evaluate.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { heldOutTraces } from '../training/trace-sets.ts';
import { train } from '../training/train.ts';
import type { RaceMark, RaceResult, RaceTask } from './time-to-beat.ts';

const task: RaceTask = JSON.parse(process.argv[2]);
const app = await loadApp(task.app);
const traces = heldOutTraces({ app, perFamily: 1 });
const { tf } = await loadTensorBackend();
const marks: RaceMark[] = [];
const ahead = new AbortController();

await train({
  app,
  options: trainOptionsSchema.parse({ seed: task.seed }),
  tf,
  gitCommit: null,
  signal: ahead.signal,
  async onSegment(checkpoint) {
    const policy = checkpointPolicy({ name: 'in training', origin: 'in training', checkpoint });
    const { violationPercent, meanReplicas } = meanOutcome(policy.name, await evaluatePolicy(policy, { app, traces }));
    for (const { name: baseline, ...outcome } of task.baselines) {
      if (marks.some((mark) => mark.baseline === baseline)) continue;
      if (violationPercent > outcome.violationPercent || meanReplicas >= outcome.meanReplicas) continue;
      // performance.now() counts from the start of the process, so imports and the tensor library are included.
      const seconds = performance.now() / 1000;
      const { environmentSteps } = checkpoint.document.validation.at(-1) ?? { environmentSteps: 0 };
      marks.push({ baseline, seconds, environmentSteps, violationPercent, meanReplicas });
    }
    if (marks.length === task.baselines.length) ahead.abort();
  },
});
const result: RaceResult = { marks, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
process.send?.(result);
