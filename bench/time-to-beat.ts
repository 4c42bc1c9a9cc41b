/**
 * Wall-clock from nothing until the agent beats the tuned baselines: a fresh process is started (train-until-better.ts),
 * which loads the backend, trains with the default options and plays the held-out traces after every segment.
 */
import { fork } from 'node:child_process';
import { loadApp } from '../env/apps/load-app.ts';
import { evaluatePolicy, meanOutcome } from '../training/evaluate.ts';
import { heldOutTraces } from '../training/trace-sets.ts';
import { resolveTunedPolicy } from '../training/tune.ts';
import { type Benchmark, type Measurement, summarise } from './measurement.ts';
import { nominalPodsOf, validationScore } from './validation-score.ts';

const baselineNames = ['hpa-tuned', 'rps-tuned'] as const;
type BaselineName = (typeof baselineNames)[number];
const requiredSeconds = 60;

export interface RaceTask {
  app: string;
  seed: number;
  baselines: { name: BaselineName; violationPercent: number; meanReplicas: number }[];
}

/** The first validation on the held-out traces that beats the baseline. */
export interface RaceMark {
  baseline: BaselineName;
  /** Since the process began, everything included. */
  seconds: number;
  environmentSteps: number;
  violationPercent: number;
  meanReplicas: number;
}

export interface RaceResult {
  marks: RaceMark[];
  /** Of the training process. */
  peakMegabytes: number;
}

export const timeToBeatBenchmark: Benchmark = {
  name: 'time-to-beat',
  description:
    'seconds from nothing until held-out traces show no more violations and fewer replicas than tuned baselines',
  async run({ quick }) {
    const app = await loadApp('frontend');
    const traces = heldOutTraces({ app, perFamily: 1 });
    const baselines: RaceTask['baselines'] = [];
    for (const name of baselineNames) {
      const policy = await resolveTunedPolicy(name, app, () => {});
      const { violationPercent, meanReplicas } = meanOutcome(name, await evaluatePolicy(policy, { app, traces }));
      baselines.push({ name, violationPercent, meanReplicas });
    }
    const seeds = quick ? [1] : [1, 2, 3, 4, 5];
    const races: RaceResult[] = [];
    for (const seed of seeds) races.push(await race({ app: app.name, seed, baselines }));
    const nominalPods = nominalPodsOf(app);
    const times = baselines.map(({ name, violationPercent, meanReplicas }): Measurement => {
      const marks = races.flatMap(({ marks }) => marks).filter((mark) => mark.baseline === name);
      const scores = marks.map((mark) => validationScore(mark, nominalPods));
      const note =
        `${marks.length} of ${seeds.length} seeds got there; ${name} has ${violationPercent.toFixed(2)} % at ` +
        `${meanReplicas.toFixed(2)} replicas${scores.length > 0 ? `; scores ${scores.map((s) => s.toFixed(3)).join(', ')}` : ''}`;
      const measurement = summarise(
        `time to beat ${name}`,
        's',
        marks.map((mark) => mark.seconds),
      );
      return { ...measurement, required: { value: requiredSeconds, is: 'at most' }, note };
    });
    return [
      ...times,
      summarise(
        'peak memory, training',
        'MB',
        races.map(({ peakMegabytes }) => peakMegabytes),
      ),
    ];
  },
};

/** Trains one seed in a process of its own. */
function race(task: RaceTask): Promise<RaceResult> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./train-until-better.ts', import.meta.url), [JSON.stringify(task)]);
    let result: RaceResult | undefined;
    child.once('message', (message) => {
      result = message as RaceResult;
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0 && result) resolve(result);
      else reject(new Error(`training seed ${task.seed} ended with exit code ${code}`));
    });
  });
}
